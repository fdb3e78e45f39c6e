"""Behaviour cloning of a policy from demonstrations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from robopref.data.episode_formats.importing import DATASET
from robopref.data.episodes.augment import augment
from robopref.data.episodes.policy_spec import require_observed
from robopref.data.episodes.step_weights import StepWeighting
from robopref.data.episodes.store import EpisodeStore
from robopref.data.episodes.time_gaps import stretch_ends
from robopref.data.episodes.training_cache import ReplayCache, cache_folder
from robopref.errors import ConfigError, DataError
from robopref.learning.chunk_batches import ChunkBatches, require_weights
from robopref.learning.fit import FitConfig, fit
from robopref.learning.loop import TrainingProgress
from robopref.learning.origin import TrainingOrigin
from robopref.learning.topk_checkpoints import CheckpointConfig, TopKCheckpoints
from robopref.learning.validation import Steps, ValidationLoss, put_episodes_aside
from robopref.policies.abilities import history_of, is_recorded, is_trainable, observed_by
from robopref.policies.chunk_diffusion import ChunkDiffusion
from robopref.protocols import RecordedPolicy, TrainablePolicy
from robopref.records import Observation
from robopref.scores import Loss

PolicyT = TypeVar("PolicyT", bound=nn.Module)
_VIEWS = 512  # clouds and pictures from which a policy takes their mean and spread
_ROUNDING = 1e-4  # by which actions in [-1, 1] may be beyond


@dataclass(frozen=True)
class WeighedSteps:
    """Cloning in which steps are drawn the more often, the better they are.

    Attributes:
        reward: Name of the array of the data that says how good.
        weighting: Makes weights of it.
    """

    reward: str
    weighting: StepWeighting

    def rewards(self, store: EpisodeStore) -> NDArray[np.float64]:
        """How good each step is, (S,).

        Raises:
            DataError: There is no such array, or it is not one number a step.
        """
        if self.reward not in store.keys:
            raise DataError(
                f"{store.path} has no {self.reward}, by which recipe= weighs steps; it has {', '.join(store.keys)}. "
                f"train.reward= names another array, robopref relabel data={store.path} makes one of a learnt reward"
            )
        values = store.array(self.reward)
        if values.size != store.steps or values.dtype.kind not in "biuf":
            raise DataError(f"{store.path}: train.reward={self.reward} must be one number a step, got {values.shape}")
        return values.reshape(-1).astype(np.float64)

    def chances(self, store: EpisodeStore) -> NDArray[np.float64]:
        """How often each step is drawn, (S,), in any unit.

        Raises:
            DataError: There is no such array, it is not one number a step, or every weight is zero.
        """
        found = self.weighting.weights(self.rewards(store), store.episode_ends)
        if not found.any():
            raise DataError(f"{store.path}: by {self.reward}, recipe= leaves no step to learn from; choose another")
        return found


@dataclass(frozen=True)
class CloneBatches:
    """What a gradient step of cloning looks at.

    Attributes:
        size: States B.
        draws: Noise draws M a state of a diffusion policy; they share its encoding.
        points: Points kept of a training observation of a policy that goes by anchors; a `RecordedPolicy` says itself
            how it varies what it sees.
        weights: How often each of several datasets is drawn, see `ChunkBatches`.
        weighed: How often each step is drawn; None draws all as often. The loss is the same, and so is validation.
    """

    size: int = 64
    draws: int = 2
    points: int = 64
    weights: Sequence[float] | None = None
    weighed: WeighedSteps | None = None


_USUAL = CloneBatches()


def clone_policy(
    policy: PolicyT,
    store: EpisodeStore,
    config: FitConfig,
    *,
    seed: int,
    batches: CloneBatches = _USUAL,
    validation: float | None = None,
    checkpoints: CheckpointConfig | None = None,
    folder: Path | None = None,
    progress: TrainingProgress | None = None,
) -> PolicyT:
    """Train a policy on demonstrated chunks, by its own loss.

    Args:
        policy: A `TrainablePolicy` or `RecordedPolicy`, on the device to train on.
        store: Demonstrations with ``action`` and what the policy observes.
        config: How to train.
        seed: Seed of the batches.
        batches: What each step looks at.
        validation: Share of the episodes that is held out, on which checkpoints are judged by the policy's own loss.
        checkpoints: How often and which weights are kept in the folder; None keeps none.
        folder: Where state, checkpoints and logs go.
        progress: Called with every step.

    Returns:
        The policy, with averaged weights.

    Raises:
        ConfigError: The policy cannot be trained, the weights do not fit, or nothing is left to train on.
        DataError: There are no demonstrations, they lack an array, or their actions do not fit the policy.
    """
    learner = policy
    if not (is_trainable(learner) or is_recorded(learner)):
        raise ConfigError(f"{type(policy).__name__} cannot be trained; see robopref.protocols.TrainablePolicy")
    names = observed_by(learner)
    if len(store):
        require_observed(store, names)
        require_weights(store, batches.weights)
    weighed, weights = batches.weighed, batches.weights
    chances = None if weighed is None else weighed.chances(store)
    numbered = weights is not None and DATASET in store.keys
    cache = ReplayCache.build(store, [*names, "action", *([DATASET] if numbered else [])], cache_folder(store, folder))
    device = next(policy.parameters()).device
    dim = cache["action"].shape[-1]
    if dim != learner.shape[1]:
        raise DataError(f"the dataset has actions of size {dim}, the policy of size {learner.shape[1]}")
    seen, aside = put_episodes_aside(cache.episode_ends, validation, seed=seed)
    drawn = ChunkBatches(
        cache, learner.shape[0], device, keys=names, history=history_of(learner), steps=seen, weights=weights,
        chances=chances, stretches=stretch_ends(store),
    )  # fmt: skip
    _take_statistics(learner, drawn)

    def loss_on(model: Any, observation: Observation, chunks: Tensor, generator: torch.Generator) -> Loss:
        # A policy that takes statistics of all that it sees varies it by itself, in its loss.
        if not is_recorded(learner) and learner.geometry is not None:
            observation, chunks = augment(observation, chunks, learner.geometry, batches.points, generator)
        settings = {"draws": batches.draws} if isinstance(model, ChunkDiffusion) else {}
        return model.loss(observation, chunks, generator, **settings)

    def loss(model: nn.Module, generator: torch.Generator, _: float) -> Loss:
        return loss_on(model, *drawn(batches.size, generator), generator)

    told = {
        "demonstrations": cache.folder.name, "batch_size": batches.size, "draws": batches.draws,
        "points": batches.points,
    }  # fmt: skip
    by = None if weighed is None else f"{weighed.reward} by {weighed.weighting}"
    more = {"validation": validation, "weights": None if weights is None else list(weights), "weighed": by}
    # States of before these could be chosen say nothing of them.
    text = [*told.values(), *(value for value in more.values() if value is not None)]
    origin = TrainingOrigin(" ".join(map(str, text)), told | more)
    watch = None
    if folder is not None and checkpoints is not None:
        judge = None if validation is None else ValidationLoss(aside, drawn.at, loss_on, device, seed)
        watch = TopKCheckpoints(folder, checkpoints, judge)
    fit(policy, loss, config, seed=seed, origin=origin, folder=folder, progress=progress, watch=watch)
    return policy


def _take_statistics(policy: TrainablePolicy | RecordedPolicy, batches: ChunkBatches) -> None:
    """Let a policy take mean and spread of what it observes, and the bounds of what was done."""
    cache, steps, device = batches.cache, batches.steps, batches.device
    if is_recorded(policy):
        some: Steps = steps[np.unique(np.linspace(0, len(steps) - 1, min(len(steps), _VIEWS)).astype(np.int64))]
        views = batches.pictured(some)
        rows = {name: views[name] if name in views else np.array(cache[name])[steps] for name in batches.keys}
        rows["action"] = np.array(cache["action"])[steps]
        policy.standardise({name: torch.as_tensor(values, device=device) for name, values in rows.items()})
    elif is_trainable(policy):
        action = np.asarray(cache["action"])
        if abs(action).max() > 1 + _ROUNDING:
            raise DataError(
                f"actions of the data are from {action.min():.4g} to {action.max():.4g}; this policy takes those in "
                "[-1, 1]. policy=observed scales them by what was recorded"
            )
        policy.normalize(torch.as_tensor(np.array(cache["proprio"])[steps], device=device))
