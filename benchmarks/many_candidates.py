"""Choosing among more and more candidates of the rope, and among candidates that fail on purpose.

At held-out starts of the seeds of `deformable.py` 256 candidates are drawn once, and all are carried out; a choice
among N is one among the first N of them. Scores are those of the rewards that `deformable.py` and `outcomes.py` train,
or of none. Beside the demonstrator's action, three are made that fail: it misses the rope, it takes the other end, and
it takes the rope the wrong way.

What is done is kept in runs/bench-many-candidates; ``python -m benchmarks.many_candidates seeds=1 starts=10`` does
less.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.deformable import run_seed, start_seed, train_rewards
from benchmarks.outcomes import SEEN, trained
from benchmarks.records import Record, keep, write
from robopref.cli.answered import load_preferences
from robopref.cli.context import Context
from robopref.decisions import as_scorer
from robopref.evaluation.compare import judge_outcomes, score_candidates
from robopref.evaluation.intervals import wilson
from robopref.evaluation.statistics import LEVEL, gap_closed
from robopref.learning.collect import carry_out_candidates, draw_candidates, draw_states
from robopref.rewards.candidate_agreement import CandidateAgreement
from robopref.rewards.ensemble import symmetric
from robopref.rewards.masked_likelihood import MaskedLikelihoodScore
from robopref.robots.sim import Moment, SimTask

SEEDS, STARTS, MOST = 3, 40, 256
COUNTS = tuple(2**k for k in range(9))
OUTCOME = "outcome, all carried out"
MISSED_BY = 0.06  # beside the rope, m
WORSE = 0.01  # by which a failure is worse than what it was made of, at least, m

Values = NDArray[np.float64]


def main(words: Sequence[str] = ()) -> None:
    """Run what is not done, and write the result."""
    given = dict(word.split("=", 1) for word in words)
    seeds, starts = int(given.pop("seeds", SEEDS)), int(given.pop("starts", STARTS))
    others = [f"{key}={value}" for key, value in given.items()]
    made = records([run_candidates(seed, starts, others) for seed in range(seeds)])
    for record in made:
        print(f"{record.value:7.3f} ({record.low:.3f} to {record.high:.3f}) {record.claim}")
    print(f"result: {write('many_candidates', made)}")


def run_candidates(seed: int, starts: int, others: Sequence[str] = ()) -> dict[str, Any]:
    """Scores and outcomes of all candidates of one seed, as plain values; read back if it is done."""
    torch.set_num_threads(1)
    os.environ.setdefault("MUJOCO_GL", "egl")
    done = Path(f"runs/bench-many-candidates/{seed}-{starts}.json")
    return keep(done, lambda: found_out(seed, starts, others), others)


def found_out(seed: int, starts: int, words: Sequence[str]) -> dict[str, Any]:
    """Scores and outcomes of all candidates of one seed, as plain values."""
    own = [word for word in words if word.startswith("rewards.outcome.")]
    others = [word for word in words if word not in own]
    run_seed(seed, "rope", others)
    context = start_seed(seed, "rope", others)
    try:
        data = load_preferences(context, after=SEEN)
        judge = trained(context, data, "100", own)
        scorers = train_rewards(context, load_preferences(context), "all")
        policy, geometry = context.policy(), context.pool.task.geometry
        scorers["agreement"] = symmetric(CandidateAgreement(), geometry)
        scorers["masked likelihood"] = symmetric(MaskedLikelihoodScore(policy), geometry).eval()
        moments = draw_states(context.pool, "evaluation", count=starts, seed=seed, warm_up=3)
        chunks = draw_candidates(policy, moments, n=MOST, seed=seed + 3, device=context.device)
        found: dict[str, Any] = {"many": looked_at(context, scorers, judge, moments, chunks)}
        failing = np.stack(list(context.pool.map(failures, [(one.snapshot, seed) for one in moments])))
        found["failures"] = looked_at(context, scorers, judge, moments, failing)
    finally:
        context.finish()
    return found


def looked_at(
    context: Context,
    scorers: Mapping[str, torch.nn.Module],
    judge: torch.nn.Module,
    moments: Sequence[Moment],
    chunks: NDArray[np.float32],
) -> dict[str, Any]:
    """Outcomes (S, N) and scores (S, N) by name of candidates (S, N, H, A)."""
    gained, after = carry_out_candidates(context.pool, moments, chunks)
    scores = {
        name: score_candidates(as_scorer(scorer), moments, chunks, context.device).tolist()
        for name, scorer in scorers.items()
    }
    seen = {name: after[name] for name in SEEN}
    scores[OUTCOME] = judge_outcomes(judge, moments, seen, context.device).tolist()
    return {"outcomes": gained.tolist(), "scores": scores}


FAILURES = ("missed grasp", "wrong end", "wrong way")


def failures(task: SimTask, snapshot: NDArray[np.float64], seed: int) -> NDArray[np.float32]:
    """What the careful demonstrator would do, and the same failing in each way, (4, 1, A)."""
    task.rewind(snapshot, seed)
    rope, reach = task.env.vertices[:, :2], np.float32(0.4)
    action = task.demonstrate(np.random.default_rng(seed), "expert") * reach
    pick, place = action[:2], action[2:]
    vertex = int(np.linalg.norm(rope - pick, axis=1).argmin())
    along = rope[min(vertex + 1, len(rope) - 1)] - rope[max(vertex - 1, 0)]
    beside = np.array([-along[1], along[0]]) / max(float(np.linalg.norm(along)), 1e-6)
    missed = max((pick + MISSED_BY * beside, pick - MISSED_BY * beside), key=lambda at: _clear(rope, at))
    other = rope[len(rope) - 1 - vertex]
    made = [action, np.append(missed, place), np.append(other, place), np.append(pick, 2 * pick - place)]
    return np.clip(np.stack(made) / reach, -1, 1)[:, None].astype(np.float32)


def _clear(rope: Values, at: Values) -> float:
    return float(np.linalg.norm(rope - at, axis=1).min())


def records(found: Sequence[Mapping[str, Any]]) -> list[Record]:
    """Turn the seeds' measurements into claims."""
    return [*curves(found), *fooled(found)]


def curves(found: Sequence[Mapping[str, Any]]) -> list[Record]:
    """Share of the gap between a random candidate and the best of 256 that is closed among the first N."""
    outcomes = _joined(found, "many", "outcomes")
    owner = np.repeat(np.arange(len(found)), [len(seed["many"]["outcomes"]) for seed in found])
    random, best = outcomes.mean(axis=1), outcomes.max(axis=1)
    scores = {name: _joined(found, "many", name) for name in found[0]["many"]["scores"]} | {"oracle": outcomes}
    made: list[Record] = []
    for name, values in scores.items():
        shares: list[float] = []
        for count in (count for count in COUNTS if count <= outcomes.shape[1]):
            chosen = outcomes[np.arange(len(outcomes)), values[:, :count].argmax(axis=1)]
            gap = gap_closed(chosen, random, best, seeds=owner)
            shares.append(gap.mean)
            claim = (
                f"share of the gap between a random candidate and the best of {outcomes.shape[1]}, {name}, N = {count}"
            )
            made.append(_record(claim, (gap.mean, gap.low, gap.high), "share", len(outcomes)))
        slope, _ = np.polyfit(np.log2(COUNTS[: len(shares)]), shares, 1)
        made.append(_record(f"what doubling N adds to that share, fitted, {name}", (slope,) * 3, "share", len(shares)))
        turn = COUNTS[int(np.argmax(shares))]
        made.append(_record(f"N with the largest share, {name}", (turn,) * 3, "candidates", len(shares)))
    return made


def fooled(found: Sequence[Mapping[str, Any]]) -> list[Record]:
    """How often a score finds an action that fails at least as good as what it was made of."""
    outcomes = _joined(found, "failures", "outcomes")
    made: list[Record] = []
    for kind, name in enumerate(FAILURES, start=1):
        fails = outcomes[:, 0] - outcomes[:, kind] > WORSE
        for score in found[0]["failures"]["scores"]:
            values = _joined(found, "failures", score)
            wrong = int((values[fails, kind] >= values[fails, 0]).sum())
            share = wilson(wrong, int(fails.sum()), level=LEVEL)
            found_out = (share.mean, share.low, share.high)
            made.append(_record(f"{score} is fooled by a {name}", found_out, "share", int(fails.sum())))
    return made


def _joined(found: Sequence[Mapping[str, Any]], part: str, name: str) -> Values:
    held = [seed[part]["outcomes"] if name == "outcomes" else seed[part]["scores"][name] for seed in found]
    return np.concatenate([np.array(one, dtype=float) for one in held])


def _record(claim: str, values: Sequence[float], unit: str, n: int) -> Record:
    mean, low, high = (round(float(value), 4) for value in values)
    return Record(claim, mean, low, high, "", None, unit, n)


if __name__ == "__main__":
    main(sys.argv[1:])
