"""Training a reward of segments on preferences among them."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from robopref.data.segments import StateSegmentPreferences
from robopref.errors import ConfigError
from robopref.learning.fit import FitConfig, fit
from robopref.protocols import Objective
from robopref.rewards.segment import SegmentReward
from robopref.types import Loss, PairTarget, Scores


def train_segment_reward(
    reward: SegmentReward,
    data: StateSegmentPreferences,
    objective: Objective,
    config: FitConfig,
    *,
    seed: int,
    batch_size: int = 16,
    keep: float = 1.0,
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

    Returns:
        The reward, with averaged weights.

    Raises:
        ConfigError: The share is not in (0, 1].
    """
    if not 0 < keep <= 1:
        raise ConfigError(f"keep is a share of the steps and must be in (0, 1], got {keep}")
    length = data.steps.shape[2]
    kept, members = max(1, round(keep * length)), len(reward.weights[0])

    def loss(model: nn.Module, generator: torch.Generator) -> Loss:
        rows = torch.randint(len(data.steps), (members, batch_size), generator=generator)
        steps, weight = data.steps[rows], data.weight[rows]
        if kept < length:
            steps, weight = _thinned(steps, weight, kept, generator)
        values = cast(SegmentReward, model).members(steps, weight).flatten(0, 1)
        return objective(
            Scores(values), PairTarget(data.target.p[rows].flatten(0, 1), data.target.weight[rows].flatten(0, 1))
        )

    return cast(SegmentReward, fit(reward, loss, config, seed=seed))


def _thinned(steps: Tensor, weight: Tensor, kept: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Some steps of each segment at random, in place of all."""
    order = torch.rand(weight.shape, generator=generator).topk(kept, dim=-1).indices
    scale = weight.shape[-1] / kept
    chosen = steps.gather(-2, order[..., None].expand(*order.shape, steps.shape[-1]))
    return chosen, weight.gather(-1, order) * scale
