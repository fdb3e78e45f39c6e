"""What stands still in recorded clouds, so that a policy can look at the rest."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_CELLS = 64  # along the longest side of the recorded clouds


class StillPoints(nn.Module):
    """Tells points that are where most recordings have one from those that came, went or moved.

    Space is cut into cubes, 64 along the longest side of the box around the recorded clouds. It holds for clouds of the
    same camera, or of the same workspace if they are in its coordinates.

    Args:
        share: Share of the recorded clouds, in (0, 1), beyond which a cube with a point in it is background.
    """

    lower: Tensor
    cell: Tensor
    still: Tensor

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share
        self.register_buffer("lower", torch.zeros(3))
        self.register_buffer("cell", torch.ones(()))
        self.register_buffer("still", torch.zeros(_CELLS**3, dtype=torch.bool))

    def fit(self, clouds: Tensor) -> None:
        """Take what is background of (S, P, 3) recorded clouds."""
        flat = clouds.flatten(0, 1)
        lower, upper = flat.amin(0), flat.amax(0)
        self.lower.copy_(lower)
        # A little more than the box, so that what is on its upper sides is in it.
        self.cell.copy_(((upper - lower).amax() / _CELLS * 1.001).clamp(min=1e-6))
        seen = torch.zeros(_CELLS**3, device=self.still.device)
        for cloud in clouds:
            seen[self._cells(cloud.to(self.lower))[0].unique()] += 1
        self.still.copy_(seen > self.share * len(clouds))

    def forward(self, clouds: Tensor) -> Tensor:
        """Whether each point of (R, P, 3) clouds is background, (R, P)."""
        cells, inside = self._cells(clouds)
        return self.still[cells] & inside

    def _cells(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """The cube of each of (..., 3) points, and whether there is one."""
        steps = ((points - self.lower) / self.cell).floor()
        nearest = steps.clamp(0, _CELLS - 1)
        x, y, z = nearest.long().unbind(-1)
        return (x * _CELLS + y) * _CELLS + z, (steps == nearest).sum(-1) == 3


def foreground(still: Tensor, order: Tensor, count: int) -> Tensor:
    """Choose points of clouds that are not background, all of them if there are no others.

    Args:
        still: (R, P) whether a point is background.
        order: (R, P) numbers in [0, 1), by which points are sorted before they are chosen evenly.
        count: How many are wanted, C; where there are fewer, they are chosen more than once.

    Returns:
        (R, C) places of the chosen points.
    """
    moving = (~still).sum(1, keepdim=True)
    available = torch.where(moving > 0, moving, still.shape[1])
    # Those that are not background come first.
    sorted_places = (order + still.to(order.dtype)).topk(still.shape[1], dim=1, largest=False).indices
    chosen = torch.div(torch.arange(count, device=still.device) * available, count, rounding_mode="floor")
    return sorted_places.gather(1, chosen)
