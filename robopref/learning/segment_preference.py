"""Training a reward of segments on preferences among them."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor, nn

from robopref.data.segments import StateSegmentPreferences
from robopref.errors import ConfigError
from robopref.learning.fit import FitConfig, fit
from robopref.learning.loop import Progress
from robopref.objectives.pairwise import pair_agreement
from robopref.protocols import Objective
from robopref.rewards.segment import SegmentReward
from robopref.scores import Loss, PairTarget, Scores


def train_segment_reward(
    reward: SegmentReward,
    data: StateSegmentPreferences,
    objective: Objective,
    config: FitConfig,
    *,
    seed: int,
    batch_size: int = 16,
    keep: float = 1.0,
    watch: HeldOut | None = None,
    progress: Progress | None = None,
) -> SegmentReward:
    """Fit a reward to preferences; every member draws its own batches.

    Args:
        reward: What to train.
        data: What was preferred.
        objective: Turns scores and preferences into a loss.
        config: How to train.
        seed: Seed of the batches.
        batch_size: Pairs a step.
        keep: Share of the steps of a segment to look at in each training step, drawn anew and weighted up; rewards
            are learnt from fewer steps, faster, and with an augmentation.
        watch: Pairs that say when to stop; the reward is then the one that fitted them best.
        progress: Called with every step.

    Returns:
        The reward, with averaged weights unless pairs were watched.

    Raises:
        ConfigError: The share is not in (0, 1], or the reward of a step depends on those before, which were left out.
    """
    if not 0 < keep <= 1:
        raise ConfigError(f"keep is a share of the steps of a segment and must be in (0, 1], got {keep}")
    if keep < 1 and reward.history is not None:
        raise ConfigError("a reward that depends on what came before needs all steps of a segment; leave keep=1")
    length = data.steps.shape[2]
    kept, members = max(1, round(keep * length)), reward.count

    def loss(model: nn.Module, generator: torch.Generator) -> Loss:
        rows = torch.randint(len(data.steps), (members, batch_size), generator=generator, device=generator.device)
        steps, weight = data.steps[rows], data.weight[rows]
        view = None if data.view is None else data.view[rows]
        if kept < length:
            steps, weight, view = _thinned(steps, weight, view, kept, generator)
        values = cast(SegmentReward, model).members(steps, weight, view).flatten(0, 1)
        return objective(
            Scores(values), PairTarget(data.target.p[rows].flatten(0, 1), data.target.weight[rows].flatten(0, 1))
        )

    def stop(step: int) -> bool:
        return watch is not None and watch.look(reward, objective, step)

    fit(reward, loss, config, seed=seed, progress=progress, stop=stop)
    if watch is not None and watch.best:
        reward.load_state_dict(watch.best)
    elif watch is not None:  # there were too few steps to look
        watch.look(reward, objective, 0)
    return reward


@dataclass
class HeldOut:
    """Pairs that are not trained on, looked at from time to time.

    Attributes:
        data: The pairs.
        every: Steps between looks.
        patience: Looks without a smaller loss after which training stops.
        loss: Smallest loss so far.
        accuracy: Share of decided pairs that were ordered right at that time.
        step: When that was.
        best: Weights at that time.
    """

    data: StateSegmentPreferences
    every: int = 25
    patience: int = 8
    loss: float = float("inf")
    accuracy: float = float("nan")
    step: int = 0
    best: dict[str, Any] = field(default_factory=dict[str, Any])

    @torch.no_grad()
    def look(self, reward: SegmentReward, objective: Objective, step: int) -> bool:
        """Judge the present weights if it is time to.

        Args:
            reward: What is trained.
            objective: By which loss.
            step: Steps taken.

        Returns:
            Whether to stop.
        """
        if step % self.every:
            return False
        scores = reward.score(self.data.steps, self.data.weight, self.data.view)
        loss = float(objective(scores, self.data.target).total)
        if loss < self.loss:
            self.loss, self.step, self.best = loss, step, deepcopy(reward.state_dict())
            self.accuracy = float(pair_agreement(scores, self.data.target))
        return step - self.step >= self.patience * self.every


def split_pairs(
    data: StateSegmentPreferences, share: float, *, seed: int
) -> tuple[StateSegmentPreferences, StateSegmentPreferences | None]:
    """Put some pairs aside.

    Args:
        data: All pairs.
        share: Of the pairs, in [0, 1).
        seed: Which ones.

    Returns:
        The pairs to train on, and those put aside, None if there are none.

    Raises:
        ConfigError: The share is out of range, or leaves nothing to train on.
    """
    count = round(share * len(data))
    if not 0 <= share < 1 or count >= len(data):
        raise ConfigError(f"held_out is a share of the {len(data)} pairs and must be in [0, 1), got {share}")
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(seed))
    return data[order[count:]], data[order[:count]] if count else None


def _thinned(
    steps: Tensor, weight: Tensor, view: Tensor | None, kept: int, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Some steps of each segment at random, in place of all."""
    order = torch.rand(weight.shape, generator=generator, device=generator.device).topk(kept, dim=-1).indices
    scale = weight.shape[-1] / kept
    chosen = steps.gather(-2, order[..., None].expand(*order.shape, steps.shape[-1]))
    if view is not None:
        shape = view.shape[weight.ndim :]
        view = view.gather(weight.ndim - 1, order.view(*order.shape, *[1] * len(shape)).expand(*order.shape, *shape))
    return chosen, weight.gather(-1, order) * scale, view
