"""Implicit process rewards: the mistake is found from outcomes alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from benchmarks.records import Record, across_seeds
from benchmarks.worlds.chain_policies import (
    FIT,
    ROLLOUTS,
    agreement,
    held_out,
    linear_agreement,
    localised,
    noisy_agreement,
    reference,
    scored,
    segments,
    tuned,
)
from robopref.learning.preference import Batches, train_reward
from robopref.objectives.classification import success_cross_entropy
from robopref.policies.draws import StratifiedDraw
from robopref.rewards.explicit import ExplicitReward
from robopref.rewards.implicit import ImplicitReward
from robopref.scores import SuccessTarget

NOISE = 0.05  # of an advantage, whose range is 1


def measure(seed: int) -> dict[str, Any]:
    """Implicit rewards with log-ratio and with plain weights, and an explicit one, all from the same outcomes."""
    policy, rollouts = reference(seed)
    outcome = SuccessTarget(rollouts.success[:, None], torch.ones(ROLLOUTS, 1))
    data, test = segments(rollouts, torch.arange(ROLLOUTS)[:, None], outcome), held_out(seed)
    explicit = ExplicitReward.for_policy(policy, width=16, points=3, nodes=3, hidden=96, depth=2)
    plain = ImplicitReward(reference(seed)[0], StratifiedDraw(16, 0, len(policy.alphas)), beta=10.0, cost="error")
    draws = StratifiedDraw(8, 0, len(policy.alphas))
    batches = Batches(size=64, points=3)
    train_reward(explicit, data, success_cross_entropy, FIT, seed=seed, batches=batches)
    train_reward(plain, data, success_cross_entropy, FIT, seed=seed, batches=replace(batches, draws=draws))
    scorers = {"implicit": tuned(policy, data, success_cross_entropy, seed), "unweighted": plain, "explicit": explicit}
    found: dict[str, Any] = {}
    for name, scorer in scorers.items():
        value, steps = scored(scorer, test)
        good = test.success.numpy() == 1
        found[name] = {
            "localised": localised(steps, test),
            "agreement": agreement(steps, test),
            "linear": linear_agreement(steps, test),
            "auc": float((value[good][:, None] > value[~good][None]).mean()),
        }
    return found | {"yardstick": {"agreement": noisy_agreement(test, NOISE)}}


def records(found: list[dict[str, Any]]) -> list[Record]:
    """The claims."""

    def over(name: str, figure: str) -> np.ndarray:
        return np.array([seed[name][figure] for seed in found])

    loss = over("explicit", "auc") - over("implicit", "auc")
    return [
        across_seeds("mistake step found from outcomes alone (chance 0.20)", over("implicit", "localised"), ">= 0.7"),
        across_seeds("Spearman of process rewards with the soft advantage", over("implicit", "agreement"), ">= 0.7"),
        across_seeds(
            f"Spearman of the true soft advantage and itself with noise of {NOISE:g}", over("yardstick", "agreement")
        ),
        across_seeds("Pearson of process rewards with the soft advantage", over("implicit", "linear")),
        across_seeds("outcome AUC of an explicit classifier less that of the implicit one", loss, "<= 0.03"),
        across_seeds("mistake step found, errors unweighted (no log-ratio)", over("unweighted", "localised")),
        across_seeds("mistake step found, explicit reward summed over steps", over("explicit", "localised")),
    ]
