"""Networks of a state, and perhaps of an action: values, critics, Gaussian actors and rewards of single steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from robopref.errors import ConfigError, DataError
from robopref.nets.points import thin
from robopref.nets.stacked import StackedMLP, StackedPointNet


class StateInputs(NamedTuple):
    """What a network sees of states, normalised.

    Attributes:
        vector: (N, B, V) everything that is not a cloud, end to end.
        points: (N, B, P, 3) or None.
    """

    vector: Tensor
    points: Tensor | None = None


class StateNormalizer(nn.Module):
    """Turns observations into the inputs of a network.

    Args:
        keys: Which parts of an observation, in order; ``points`` is a cloud, all others are vectors.
        size: Numbers in all vectors together V.
        points: Points kept of a cloud.

    Raises:
        ConfigError: There is no key, or there is one twice.
    """

    mean: Tensor
    std: Tensor
    centre: Tensor
    radius: Tensor

    def __init__(self, keys: Sequence[str], size: int, points: int = 128) -> None:
        super().__init__()
        if not keys or len(set(keys)) < len(keys):
            raise ConfigError(f"keys must name each part of an observation once, and at least one, got {list(keys)}")
        self.keys, self.points = tuple(keys), points
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("std", torch.ones(size))
        self.register_buffer("centre", torch.zeros(3))
        self.register_buffer("radius", torch.ones(()))

    @property
    def size(self) -> int:
        """Numbers in all vectors together."""
        return len(self.mean)

    @property
    def settings(self) -> dict[str, Any]:
        """What it was made with, in plain values."""
        return {"keys": list(self.keys), "size": self.size, "points": self.points}

    def fit(self, vector: Tensor, points: Tensor | None = None, *, epsilon: float = 1e-3) -> None:
        """Take mean and spread from data.

        Args:
            vector: (S, V).
            points: (S', P, 3+C) some of the clouds.
            epsilon: Added to every standard deviation, as CORL does, so that a constant can be divided by.
        """
        if self.size:
            self.mean.copy_(vector.mean(0))
            self.std.copy_(vector.std(0, unbiased=False) + epsilon)
        if points is not None:
            points = points[..., :3]
            self.centre.copy_(points.mean((0, 1)))
            self.radius.copy_((points - self.centre).square().sum(-1).mean().sqrt() + epsilon)

    def vectors(self, vector: Tensor) -> Tensor:
        """Normalise (..., V) vectors."""
        return (vector - self.mean) / self.std

    def clouds(self, points: Tensor) -> Tensor:
        """Thin (B, P', 3+C) clouds to (B, P, 3), and normalise them."""
        return (thin(points[..., :3], self.points) - self.centre) / self.radius

    def forward(self, observation: object) -> StateInputs:
        """Normalise a batch of observations.

        Args:
            observation: With an attribute (B, ...) for each key, such as an `Observation`.

        Returns:
            (1, B, V) and (1, B, P, 3).

        Raises:
            DataError: The observation lacks a part, or has another size.
        """
        parts: dict[str, Tensor] = {}
        for key in self.keys:
            value = getattr(observation, key, None)
            if value is None:
                raise DataError(f"the observation has no {key}; this policy was trained on {', '.join(self.keys)}")
            parts[key] = torch.as_tensor(value, device=self.mean.device)
        clouds = parts.pop("points", None)
        count = len(clouds) if clouds is not None else len(next(iter(parts.values())))
        flat = [value.flatten(1).float() for value in parts.values()]
        vector = torch.cat(flat, dim=1) if flat else self.mean.new_zeros(count, 0)
        if vector.shape[1] != self.size:
            raise DataError(
                f"{', '.join(parts)} must be {self.size} numbers together, as in training, got {vector.shape[1]}"
            )
        return StateInputs(self.vectors(vector)[None], None if clouds is None else self.clouds(clouds)[None])


class StateNetwork(nn.Module):
    """Networks of one seed that share an encoder of the cloud, if there is one.

    `robopref.nets.stacked.join` makes one network of several seeds; the leading dimension of its inputs then goes over
    seeds.

    Args:
        inputs: Numbers of a state's vector V.
        outputs: Numbers at the output of each head.
        extra: Numbers beside the state, such as an action.
        heads: Networks a seed.
        hidden: Sizes of the hidden layers.
        encoder: Sizes of the layers of the point encoder; empty for states without a cloud.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        extra: int = 0,
        heads: int = 1,
        hidden: Sequence[int] = (256, 256),
        encoder: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self.settings: dict[str, Any] = {
            "inputs": inputs, "outputs": outputs, "extra": extra, "heads": heads, "hidden": list(hidden),
            "encoder": list(encoder),
        }  # fmt: skip
        self.heads = heads
        self.encoder = StackedPointNet(1, encoder) if encoder else None
        size = inputs + extra + (encoder[-1] if encoder else 0)
        self.head = StackedMLP(heads, (size, *hidden, outputs))

    def features(self, inputs: StateInputs) -> Tensor:
        """What the heads see of (S, B, V) vectors and (S, B, P, 3) clouds, (S, B, F)."""
        if self.encoder is None or inputs.points is None:
            return inputs.vector
        return torch.cat([inputs.vector, self.encoder(inputs.points)], dim=-1)

    def forward(self, features: Tensor, extra: Tensor | None = None, masks: Sequence[Tensor] = ()) -> Tensor:
        """Apply every head.

        Args:
            features: (S, B, F).
            extra: (S, B, extra).
            masks: Of dropout, see `StackedMLP`.

        Returns:
            (S, heads, B, outputs).
        """
        if extra is not None:
            features = torch.cat([features, extra], dim=-1)
        if self.heads > 1:
            features = features[:, None].expand(-1, self.heads, -1, -1).flatten(0, 1)
        return self.head(features, masks).unflatten(0, (-1, self.heads))
