"""MODPO on Gaussians: two linear rewards with their own pairs, weights chosen afterwards, against the closed form.

4,000 pairs an objective; the margin is a reward that DPO learnt from the second objective's pairs, as in the released
recipe. Distances are in standard deviations of the reference. Baselines: DPO on 4,000 fresh pairs labelled by the
weighted sum for every weight (scalarised), and the weighted mixture of both losses.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from benchmarks.records import Record, across_seeds
from benchmarks.worlds.gauss_linear import GaussLinear
from robopref.data.labels.target_operators import compare
from robopref.items import Comparisons
from robopref.learning.fit import FitConfig
from robopref.learning.preference import Batches, train_reward
from robopref.objectives.margins import MultiObjective
from robopref.objectives.pairwise import bradley_terry
from robopref.policies.draws import CleanDraw
from robopref.protocols import Objective
from robopref.rewards.implicit import ImplicitReward
from robopref.scores import PairTarget

WORLD, PAIRS, WEIGHTS = GaussLinear(), 4000, (0.25, 0.5, 0.75)
REWARDS = 12.0 * np.eye(2)  # of the two objectives, along an axis each


def measure(seed: int) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(seed)
    chunks = [WORLD.std * torch.randn(PAIRS, 2, 1, 2, generator=generator) for _ in range(2)]
    told = [
        compare(_value(chunk, gradient), temperature=1.0, generator=generator)
        for chunk, gradient in zip(chunks, REWARDS, strict=True)
    ]
    margin = tuned(chunks[1], told[1], bradley_terry, seed)
    found: dict[str, Any] = {}
    for weight in WEIGHTS:
        mixed = weight * REWARDS[0] + (1 - weight) * REWARDS[1]
        optimum = WORLD.optimum(mixed, 1.0)
        with torch.no_grad():
            known = margin.score(WORLD.observe(PAIRS), chunks[0]).value
        offset = PairTarget(told[0].p, told[0].weight, (1 - weight) * known)
        labels = compare(_value(chunks[0], mixed), temperature=1.0, generator=generator)
        both = PairTarget(
            torch.cat([told[0].p, told[1].p]), torch.cat([weight * told[0].weight, (1 - weight) * told[1].weight])
        )
        rewards = {
            "MODPO": tuned(chunks[0], offset, MultiObjective(bradley_terry, weight), seed),
            "scalarised": tuned(chunks[0], labels, bradley_terry, seed),
            "mixture": tuned(torch.cat(chunks), both, bradley_terry, seed),
        }
        for name, reward in rewards.items():
            mean = reward.policy.denoiser.mean.detach().numpy()[0]
            error = float(np.linalg.norm(mean - optimum) / WORLD.std)
            found.setdefault(name, []).append({"error": error, "front": (REWARDS @ mean).tolist()})
    return found


def tuned(chunks: torch.Tensor, target: PairTarget, objective: Objective, seed: int) -> ImplicitReward:
    """A Gaussian policy and its exact implicit reward, tuned on pairs."""
    reward = ImplicitReward(WORLD.policy(), CleanDraw((0,)), beta=1.0)
    data = Comparisons.of_candidates(WORLD.observe(len(chunks)), chunks, target, WORLD.geometry)
    config = FitConfig(250, 0.01, weight_decay=0.0, ema=0.95)
    train_reward(reward, data, objective, config, seed=seed, batches=Batches(size=256))
    return reward


def records(found: list[dict[str, Any]]) -> list[Record]:
    # The regularised objective falls by half the squared distance in standard deviations.
    errors = {name: np.array([[point["error"] for point in seed[name]] for seed in found]) for name in found[0]}
    gaps = {name: 0.5 * error**2 for name, error in errors.items()}
    best = hypervolume([REWARDS @ WORLD.optimum(w * REWARDS[0] + (1 - w) * REWARDS[1], 1.0) for w in WEIGHTS])
    share = {name: [hypervolume([p["front"] for p in seed[name]]) / best for seed in found] for name in errors}
    gap = {name: values.mean(1) for name, values in gaps.items()}
    made = [
        across_seeds(f"{name}: distance of the mean to the optimum, over three weights", values.mean(1), unit="std")
        for name, values in errors.items()
        if name != "MODPO"
    ]
    made += [
        across_seeds(f"{name}: hypervolume of the front over the closed form's", values)
        for name, values in share.items()
        if name != "MODPO"
    ]
    scalarised, mixture = gap["MODPO"] - gap["scalarised"], gap["MODPO"] - gap["mixture"]
    return [
        *made,
        across_seeds(
            "MODPO: distance of the mean to the optimum, over three weights",
            errors["MODPO"].mean(1),
            "<= 0.05",
            unit="std",
        ),
        across_seeds("MODPO: distance at the worst weight", errors["MODPO"].max(1), unit="std"),
        across_seeds("MODPO: gap in the regularised objective", gap["MODPO"], "<= 0.01", unit="reward"),
        across_seeds("MODPO: that gap minus scalarised DPO's", scalarised, "<= 0.005", unit="reward"),
        across_seeds("MODPO: that gap minus the loss mixture's", mixture, "<= 0", unit="reward"),
        across_seeds("MODPO: hypervolume over the closed form's", share["MODPO"], ">= 0.99"),
    ]


def hypervolume(points: list[Any]) -> float:
    """Area above the origin that points in the plane dominate."""
    area, top = 0.0, 0.0
    for x, y in sorted(points, key=lambda point: -point[0]):
        area += max(0.0, x) * max(0.0, y - top)
        top = max(top, y)
    return float(area)


def _value(chunks: torch.Tensor, gradient: np.ndarray) -> torch.Tensor:
    return chunks[:, :, 0] @ torch.as_tensor(gradient, dtype=torch.float32)
