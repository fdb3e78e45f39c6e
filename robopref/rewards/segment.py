"""Explicit rewards of segments: networks score each step, perhaps by what came before, and a segment is their sum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from robopref.errors import ConfigError, DataError
from robopref.nets.clouds import CloudEncoder
from robopref.nets.history import CausalTransformer
from robopref.nets.images import ImageEncoder
from robopref.nets.stacked import StackedMLP
from robopref.rewards.labelled import LabelledSteps
from robopref.scores import Scores

_HIDDEN = 1 << 22  # numbers in hidden layers at a time
VIEWS = ("points", "image")  # arrays that need an encoder; a reward looks at one of them at most


class SegmentReward(nn.Module):
    """Sum of per-step rewards (Christiano et al. 2017), by one network or several at once.

    With a transformer, what a step is worth also depends on the steps before it (Kim et al. 2023).

    Args:
        channels: Values of a step C.
        width: Width of the two hidden layers.
        members: Networks E; their disagreement is the spread.
        encoder: Of clouds or pictures, of E copies; None for steps without.
        history: Of E copies, from the features of a step; None lets every step stand for itself.

    Raises:
        ConfigError: There is no member.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        channels: int,
        *,
        width: int = 64,
        members: int = 1,
        encoder: CloudEncoder | ImageEncoder | None = None,
        history: CausalTransformer | None = None,
    ) -> None:
        super().__init__()
        if members < 1:
            raise ConfigError(f"members must be 1 or more, got {members}")
        self.count, self.encoder, self.history = members, encoder, history
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("std", torch.ones(channels))
        size = channels + (0 if encoder is None else encoder.size)
        if history is not None and history.inputs != size:
            raise ConfigError(f"the transformer is for {history.inputs} features of a step, got {size}")
        self.network = StackedMLP(members, (size if history is None else history.width, width, width, 1))

    def standardise(self, steps: Tensor, weight: Tensor, view: Tensor | None = None) -> None:
        """Take mean and standard deviation of the values of a step, and of what is seen, from data.

        Args:
            steps: (..., T, C).
            weight: (..., T) zero beyond the end of a segment.
            view: (..., T, P, 3) clouds or (..., T, h, w, 3) pictures.
        """
        there = steps[weight > 0]
        if there.shape[1]:  # a reward of pictures alone has no values
            self.mean.copy_(there.mean(0))
            self.std.copy_(there.std(0).clamp(min=1e-3))
        if self.encoder is not None and view is not None:
            self.encoder.fit(view[weight > 0])

    def features(self, steps: Tensor, view: Tensor | None = None) -> Tensor:
        """What each network knows of single steps by themselves.

        Args:
            steps: (E, R, C).
            view: (E, R, ...) if there is an encoder.

        Returns:
            (E, R, F).
        """
        features = (steps - self.mean) / self.std
        if self.encoder is None or view is None:
            return features
        return torch.cat([features, self.encoder(view)], dim=-1)

    def members(self, steps: Tensor, weight: Tensor, view: Tensor | None = None) -> Tensor:
        """What each network says of segments.

        Args:
            steps: (E, B, K, T, C), each network's own, or (B, K, T, C) for all.
            weight: How much each step counts; the same shape without C. With a history, steps share the weight of
                their segment by their importance.
            view: Clouds or pictures, likewise with their shape in place of C.

        Returns:
            (E, B, K).
        """
        if steps.ndim == 4:
            steps, weight = (value.expand(self.count, *value.shape) for value in (steps, weight))
            view = None if view is None else view.expand(self.count, *view.shape)
        features = self.features(steps.flatten(1, 3), None if view is None else view.flatten(1, 3))
        if self.history is not None:
            weight = weight.flatten(1, 2)
            tokens = self.history(features.view(*weight.shape, -1))
            weight = self.history.importance(tokens, weight > 0) * weight.sum(-1, keepdim=True)
            features = tokens.flatten(1, 2)
        values = self.network(features)[..., 0].view(weight.shape)
        return (values * weight).sum(-1).view(self.count, *steps.shape[1:3])

    def score(self, steps: Tensor, weight: Tensor, view: Tensor | None = None) -> Scores:
        """Score segments.

        Args:
            steps: (B, K, T, C).
            weight: (B, K, T) how much each step counts, zero beyond the end of a segment.
            view: (B, K, T, ...) clouds or pictures.

        Returns:
            (B, K) mean over networks; the spread is their standard deviation where there are several.
        """
        values = self.members(steps, weight, view)
        return Scores(values.mean(0), values.std(0) if len(values) > 1 else None)

    def rewards(self, features: Tensor, since: NDArray[np.int64]) -> Tensor:
        """What each network says of steps that follow each other.

        Args:
            features: (E, R, F).
            since: (R,) how many of the rows just before each belong to its episode.

        Returns:
            (E, R).
        """
        if self.history is None:
            return self.network(features)[..., 0]
        rows = torch.arange(features.shape[1], device=features.device)
        before = torch.as_tensor(np.minimum(since, self.history.length - 1), device=features.device)
        # Windows begin as segments do, at the first place; what comes after a step is not seen by it.
        places = torch.arange(int(before.max()) + 1, device=features.device)
        window = ((rows - before)[:, None] + places).clamp(max=len(rows) - 1)
        tokens = self.history(features[:, window])[:, rows, before]
        return self.network(tokens)[..., 0]

    @property
    def hidden(self) -> int:
        """Numbers in the hidden layers of all networks for one step."""
        width = sum(weight.shape[2] for weight in self.network.weights)
        width += 0 if self.encoder is None else self.encoder.hidden
        width += 0 if self.history is None else 8 * self.history.width * self.history.length
        return self.count * width


class LearntReward(nn.Module):
    """A reward of segments together with the arrays that it looks at: a `StepReward`.

    Args:
        reward: What scores steps.
        keys: Arrays of a step, in the order of training; ``points`` is a cloud, ``image`` a picture.
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

    @property
    def history(self) -> int:
        """Steps before a step that its reward depends on."""
        return 0 if self.network.history is None else self.network.history.length - 1

    @torch.no_grad()
    def reward(self, steps: Mapping[str, Any], since: NDArray[np.int64] | None = None) -> Tensor:
        """Rewards of steps.

        Args:
            steps: (R, ...) for each of `keys`.
            since: (R,) how many of the rows just before each belong to its episode; None if each stands for itself.

        Returns:
            (R,).

        Raises:
            DataError: An array is missing or has another size than in training.
        """
        values = self.members(steps, since)
        spread = values.std(0) if len(values) > 1 and self.pessimism else 0.0
        return values.mean(0) - self.pessimism * spread

    @torch.no_grad()
    def members(self, steps: Mapping[str, Any], since: NDArray[np.int64] | None = None) -> Tensor:
        """What each network says of steps, (E, R); otherwise as `reward`."""
        vector, view = self.parts(steps)
        count = len(vector)
        if since is None:
            since = np.zeros(count, dtype=np.int64)
        rows = max(1, _HIDDEN // self.network.hidden)
        found: list[Tensor] = []
        for start in range(0, max(1, count), rows):
            first, stop = max(0, start - self.history), min(start + rows, count)
            features = self.network.features(
                self._for_all(vector[first:stop]), None if view is None else self._for_all(view[first:stop])
            )
            before = np.minimum(since[first:stop], np.arange(stop - first))
            found.append(self.network.rewards(features, before)[:, start - first :])
        return torch.cat(found, dim=1)

    def parts(self, steps: Mapping[str, Any]) -> tuple[Tensor, Tensor | None]:
        """Arrays of steps as the network takes them: (R, C), and clouds or pictures; raises as `reward`."""
        missing = [key for key in self.keys if key not in steps]
        if missing:
            raise DataError(f"the reward needs {', '.join(missing)}; there is {', '.join(steps)}")
        device = self.network.mean.device
        arrays = {key: torch.as_tensor(steps[key], device=device) for key in self.keys}
        views = [arrays.pop(key) for key in VIEWS if key in arrays]
        view = views[0] if views else None
        count = len(next(iter(arrays.values()))) if view is None else len(view)
        flat = [one.float().flatten(1) for one in arrays.values()]
        vector = torch.cat([torch.zeros(count, 0, device=device), *flat], dim=1)
        if vector.shape[1] != len(self.network.mean):
            raise DataError(
                f"{', '.join(arrays)} must be {len(self.network.mean)} numbers a step, as in training, got "
                f"{vector.shape[1]}"
            )
        return vector, view

    def _for_all(self, value: Tensor) -> Tensor:
        return value.expand(self.network.count, *value.shape)
