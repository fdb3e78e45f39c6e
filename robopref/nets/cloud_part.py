"""Clouds as a policy without anchors looks at them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from robopref.nets.background import StillPoints, foreground
from robopref.nets.points import thin

_STILL = 1e-4


class CloudPart(nn.Module):
    """DP3's point encoder (Ze et al. 2024, section 3.2): an MLP of each point, the maximum, a projection.

    Positions are measured from the middle of the recorded clouds, in units of their extent; what else is known of a
    point, such as its colour, is normalised by itself.

    Args:
        columns: Numbers of a point, 3 + C.
        width: Size F of the encoding.
        points: Points that are looked at; a cloud with more is thinned evenly.
        layers: Sizes of the layers of a point.
        background: Points where more than this share of the recorded clouds have one are left out, see `StillPoints`;
            None leaves out none.
    """

    middle: Tensor
    extent: Tensor

    def __init__(
        self, columns: int, *, width: int, points: int = 128, layers: Sequence[int] = (64, 128, 256),
        background: float | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.points = points
        self.background = None if background is None else StillPoints(background)
        self.register_buffer("middle", torch.zeros(columns))
        self.register_buffer("extent", torch.ones(columns))
        sizes = [columns, *layers]
        self.network = nn.Sequential(
            *(part for before, after in pairwise(sizes) for part in _layer(before, after)),
        )
        self.project = nn.Sequential(nn.Linear(sizes[-1], width), nn.LayerNorm(width))

    def fit(self, samples: Tensor) -> None:
        """Take middle and extent of (S, P, 3+C) recorded clouds."""
        exact = samples.flatten(0, 1).double()
        middle, spread = exact.mean(0), exact.std(0, unbiased=False)
        # One unit of length for all three directions keeps shapes as they are.
        spread[:3] = spread[:3].square().sum().sqrt()
        self.middle.copy_(middle)
        self.extent.copy_(torch.where(spread > _STILL, spread, torch.ones_like(spread)))
        if self.background is not None:
            self.background.fit(samples[..., :3])

    def forward(self, clouds: Tensor) -> Tensor:
        """Encode (R, P, 3+C) as (R, F)."""
        seen = (self._looked_at(clouds).to(self.middle.dtype) - self.middle) / self.extent
        return self.project(self.network(seen).max(1).values)

    def varied(self, clouds: Tensor, generator: torch.Generator) -> Tensor:
        """Keep `points` of each cloud (R, P, 3+C) at random."""
        if clouds.shape[1] <= self.points:
            return clouds
        order = torch.rand(clouds.shape[:2], generator=generator, device=generator.device)
        if self.background is not None:
            return self._foreground(self.background, clouds, order.to(clouds.device))
        kept = order.topk(self.points, dim=1, sorted=False).indices.to(clouds.device)
        return _taken(clouds, kept)

    def _looked_at(self, clouds: Tensor) -> Tensor:
        if self.background is None:
            return thin(clouds, self.points)
        size = clouds.shape[1]
        order = torch.arange(size, device=clouds.device, dtype=self.middle.dtype) / size
        return self._foreground(self.background, clouds, order.expand(clouds.shape[:2]))

    def _foreground(self, background: StillPoints, clouds: Tensor, order: Tensor) -> Tensor:
        count = min(self.points, clouds.shape[1])
        return _taken(clouds, foreground(background(clouds[..., :3].to(self.middle.dtype)), order, count))


def _taken(clouds: Tensor, places: Tensor) -> Tensor:
    """Points (R, C, 3+C) at (R, C) places of clouds."""
    return clouds.gather(1, places[..., None].expand(-1, -1, clouds.shape[2]))


def _layer(before: int, after: int) -> tuple[nn.Module, ...]:
    return nn.Linear(before, after), nn.LayerNorm(after), nn.ReLU()
