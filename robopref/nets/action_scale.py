"""Between actions as they are recorded and actions in [-1, 1], in which networks think."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from robopref.errors import DataError

# A recorded action that moves less than this is taken for one that never moves.
_STILL = 1e-4


class SameScale:
    """Actions that are recorded in [-1, 1]."""

    def inside(self, actions: Tensor) -> Tensor:
        """The same actions."""
        return actions

    def outside(self, actions: Tensor) -> Tensor:
        """The same actions."""
        return actions


class ActionScale(nn.Module):
    """Maps what was recorded, dimension by dimension, to [-1, 1] and back; saved with the weights.

    Args:
        size: Action dim A.
    """

    low: Tensor
    high: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("low", -torch.ones(size))
        self.register_buffer("high", torch.ones(size))

    def fit(self, actions: Tensor) -> None:
        """Take the least and the greatest of each dimension.

        Args:
            actions: (S, A).

        Raises:
            DataError: They are of another size, or none, or not finite.
        """
        if actions.ndim != 2 or actions.shape[1] != len(self.low) or not len(actions):
            raise DataError(f"recorded actions must be (S, {len(self.low)}), got {tuple(actions.shape)}")
        low, high = actions.amin(0), actions.amax(0)
        if not bool((low.isfinite() & high.isfinite()).all()):
            raise DataError("recorded actions are not all finite; look for them with: robopref data quality")
        self.low.copy_(low)
        self.high.copy_(high)

    def inside(self, actions: Tensor) -> Tensor:
        """Map recorded (..., A) to [-1, 1], and what lies beyond the records beyond it; what never moves is 0."""
        half = self._half
        return (actions - self._middle) / torch.where(half > _STILL / 2, half, torch.ones_like(half))

    def outside(self, actions: Tensor) -> Tensor:
        """Map (..., A) back; what never moves stays where it was, whatever is given."""
        half = self._half
        return self._middle + torch.where(half > _STILL / 2, half, torch.zeros_like(half)) * actions

    @property
    def _middle(self) -> Tensor:
        return (self.low + self.high) / 2

    @property
    def _half(self) -> Tensor:
        return (self.high - self.low) / 2
