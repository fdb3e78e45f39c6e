"""Explicit rewards of segments: a network scores each step, and a segment is worth their sum."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from robopref.errors import ConfigError
from robopref.types import Scores


class SegmentReward(nn.Module):
    """Sum of per-step rewards (Christiano et al. 2017), by one network or several at once.

    Args:
        channels: Values of a step C.
        width: Width of the two hidden layers.
        members: Networks E; their disagreement is the spread.

    Raises:
        ConfigError: There is no member.
    """

    def __init__(self, channels: int, *, width: int = 64, members: int = 1) -> None:
        super().__init__()
        if members < 1:
            raise ConfigError(f"members must be 1 or more, got {members}")
        self.mean = nn.Buffer(torch.zeros(channels))
        self.std = nn.Buffer(torch.ones(channels))
        sizes = [(channels, width), (width, width), (width, 1)]
        self.weights = nn.ParameterList([nn.Parameter(_uniform(members, *size)) for size in sizes])
        self.biases = nn.ParameterList([nn.Parameter(torch.zeros(members, 1, size[1])) for size in sizes])

    def standardise(self, steps: Tensor, weight: Tensor) -> None:
        """Take mean and standard deviation of the values of a step from data.

        Args:
            steps: (..., T, C).
            weight: (..., T) zero beyond the end of a segment.
        """
        there = steps[weight > 0]
        self.mean.copy_(there.mean(0))
        self.std.copy_(there.std(0).clamp(min=1e-3))

    def members(self, steps: Tensor, weight: Tensor) -> Tensor:
        """What each network says of segments.

        Args:
            steps: (E, B, K, T, C), each network's own, or (B, K, T, C) for all.
            weight: How much each step counts; the same shape without C.

        Returns:
            (E, B, K).
        """
        count = len(self.weights[0])
        if steps.ndim == 4:
            steps, weight = steps.expand(count, *steps.shape), weight.expand(count, *weight.shape)
        hidden = ((steps - self.mean) / self.std).flatten(1, 3)
        for i, (matrix, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            hidden = torch.baddbmm(bias, hidden if i == 0 else hidden.relu(), matrix)
        return (hidden.view(weight.shape) * weight).sum(-1)

    def score(self, steps: Tensor, weight: Tensor) -> Scores:
        """Score segments.

        Args:
            steps: (B, K, T, C).
            weight: (B, K, T) how much each step counts, zero beyond the end of a segment.

        Returns:
            (B, K) mean over networks; the spread is their standard deviation where there are several.
        """
        values = self.members(steps, weight)
        return Scores(values.mean(0), values.std(0) if len(values) > 1 else None)


def _uniform(members: int, inputs: int, outputs: int) -> Tensor:
    bound = 1 / math.sqrt(inputs)
    return torch.empty(members, inputs, outputs).uniform_(-bound, bound)
