"""Explicit rewards of segments: a network scores each step, and a segment is worth their sum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from robopref.errors import ConfigError, DataError
from robopref.nets.points import thin
from robopref.nets.stacked import StackedMLP, StackedPointNet
from robopref.rewards.labelled import LabelledSteps
from robopref.types import Scores

_HIDDEN = 1 << 22  # numbers in hidden layers at a time


class SegmentReward(nn.Module):
    """Sum of per-step rewards (Christiano et al. 2017), by one network or several at once.

    Args:
        channels: Values of a step C.
        width: Width of the two hidden layers.
        members: Networks E; their disagreement is the spread.
        encoder: Sizes of the layers of a point encoder; empty for steps without a cloud.
        points: Points kept of a cloud.

    Raises:
        ConfigError: There is no member.
    """

    mean: Tensor
    std: Tensor
    centre: Tensor
    radius: Tensor

    def __init__(
        self, channels: int, *, width: int = 64, members: int = 1, encoder: Sequence[int] = (), points: int = 128
    ) -> None:
        super().__init__()
        if members < 1:
            raise ConfigError(f"members must be 1 or more, got {members}")
        self.points, self.count = points, members
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("std", torch.ones(channels))
        self.register_buffer("centre", torch.zeros(3))
        self.register_buffer("radius", torch.ones(()))
        self.encoder = StackedPointNet(members, encoder) if encoder else None
        self.network = StackedMLP(members, (channels + (encoder[-1] if encoder else 0), width, width, 1))

    def standardise(self, steps: Tensor, weight: Tensor, points: Tensor | None = None) -> None:
        """Take mean and standard deviation of the values of a step from data.

        Args:
            steps: (..., T, C).
            weight: (..., T) zero beyond the end of a segment.
            points: (..., T, P, 3) clouds.
        """
        there = steps[weight > 0]
        self.mean.copy_(there.mean(0))
        self.std.copy_(there.std(0).clamp(min=1e-3))
        if points is not None:
            clouds = points[weight > 0]
            self.centre.copy_(clouds.mean((0, 1)))
            self.radius.copy_((clouds - self.centre).square().sum(-1).mean().sqrt().clamp(min=1e-3))

    def steps(self, steps: Tensor, points: Tensor | None = None) -> Tensor:
        """What each network says of single steps.

        Args:
            steps: (E, R, C).
            points: (E, R, P, 3), if there is an encoder.

        Returns:
            (E, R).
        """
        features = (steps - self.mean) / self.std
        if self.encoder is not None and points is not None:
            clouds = (thin(points.flatten(0, 1), self.points) - self.centre) / self.radius
            features = torch.cat([features, self.encoder(clouds.unflatten(0, points.shape[:2]))], dim=-1)
        return self.network(features)[..., 0]

    def members(self, steps: Tensor, weight: Tensor, points: Tensor | None = None) -> Tensor:
        """What each network says of segments.

        Args:
            steps: (E, B, K, T, C), each network's own, or (B, K, T, C) for all.
            weight: How much each step counts; the same shape without C.
            points: Clouds, likewise with (P, 3) in place of C.

        Returns:
            (E, B, K).
        """
        if steps.ndim == 4:
            steps, weight = (value.expand(self.count, *value.shape) for value in (steps, weight))
            points = None if points is None else points.expand(self.count, *points.shape)
        flat = self.steps(steps.flatten(1, 3), None if points is None else points.flatten(1, 3))
        return (flat.view(weight.shape) * weight).sum(-1)

    def score(self, steps: Tensor, weight: Tensor, points: Tensor | None = None) -> Scores:
        """Score segments.

        Args:
            steps: (B, K, T, C).
            weight: (B, K, T) how much each step counts, zero beyond the end of a segment.
            points: (B, K, T, P, 3) clouds.

        Returns:
            (B, K) mean over networks; the spread is their standard deviation where there are several.
        """
        values = self.members(steps, weight, points)
        return Scores(values.mean(0), values.std(0) if len(values) > 1 else None)


class LearntReward(nn.Module):
    """A reward of segments together with the arrays that it looks at: a `StepReward`.

    Args:
        reward: What scores steps.
        keys: Arrays of a step, in the order of training; ``points`` is a cloud.
        pessimism: Standard deviations between members that are taken off a reward.
        labelled: What it was trained on, if that is known.
    """

    def __init__(
        self,
        reward: SegmentReward,
        keys: Sequence[str],
        *,
        pessimism: float = 0.0,
        labelled: LabelledSteps | None = None,
    ) -> None:
        super().__init__()
        self.network, self.keys, self.pessimism, self.labelled = reward, tuple(keys), pessimism, labelled

    @torch.no_grad()
    def reward(self, steps: Mapping[str, Any]) -> Tensor:
        """Rewards of single steps.

        Args:
            steps: (R, ...) for each of `keys`.

        Returns:
            (R,).

        Raises:
            DataError: An array is missing or has another size than in training.
        """
        values = self.members(steps)
        spread = values.std(0) if len(values) > 1 and self.pessimism else 0.0
        return values.mean(0) - self.pessimism * spread

    @torch.no_grad()
    def members(self, steps: Mapping[str, Any]) -> Tensor:
        """What each network says of single steps, (E, R); otherwise as `reward`."""
        vector, points = self.parts(steps)
        network = self.network
        width = sum(weight.shape[2] for weight in network.network.weights)
        if network.encoder is not None:
            width += network.points * sum(weight.shape[2] for weight in network.encoder.network.weights)
        rows = max(1, _HIDDEN // (network.count * width))
        return torch.cat([
            self._members(vector[k : k + rows], None if points is None else points[k : k + rows])
            for k in range(0, max(1, len(vector)), rows)
        ], dim=1)  # fmt: skip

    def parts(self, steps: Mapping[str, Any]) -> tuple[Tensor, Tensor | None]:
        """Arrays of steps as the network takes them, (R, C) and (R, P, 3); raises as `reward`."""
        missing = [key for key in self.keys if key not in steps]
        if missing:
            raise DataError(f"the reward needs {', '.join(missing)}; there is {', '.join(steps)}")
        device = self.network.mean.device
        arrays = {key: torch.as_tensor(steps[key], device=device).float() for key in self.keys}
        points = arrays.pop("points", None)
        count = len(next(iter(arrays.values()))) if points is None else len(points)
        vector = torch.cat([torch.zeros(count, 0, device=device), *(one.flatten(1) for one in arrays.values())], dim=1)
        if vector.shape[1] != len(self.network.mean):
            raise DataError(
                f"{', '.join(arrays)} must be {len(self.network.mean)} numbers a step, as in training, got "
                f"{vector.shape[1]}"
            )
        return vector, points

    def _members(self, vector: Tensor, points: Tensor | None) -> Tensor:
        count = self.network.count
        return self.network.steps(
            vector.expand(count, *vector.shape), None if points is None else points.expand(count, *points.shape)
        )
