"""What steps a reward was trained on, so that one can tell how far others are from them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from robopref.errors import DataError

_KEPT = 1000
_INSIDE = 0.99
_PARTS = 4


class LabelledSteps(nn.Module):
    """Steps that were compared, and how near a step has to be to count as one of their kind.

    Distances are Euclidean between standardised features. The radius is that within which 99 % of the steps of one half
    of the pairs have a neighbour in the other half, so a step is outside if hardly any labelled one was as lonely.

    Args:
        count: Steps that are kept R.
        size: Features of a step F.
    """

    kept: Tensor
    mean: Tensor
    std: Tensor
    radius: Tensor

    def __init__(self, count: int, size: int) -> None:
        super().__init__()
        self.register_buffer("kept", torch.zeros(count, size))
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("std", torch.ones(size))
        self.register_buffer("radius", torch.zeros(()))

    @classmethod
    def of(cls, features: Tensor, weight: Tensor, *, seed: int = 0) -> LabelledSteps:
        """Remember the steps of labelled pairs, at most 1,000 of each half.

        Args:
            features: (B, 2, T, F), see `step_features`.
            weight: (B, 2, T) zero beyond the end of a segment.
            seed: Which ones.

        Raises:
            DataError: There are fewer than two pairs.
        """
        if len(features) < 2:
            raise DataError(f"need two labelled pairs or more to tell what is near them, got {len(features)}")
        generator = torch.Generator().manual_seed(seed)
        order, half = torch.randperm(len(features), generator=generator), len(features) // 2
        parts = [features[rows][weight[rows] > 0] for rows in (order[:half], order[half:])]
        parts = [part[torch.randperm(len(part), generator=generator)[:_KEPT]] for part in parts]
        every = torch.cat(parts)
        made = cls(len(every), every.shape[1])
        made.mean.copy_(every.mean(0))
        made.std.copy_(every.std(0, correction=0).clamp(min=1e-3))
        first, second = ((part - made.mean) / made.std for part in parts)
        made.radius.copy_(torch.cat([_nearest(first, second), _nearest(second, first)]).quantile(_INSIDE))
        made.kept.copy_((every - made.mean) / made.std)
        return made

    def outside(self, features: Tensor) -> Tensor:
        """Whether steps are unlike all labelled ones.

        Args:
            features: (..., F).

        Returns:
            (...) bool.
        """
        flat = (features.flatten(0, -2) - self.mean) / self.std
        return (_nearest(flat, self.kept) > self.radius).view(features.shape[:-1])


def step_features(steps: Tensor, view: Tensor | None = None) -> Tensor:
    """A few numbers of each step: values, mean and spread of a cloud, brightness of parts of a picture.

    Args:
        steps: (..., C).
        view: (..., P, 3) or (..., h, w, 3).

    Returns:
        (..., F).
    """
    if view is None:
        return steps
    if view.ndim == steps.ndim + 1:
        seen = torch.cat([view.mean(-2), view.std(-2, correction=0)], dim=-1)
    else:
        grey = view.float().mean(-1).flatten(0, -3)[:, None] / 255
        seen = functional.adaptive_avg_pool2d(grey, _PARTS).view(*steps.shape[:-1], _PARTS**2)
    return torch.cat([steps, seen], dim=-1)


def _nearest(steps: Tensor, others: Tensor) -> Tensor:
    return torch.cdist(steps, others).amin(1)
