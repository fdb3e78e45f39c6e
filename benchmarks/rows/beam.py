"""From r to Q*: the implicit reward of preferences among rollouts is an advantage, and beams search by it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from benchmarks.records import Record, across_seeds
from benchmarks.worlds.chain_policies import (
    WORLD,
    agreement,
    held_out,
    linear_agreement,
    localised,
    reference,
    scored,
    segments,
    tuned,
)
from benchmarks.worlds.mistake_chain import STEPS, State
from robopref.objectives.pairwise import bradley_terry
from robopref.protocols import CandidateScorer, Policy
from robopref.ranking.best_of_n import rank
from robopref.ranking.chunk_judges import ScoredChunks
from robopref.ranking.search import BeamSearch
from robopref.scores import PairTarget

EPISODES, BEAMS, CANDIDATES = 60, 4, 4
PAIRS = {"1000 pairs": 1000, "50 pairs": 50}


def measure(seed: int) -> dict[str, Any]:
    """Greedy selection and beam search with the same number of candidates a decision."""
    test, found = held_out(seed), dict[str, Any]()
    for name, count in PAIRS.items():
        policy, rollouts = reference(seed)
        source = policy.requires_grad_(False).eval()
        good, bad = (rollouts.success == flag for flag in (1, 0))
        generator = torch.Generator().manual_seed(seed)
        rows = torch.stack(
            [
                group.nonzero()[:, 0][torch.randint(int(group.sum()), (count,), generator=generator)]
                for group in (good, bad)
            ],
            dim=1,
        )
        preferred = PairTarget(torch.ones(count, 2, 2), torch.ones(count, 2, 2).triu(1))
        reward = tuned(reference(seed)[0], segments(rollouts, rows, preferred), bradley_terry, seed)
        _, steps = scored(reward, test)
        found[name] = {
            "agreement": agreement(steps, test),
            "linear": linear_agreement(steps, test),
            "localised": localised(steps, test),
            "greedy": _greedy(source, reward, seed),
            "beam": float(np.mean([_beam(source, reward, k) for k in range(EPISODES)])),
            "reference": float(rollouts.success.mean()),
        }
    return found


def records(found: list[dict[str, Any]]) -> list[Record]:
    """The claims."""
    made: list[Record] = []
    for name in PAIRS:
        rows = {key: np.array([seed[name][key] for seed in found]) for key in found[0][name]}
        gain = rows["beam"] - rows["greedy"]
        made += [
            across_seeds(f"Spearman of DPO's steps with the soft advantage, {name}", rows["agreement"], ">= 0.7"),
            across_seeds(f"Pearson of DPO's steps with the soft advantage, {name}", rows["linear"]),
            across_seeds(f"mistake step found by DPO's steps, {name}", rows["localised"]),
            across_seeds(f"success of the reference, {name}", rows["reference"]),
            across_seeds(f"success of greedy selection among {BEAMS * CANDIDATES}, {name}", rows["greedy"]),
            across_seeds(f"beam {BEAMS} x {CANDIDATES} less greedy at equal candidates, {name}", gain, ">= 0.05"),
        ]
    return made


def _greedy(policy: Policy, scorer: CandidateScorer, seed: int) -> float:
    states, generator = [State(0, clean=True)] * EPISODES, torch.Generator().manual_seed(seed)
    for _ in range(STEPS):
        seen = WORLD.observe(states)
        candidates = policy.sample(seen, BEAMS * CANDIDATES, generator=generator)
        states = WORLD.advance(states, rank(scorer, seen, candidates).action).states
    return float(np.mean([state.clean for state in states]))


def _beam(policy: Policy, scorer: CandidateScorer, seed: int) -> bool:
    search = BeamSearch(policy, ScoredChunks(scorer), WORLD, beams=BEAMS, candidates=CANDIDATES, depth=STEPS)
    start = State(0, clean=True)
    best = search.search(start, WORLD.observe([start]), generator=torch.Generator().manual_seed(seed))[0]
    return best.state.clean
