"""Explicit rewards of segments: networks score each step, perhaps by what came before, and a segment is their sum."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from robopref.errors import ConfigError, DataError
from robopref.items import Items
from robopref.nets.causal_transformer import CausalTransformer
from robopref.nets.clouds import CloudEncoder
from robopref.nets.images import ImageEncoder
from robopref.nets.stacked import StackedMLP
from robopref.protocols import ChunkPolicy
from robopref.rewards.labelled import LabelledSteps
from robopref.scores import NoiseDraw, Scores

_HIDDEN = 1 << 22  # numbers in hidden layers at a time
VIEWS = ("points", "image")  # arrays that need an encoder; a reward looks at one of them at most
_ENCODERS: dict[str, type[CloudEncoder] | type[ImageEncoder]] = {"points": CloudEncoder, "image": ImageEncoder}


class SegmentReward(nn.Module):
    """Sum of per-step rewards (Christiano et al. 2017), by one network or several at once.

    With a transformer, what a step is worth also depends on the steps before it (Kim et al. 2023).

    Args:
        keys: Arrays of a step, in this order; ``points`` is a cloud and ``image`` a picture, all others are vectors.
        channels: Numbers of all vectors of a step together C.
        width: Width of the two hidden layers.
        members: Networks E; their disagreement is the spread.
        encoder: Of clouds or pictures, of E copies; None for steps without.
        history: Of E copies, from the features of a step; None lets every step stand for itself.
        pessimism: Standard deviations between members that are taken off a reward of a step.
        labelled: What it was trained on, if that is known.
        outputs: Numbers that a network says of a step, of which the first is its reward; see `embed`.

    Raises:
        ConfigError: There is no member, both clouds and pictures are looked at, or what is looked at has no encoder.
    """

    ahead = 0
    horizon: int | None = None
    mean: Tensor
    std: Tensor

    def __init__(
        self,
        keys: Sequence[str],
        channels: int,
        *,
        width: int = 64,
        members: int = 1,
        encoder: CloudEncoder | ImageEncoder | None = None,
        history: CausalTransformer | None = None,
        pessimism: float = 0.0,
        labelled: LabelledSteps | None = None,
        outputs: int = 1,
    ) -> None:
        super().__init__()
        if members < 1:
            raise ConfigError(f"members must be 1 or more, got {members}")
        views = [key for key in keys if key in VIEWS]
        if len(views) > 1:
            raise ConfigError("a reward looks at points or at image, not at both; name one of them")
        if views != ([] if encoder is None else [encoder.key]):
            raise ConfigError(
                f"the reward sees {', '.join(keys)}; choose encoder@rewards.<name>.scorer.encoder= for that"
            )
        self.keys, self.view, self.width = tuple(keys), views[0] if views else None, width
        self.count, self.encoder, self.transformer, self.outputs = members, encoder, history, outputs
        self.pessimism, self.labelled = pessimism, labelled
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("std", torch.ones(channels))
        size = channels + (0 if encoder is None else encoder.size)
        if history is not None and history.inputs != size:
            raise ConfigError(f"the transformer is for {history.inputs} features of a step, got {size}")
        self.network = StackedMLP(members, (size if history is None else history.width, width, width, outputs))

    @classmethod
    def for_items(
        cls,
        items: Items,
        *,
        members: int = 1,
        width: int = 64,
        encoder: Callable[[int], CloudEncoder | ImageEncoder] | None = None,
        history: Callable[[int, int], CausalTransformer] | None = None,
        outputs: int = 1,
    ) -> SegmentReward:
        """A reward of everything that is known of the steps of some items.

        Args:
            items: What is to be scored.
            members: Networks.
            width: Width of the two hidden layers.
            encoder: From a number of copies to an encoder of clouds or pictures, used if there are any.
            history: From a number of copies and of features to a transformer; None lets every step stand for itself.
            outputs: Numbers that a network says of a step.

        Raises:
            ConfigError: There are clouds or pictures and no encoder of them.
        """
        keys = tuple(items.steps)
        channels = sum(value.shape[3:].numel() for key, value in items.steps.items() if key not in VIEWS)
        seen = None if encoder is None or not set(VIEWS) & set(keys) else encoder(members)
        size = channels + (0 if seen is None else seen.size)
        before = None if history is None else history(members, size)
        reward = cls(keys, channels, members=members, width=width, encoder=seen, history=before, outputs=outputs)
        reward.horizon = items.horizon
        return reward

    @classmethod
    def for_policy(
        cls, policy: ChunkPolicy, *, members: int = 1, width: int = 64, encoder: Any = None
    ) -> SegmentReward:
        """A reward of the chunks of a policy, of proprioception and, with an encoder, of clouds.

        Args:
            policy: Whose chunks are to be scored.
            members: Networks.
            width: Width of the two hidden layers.
            encoder: From a number of copies to an encoder; None leaves the cloud out.
        """
        horizon, actions = policy.shape
        channels = len(policy.proprio_mean) + horizon * actions
        made = None if encoder is None else encoder(members)
        seen = [] if made is None else [made.key]
        reward = cls([*seen, "proprio", "action"], channels, members=members, width=width, encoder=made)
        return reward.to(policy.proprio_mean.device)

    @property
    def settings(self) -> dict[str, Any]:
        """What it was made with, in plain values."""
        encoder, transformer = self.encoder, self.transformer
        return {
            "keys": list(self.keys), "channels": len(self.mean), "width": self.width, "members": self.count,
            "encoder": None if encoder is None else {"key": encoder.key, **encoder.settings},
            "history": None if transformer is None else transformer.settings,
            "labelled": None if self.labelled is None else list(self.labelled.kept.shape), "outputs": self.outputs,
        }  # fmt: skip

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> SegmentReward:
        """An untrained reward of such settings."""
        members, channels, encoder, history = settings["members"], settings["channels"], None, None
        if settings["encoder"] is not None:
            given = dict(settings["encoder"])
            encoder = _ENCODERS[given.pop("key")](members, **given)
        if settings["history"] is not None:
            size = channels + (0 if encoder is None else encoder.size)
            history = CausalTransformer(members, size, **settings["history"])
        labelled = None if settings["labelled"] is None else LabelledSteps(*settings["labelled"])
        return cls(
            settings["keys"], channels, width=settings["width"], members=members, encoder=encoder, history=history,
            labelled=labelled, outputs=settings.get("outputs", 1),
        )  # fmt: skip

    @property
    def history(self) -> int:
        """Steps before a step that its reward depends on."""
        return 0 if self.transformer is None else self.transformer.length - 1

    def standardise(self, items: Items) -> None:
        """Take mean and standard deviation of the values of a step, and of what is seen, from data.

        Args:
            items: Items whose decisions count where their weight is positive.
        """
        there = items.weight > 0
        values, view = self.inputs(items.steps, there.ndim)
        values = values.expand(*there.shape, -1)[there]
        if values.shape[1]:  # a reward of pictures alone has no values
            self.mean.copy_(values.mean(0))
            self.std.copy_(values.std(0).clamp(min=1e-3))
        if self.encoder is not None and view is not None:
            self.encoder.fit(view.expand(*there.shape, *view.shape[there.ndim :])[there])

    def score_each(self, items: Items, *, draw: NoiseDraw | None = None) -> Tensor:
        """What each network says of items, (E, B, K).

        With a history, the decisions of an item share its weight by their importance.
        """
        del draw
        each, weight = self._each(items)
        return (each * weight).sum(-1)

    def score(self, items: Items, *, draw: NoiseDraw | None = None) -> Scores:
        """Score items.

        Args:
            items: With the arrays of `keys`.
            draw: Not needed.

        Returns:
            (B, K) mean over networks, of (B, K, T) rewards of decisions; the spread is the standard deviation of the
            networks where there are several.

        Raises:
            DataError: An array is missing or has another size than in training.
        """
        del draw
        each, weight = self._each(items)
        values = (each * weight).sum(-1)
        return Scores(values.mean(0), values.std(0) if len(values) > 1 else None, steps=each.mean(0))

    @torch.no_grad()
    def reward(self, steps: Mapping[str, Any], since: NDArray[np.int64] | None = None) -> Tensor:
        """Rewards of steps in a row.

        Args:
            steps: (R, ...) for each of `keys`.
            since: (R,) how many of the rows just before each belong to its episode; None if each stands for itself.

        Returns:
            (R,) mean over networks, less what pessimism takes off.

        Raises:
            DataError: An array is missing or has another size than in training.
        """
        values = self.reward_each(steps, since)
        spread = values.std(0) if len(values) > 1 and self.pessimism else 0.0
        return values.mean(0) - self.pessimism * spread

    @torch.no_grad()
    def reward_each(self, steps: Mapping[str, Any], since: NDArray[np.int64] | None = None) -> Tensor:
        """What each network says of steps in a row, (E, R); otherwise as `reward`."""
        device = self.mean.device
        arrays = {key: torch.as_tensor(value, device=device) for key, value in steps.items() if key in self.keys}
        vector, view = self.inputs(arrays)
        count = len(vector)
        if since is None:
            since = np.zeros(count, dtype=np.int64)
        rows = max(1, _HIDDEN // self.hidden)
        found: list[Tensor] = []
        for start in range(0, max(1, count), rows):
            first, stop = max(0, start - self.history), min(start + rows, count)
            features = self._features(
                self._for_all(vector[first:stop]), None if view is None else self._for_all(view[first:stop])
            )
            before = np.minimum(since[first:stop], np.arange(stop - first))
            found.append(self._in_a_row(features, before)[:, start - first :])
        return torch.cat(found, dim=1)

    @property
    def hidden(self) -> int:
        """Numbers in the hidden layers of all networks for one step."""
        width = sum(weight.shape[2] for weight in self.network.weights)
        width += 0 if self.encoder is None else self.encoder.hidden
        width += 0 if self.transformer is None else 8 * self.transformer.width * self.transformer.length
        return self.count * width

    def embed(self, items: Items) -> Tensor:
        """All that each network says of each decision, (E, B, K, T, outputs); otherwise as `score`."""
        features, weight = self._described(items)
        return self.network(features).view(*weight.shape, self.outputs)

    def _each(self, items: Items) -> tuple[Tensor, Tensor]:
        """What each network says of each decision, and what that counts, both (E, B, K, T)."""
        features, weight = self._described(items)
        return self.network(features)[..., 0].view(weight.shape), weight

    def _described(self, items: Items) -> tuple[Tensor, Tensor]:
        """What each network knows of each decision, (E, B K T, F), and what that counts, (E, B, K, T)."""
        weight, shape = items.weight, items.weight.shape
        values, view = self.inputs(items.steps, weight.ndim)
        values = values.expand(*shape, -1)
        view = None if view is None else view.expand(*shape, *view.shape[weight.ndim :])
        if weight.ndim == 3:
            weight, values = self._for_all(weight), self._for_all(values)
            view = None if view is None else self._for_all(view)
        features = self._features(values.flatten(1, 3), None if view is None else view.flatten(1, 3))
        if self.transformer is not None:
            flat = weight.flatten(1, 2)
            tokens = self.transformer(features.view(*flat.shape, -1))
            share = self.transformer.importance(tokens, flat > 0) * flat.sum(-1, keepdim=True)
            features, weight = tokens.flatten(1, 2), share.view(weight.shape)
        return features, weight

    def _features(self, values: Tensor, view: Tensor | None = None) -> Tensor:
        """What each network knows of single steps by themselves: (E, R, F) of (E, R, C) and (E, R, ...)."""
        features = (values - self.mean) / self.std
        if self.encoder is None or view is None:
            return features
        return torch.cat([features, self.encoder(view)], dim=-1)

    def _in_a_row(self, features: Tensor, since: NDArray[np.int64]) -> Tensor:
        """What each network says of steps that follow each other, (E, R) of (E, R, F); see `reward`."""
        if self.transformer is None:
            return self.network(features)[..., 0]
        rows = torch.arange(features.shape[1], device=features.device)
        before = torch.as_tensor(np.minimum(since, self.history), device=features.device)
        # Windows begin as segments do, at the first place; what comes after a step is not seen by it.
        places = torch.arange(int(before.max()) + 1, device=features.device)
        window = ((rows - before)[:, None] + places).clamp(max=len(rows) - 1)
        tokens = self.transformer(features[:, window])[:, rows, before]
        return self.network(tokens)[..., 0]

    def inputs(self, arrays: Mapping[str, Tensor], dims: int = 1) -> tuple[Tensor, Tensor | None]:
        """What is looked at of steps.

        Args:
            arrays: Of `keys`, each of `dims` dimensions before those of a step.
            dims: Dimensions that count steps.

        Returns:
            All vectors end to end (..., C), and clouds or pictures; raises as `reward`.
        """
        missing = [key for key in self.keys if key not in arrays]
        if missing:
            raise DataError(f"the reward needs {', '.join(missing)}; there is {', '.join(arrays)}")
        shape = torch.broadcast_shapes(*(arrays[key].shape[:dims] for key in self.keys))
        vectors = {key: arrays[key].float() for key in self.keys if key != self.view}
        flat = [
            (one.flatten(dims) if one.ndim > dims else one[..., None]).expand(*shape, -1) for one in vectors.values()
        ]
        values = torch.cat([self.mean.new_zeros(*shape, 0), *flat], dim=-1)
        if values.shape[-1] != len(self.mean):
            raise DataError(
                f"{', '.join(vectors)} must be {len(self.mean)} numbers a step, as in training, got {values.shape[-1]}"
            )
        return values, None if self.view is None else arrays[self.view]

    def _for_all(self, value: Tensor) -> Tensor:
        return value.expand(self.count, *value.shape)
