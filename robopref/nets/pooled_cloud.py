"""Clouds as a reward of outcomes looks at them, which has to learn their shape from few answers."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from robopref.nets.cloud_part import CloudPart


class PooledCloudPart(CloudPart):
    """A PointNet of two stages (Qi et al. 2017, segmentation form) whose points know the whole cloud; mean and maximum.

    The mean says how much of the cloud is like what, which a maximum alone does not, and needs fewer answers to be
    learnt from.

    Args:
        columns: Numbers of a point, 3 + C.
        width: Size F of the encoding, and of every layer.
        points: Points that are looked at; a cloud with more is thinned evenly.
    """

    def __init__(self, columns: int, *, width: int, points: int = 128) -> None:
        super().__init__(columns, width=width, points=points, layers=(width,))
        self.network = _stage(columns, width)
        self.context = _stage(3 * width, width)
        self.project = nn.Sequential(nn.Linear(2 * width, width))

    def forward(self, clouds: Tensor) -> Tensor:
        """Encode (R, P, 3+C) as (R, F)."""
        seen = (self._looked_at(clouds).to(self.middle.dtype) - self.middle) / self.extent
        local = self.network(seen)
        whole = torch.cat([local.amax(1), local.mean(1)], dim=-1)
        known = self.context[1:](self._with_whole(local, whole))
        return self.project(torch.cat([known.mean(1), known.amax(1)], dim=-1))

    def _with_whole(self, local: Tensor, whole: Tensor) -> Tensor:
        """The first layer of what points know: (R, P, F) of their own, (R, 2F) that all of a cloud share.

        It is the layer of both side by side; what is shared goes through it once a cloud, not once a point.
        """
        first = self.context[0]
        assert isinstance(first, nn.Linear)
        own, shared = first.weight.split([local.shape[-1], whole.shape[-1]], dim=1)
        return functional.linear(local, own) + functional.linear(whole, shared, first.bias)[:, None]


def _stage(before: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(before, width), nn.LayerNorm(width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())
