"""iREPO: regress implicit differences on the log-odds of nine votes, against DPO on their majority.

Exact mixture policies, 1,000 pairs of the reference, beta 0.5, one round. The slope is that of the learnt reward on the
true one over the four modes. For the trap of squared losses, the same policy is scored by noisy denoising errors: one
draw, eight draws in a plain square, and eight draws in the unbiased square.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from benchmarks.records import Record, across_seeds
from benchmarks.worlds.bandit_policies import LEVELS, mixture_policy
from benchmarks.worlds.bandit_tuning import answered, error_reward, exact_reward, own_chunks, preferences, tune
from benchmarks.worlds.four_mode_bandit import FourModeBandit, total_variation
from robopref.objectives.pairwise import bradley_terry
from robopref.objectives.regression import vote_regression
from robopref.policies.draws import UniformDraw
from robopref.scores import Loss, PairTarget, Scores

WORLD, BETA, VOTES = FourModeBandit(), 0.5, 9


def plain_square(scores: Scores, target: PairTarget) -> Loss:
    """The regression on the mean of the draws, whose square is biased by their noise."""
    return vote_regression(Scores(scores.value), target)


def measure(seed: int) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(seed)
    chunks = own_chunks(WORLD, mixture_policy(WORLD.shares), 1000, 2, generator)
    data = preferences(WORLD, chunks, generator, votes=VOTES)
    share, weight = data.target.p, data.target.weight
    # Half a vote for either side, so that a unanimous vote has finite log-odds.
    votes = answered(WORLD, chunks, PairTarget((VOTES * share + 0.5) / (VOTES + 1), weight))
    majority = answered(WORLD, chunks, PairTarget((share > 0.5).float(), weight))
    one, eight = UniformDraw(1, 0, LEVELS), UniformDraw(8, 0, LEVELS)
    runs = {
        "iREPO": (exact_reward, votes, vote_regression, None),
        "DPO, majority": (exact_reward, majority, bradley_terry, None),
        "DPO, vote shares": (exact_reward, data, bradley_terry, None),
        "one-draw square": (error_reward, votes, vote_regression, one),
        "plain square of eight draws": (error_reward, votes, plain_square, eight),
        "unbiased square of eight draws": (error_reward, votes, vote_regression, eight),
    }
    found: dict[str, Any] = {}
    for name, (build, answers, objective, draws) in runs.items():
        policy = mixture_policy(WORLD.shares)
        tune(
            build(policy, BETA),
            answers,
            objective,
            steps=200,
            seed=seed,
            learning_rate=0.05,
            batch_size=64,
            draws=draws,
        )
        masses = policy.denoiser.masses()[0].numpy()
        learnt, true = BETA * np.log(masses / np.array(WORLD.shares)), np.array(WORLD.rewards)
        slope = np.polyfit(true, learnt, 1)[0]
        found[name] = [float(slope), total_variation(masses, WORLD.optimum(BETA))]
    return found


def records(found: list[dict[str, Any]]) -> list[Record]:
    at = {name: np.array([seed[name] for seed in found]) for name in found[0]}
    slope = {name: values[:, 0] for name, values in at.items()}
    distance = {name: values[:, 1] for name, values in at.items()}
    noisy = slope["one-draw square"] - slope["unbiased square of eight draws"]
    majority, shares = (distance["iREPO"] - distance[f"DPO, {votes}"] for votes in ("majority", "vote shares"))
    return [
        across_seeds("iREPO: slope of the learnt reward on the true one", slope["iREPO"], ">= 0.8", unit="slope"),
        across_seeds("iREPO: distance of that slope from one", np.abs(slope["iREPO"] - 1), "<= 0.2", unit="slope"),
        across_seeds("DPO, majority: slope", slope["DPO, majority"], unit="slope"),
        across_seeds("DPO, vote shares: slope", slope["DPO, vote shares"], unit="slope"),
        *(across_seeds(f"{name}: distance (TV) to the optimum", distance[name]) for name in list(at)[:3]),
        across_seeds("iREPO: distance minus DPO's on the majority", majority, "<= 0"),
        across_seeds("iREPO: distance minus DPO's on vote shares", shares),
        *(across_seeds(f"{name}: slope", slope[name], unit="slope") for name in list(at)[3:]),
        across_seeds("one-draw square: slope minus the unbiased square's", noisy, "<= 0", unit="slope"),
    ]
