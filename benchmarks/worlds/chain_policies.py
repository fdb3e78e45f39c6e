"""Policies for the chain of mistakes: networks that have learnt its reference, and their tuning on segments."""

from __future__ import annotations

import copy
from functools import cache, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.worlds.mistake_chain import STEPS, MistakeChain, Rollouts
from robopref.decisions import as_reward
from robopref.evaluation.statistics import rank_correlation
from robopref.items import Comparisons
from robopref.learning.fit import FitConfig
from robopref.learning.preference import Batches, train_reward
from robopref.nets.denoiser import NoiseDenoiser
from robopref.objectives.imitation import imitate
from robopref.policies.diffusion import DiffusionPolicy
from robopref.policies.draws import StratifiedDraw, UniformDraw
from robopref.policies.weighting import elbo
from robopref.protocols import Objective
from robopref.records import Observation
from robopref.rewards.implicit import ImplicitReward
from robopref.scores import PairTarget, SuccessTarget

WORLD, LEVELS, ROLLOUTS, HELD_OUT = MistakeChain(), 50, 2000, 500
FIT = FitConfig(400, 3e-4, ema=0.99)
# Of the KL-regularised problem whose advantage the scores are compared with; the outcome is 0 or 1.
TEMPERATURE = 0.3


@cache
def _reference(seed: int) -> tuple[DiffusionPolicy, Rollouts]:
    rollouts = WORLD.rollouts(ROLLOUTS, torch.Generator().manual_seed(seed))
    torch.manual_seed(seed)
    sizes: dict[str, Any] = {"width": 16, "points": 3, "nodes": 3, "train_steps": LEVELS, "sample_steps": 10}
    policy = DiffusionPolicy(WORLD.geometry, STEPS + 1, denoiser=partial(NoiseDenoiser, hidden=96, depth=2), **sizes)
    every = Observation(rollouts.observation.points.flatten(0, 1), rollouts.observation.proprio.flatten(0, 1))
    ones = torch.ones(ROLLOUTS * STEPS, 1)
    data = Comparisons.of_candidates(
        every, rollouts.actions.flatten(0, 1)[:, None], SuccessTarget(ones, ones), WORLD.geometry
    )
    draw = UniformDraw(1, 0, LEVELS)
    cloning = ImplicitReward(policy, draw, cost="error", reference=None)
    # Cloned for a third as long, implicit rewards find half of the mistakes.
    fit = FitConfig(3000, 2e-3, ema=0.99)
    train_reward(cloning, data, imitate, fit, seed=seed, batches=Batches(size=256, points=3, draws=draw))
    return policy, rollouts


def reference(seed: int) -> tuple[DiffusionPolicy, Rollouts]:
    """A copy of the policy that has learnt the reference, and the rollouts it has learnt from."""
    policy, rollouts = _reference(seed)
    return copy.deepcopy(policy), rollouts


def segments(rollouts: Rollouts, rows: Tensor, target: SuccessTarget | PairTarget) -> Comparisons:
    """Groups of whole rollouts; `rows` is (S, K)."""
    seen = Observation(rollouts.observation.points[rows], rollouts.observation.proprio[rows])
    mask = torch.ones(*rows.shape, STEPS, dtype=torch.bool)
    return Comparisons.of_segments(seen, rollouts.actions[rows], mask, target, WORLD.geometry)


def tuned(policy: DiffusionPolicy, data: Comparisons, objective: Objective, seed: int) -> ImplicitReward:
    """The implicit reward ``log pi / pi_ref`` of a policy tuned on segments."""
    reward = ImplicitReward(policy, StratifiedDraw(16, 0, LEVELS), cost="error", weighting=elbo)
    train_reward(
        reward, data, objective, FIT, seed=seed, batches=Batches(size=64, points=3, draws=StratifiedDraw(8, 0, LEVELS))
    )
    return reward


def held_out(seed: int) -> Rollouts:
    """Rollouts that nothing was trained on."""
    return WORLD.rollouts(HELD_OUT, torch.Generator().manual_seed(10_000 + seed))


@torch.no_grad()
def scored(scorer: torch.nn.Module, rollouts: Rollouts) -> tuple[np.ndarray, np.ndarray]:
    """Scores (N,) of whole rollouts, and what each decision adds (N, T)."""
    rows, success = torch.arange(len(rollouts.success))[:, None], rollouts.success[:, None]
    data = segments(rollouts, rows, SuccessTarget(success, torch.ones_like(success)))
    scores = as_reward(scorer.eval()).score(data.items)
    assert scores.steps is not None, "segments have steps"
    return scores.value[:, 0].numpy(), scores.steps[:, 0].numpy()


def localised(steps: np.ndarray, rollouts: Rollouts) -> float:
    """Share of rollouts with a single mistake whose lowest step is the mistake."""
    mistake = rollouts.mistake.numpy()
    single = mistake.sum(1) == 1
    return float((steps.argmin(1) == mistake.argmax(1))[single].mean())


def agreement(steps: np.ndarray, rollouts: Rollouts) -> float:
    """Spearman's correlation of the steps with the true soft advantage."""
    truth = WORLD.advantage(rollouts, beta=TEMPERATURE)
    return float(rank_correlation(steps.reshape(1, -1), truth.reshape(1, -1))[0])


def linear_agreement(steps: np.ndarray, rollouts: Rollouts) -> float:
    """Pearson's correlation of the steps with the true soft advantage."""
    return float(np.corrcoef(steps.ravel(), WORLD.advantage(rollouts, beta=TEMPERATURE).ravel())[0, 1])


def noisy_agreement(rollouts: Rollouts, spread: float) -> float:
    """Spearman's correlation of the true soft advantage with itself, a number of that spread added to every step."""
    truth = WORLD.advantage(rollouts, beta=TEMPERATURE)
    return agreement(truth + np.random.default_rng(0).normal(0, spread, truth.shape), rollouts)
