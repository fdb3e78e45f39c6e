"""Behaviour cloning of a policy from demonstrations."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from robopref.data.episodes.augment import augment
from robopref.data.episodes.store import EpisodeStore
from robopref.data.episodes.training_cache import ReplayCache
from robopref.errors import ConfigError, DataError
from robopref.learning.fit import FitConfig, fit
from robopref.learning.loop import TrainingProgress
from robopref.learning.origin import TrainingOrigin
from robopref.learning.topk_checkpoints import CheckpointConfig, TopKCheckpoints
from robopref.learning.validation import Steps, ValidationLoss, put_episodes_aside
from robopref.policies.abilities import is_trainable
from robopref.policies.diffusion import DiffusionPolicy
from robopref.records import Observation
from robopref.scores import Loss

PolicyT = TypeVar("PolicyT", bound=nn.Module)


class ChunkBatches:
    """Random (observation, action chunk) batches from a cache of episodes.

    A chunk that would run past the end of its episode repeats the last action, as diffusion_policy does.

    Args:
        cache: Episodes with ``points``, ``proprio`` and ``action``.
        horizon: Chunk horizon H.
        device: Where batches go.
        steps: Which steps are drawn; None draws all.

    Raises:
        DataError: There is nothing in the cache.
    """

    def __init__(self, cache: ReplayCache, horizon: int, device: torch.device, steps: Steps | None = None) -> None:
        if len(cache) == 0:
            raise DataError("the dataset has no steps; collect demonstrations first")
        self.cache, self.device = cache, device
        self.steps = np.arange(len(cache)) if steps is None else steps
        ends = np.repeat(cache.episode_ends, np.diff(cache.episode_ends, prepend=0))
        self._rows = np.minimum(np.arange(len(cache))[:, None] + np.arange(horizon), ends[:, None] - 1)
        self._actions = torch.as_tensor(np.array(cache["action"]), device=device)[self._rows]

    def __call__(self, size: int, generator: torch.Generator) -> tuple[Observation, torch.Tensor]:
        """Draw a batch.

        Args:
            size: Batch size B.
            generator: Source of randomness.

        Returns:
            Observations and (B, H, A) chunks.
        """
        drawn = torch.randint(len(self.steps), (size,), generator=generator, device=generator.device)
        return self.at(self.steps[drawn.cpu().numpy()])

    def at(self, steps: Steps) -> tuple[Observation, torch.Tensor]:
        """Observations and (B, H, A) chunks of chosen steps.

        Args:
            steps: (B,) numbers of steps.
        """
        rows = self.cache.rows(steps, ["points", "proprio"])
        points, proprio = (torch.as_tensor(rows[key]).to(self.device, non_blocking=True) for key in rows)
        return Observation(points, proprio), self._actions[torch.as_tensor(steps, device=self.device)]


def clone_policy(
    policy: PolicyT,
    store: EpisodeStore,
    config: FitConfig,
    *,
    seed: int,
    batch_size: int = 64,
    draws: int = 2,
    points: int = 64,
    validation: float | None = None,
    checkpoints: CheckpointConfig | None = None,
    folder: Path | None = None,
    progress: TrainingProgress | None = None,
) -> PolicyT:
    """Train a policy on demonstrated chunks, by its own loss.

    Args:
        policy: A `TrainablePolicy`, on the device to train on.
        store: Demonstrations with ``points``, ``proprio`` and ``action``.
        config: How to train.
        seed: Seed of the batches.
        batch_size: States B a step.
        draws: Noise draws M a state of a diffusion policy; they share its encoding.
        points: Points kept of a training observation.
        validation: Share of the episodes that is held out, on which checkpoints are judged by the policy's own loss.
        checkpoints: How often and which weights are kept in the folder; None keeps none.
        folder: Where state, checkpoints and logs go.
        progress: Called with every step.

    Returns:
        The policy, with averaged weights.

    Raises:
        ConfigError: The policy cannot be trained, the store lacks an array, or nothing is left to train on.
        DataError: There are no demonstrations, or their actions do not fit the policy.
    """
    learner = policy
    if not is_trainable(learner):
        raise ConfigError(f"{type(policy).__name__} cannot be trained; see robopref.protocols.TrainablePolicy")
    cache = ReplayCache.build(store, ["points", "proprio", "action"])
    device = next(policy.parameters()).device
    dim = cache["action"].shape[-1]
    if dim != learner.shape[1]:
        raise DataError(f"the dataset has actions of size {dim}, the policy of size {learner.shape[1]}")
    seen, aside = put_episodes_aside(cache.episode_ends, validation, seed=seed)
    batches = ChunkBatches(cache, learner.shape[0], device, seen)
    learner.normalize(torch.as_tensor(np.array(cache["proprio"])[seen], device=device))

    def loss_on(model: Any, observation: Observation, chunks: torch.Tensor, generator: torch.Generator) -> Loss:
        observation, chunks = augment(observation, chunks, learner.geometry, points, generator)
        settings = {"draws": draws} if isinstance(model, DiffusionPolicy) else {}
        return model.loss(observation, chunks, generator, **settings)

    def loss(model: nn.Module, generator: torch.Generator) -> Loss:
        return loss_on(model, *batches(batch_size, generator), generator)

    held_out = {} if validation is None else {"validation": validation}
    origin = TrainingOrigin(
        " ".join(map(str, (cache.folder.name, batch_size, draws, points, *held_out.values()))),
        {"demonstrations": cache.folder.name, "batch_size": batch_size, "draws": draws, "points": points, **held_out},
    )
    watch = None
    if folder is not None and checkpoints is not None:
        judge = None if validation is None else ValidationLoss(aside, batches.at, loss_on, device, seed)
        watch = TopKCheckpoints(folder, checkpoints, judge)
    fit(policy, loss, config, seed=seed, origin=origin, folder=folder, progress=progress, watch=watch)
    return policy
