"""Clouds as a reward of steps looks at them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from robopref.nets.points import thin
from robopref.nets.stacked import StackedPointNet


class CloudEncoder(nn.Module):
    """N point encoders with one normalisation.

    Args:
        copies: Encoders N.
        widths: Sizes of the layers.
        points: Points kept of a cloud.
    """

    key = "points"
    centre: Tensor
    radius: Tensor

    def __init__(self, copies: int, *, widths: Sequence[int] = (64, 128), points: int = 128) -> None:
        super().__init__()
        self.settings: dict[str, Any] = {"widths": list(widths), "points": points}
        self.points, self.size, self.hidden = points, widths[-1], points * sum(widths)
        self.register_buffer("centre", torch.zeros(3))
        self.register_buffer("radius", torch.ones(()))
        self.network = StackedPointNet(copies, widths)

    def fit(self, views: Tensor) -> None:
        """Take centre and radius from (S, P, 3+C) clouds."""
        views = views[..., :3]
        self.centre.copy_(views.mean((0, 1)))
        self.radius.copy_((views - self.centre).square().sum(-1).mean().sqrt().clamp(min=1e-3))

    def forward(self, views: Tensor) -> Tensor:
        """Encode (N, R, P, 3+C) clouds as (N, R, F)."""
        clouds = (thin(views[..., :3].flatten(0, 1).float(), self.points) - self.centre) / self.radius
        return self.network(clouds.unflatten(0, views.shape[:2]))
