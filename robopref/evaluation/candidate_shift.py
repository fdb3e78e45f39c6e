"""Where a score stops being right: candidates, and starts, unlike those that it was trained on, in simulation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from robopref.errors import ConfigError
from robopref.evaluation.compare import Scores, score_candidates
from robopref.evaluation.statistics import calibration, pair_counts
from robopref.evaluation.summary import oriented_pairs
from robopref.learning.collect import Progress, draw_candidates, episode_seed, try_candidates
from robopref.protocols import CandidateScorer, Policy
from robopref.robots.sim import Moment, SimPool, SimTask, TaskSpec, start

_OWN, _BEST = "policy's candidates", "best quarter of them"  # candidates that a scorer is asked about anyway
ELSEWHERE = "starts on the way to another end"
_TRIED = 8  # candidates a start


class Shift(NamedTuple):
    """S starts, candidates (S, N, H, A) in each, and their outcomes (S, N)."""

    moments: Sequence[Moment]
    chunks: NDArray[np.float32]
    gained: NDArray[np.float64]


def candidate_shifts(
    pool: SimPool,
    moments: Sequence[Moment],
    chunks: NDArray[np.float32],
    gained: NDArray[np.float64],
    *,
    seed: int,
    progress: Progress | None = None,
) -> dict[str, Shift]:
    """The same starts with candidates from elsewhere.

    The regimes follow "On the Limited Generalization Capability of the Implicit Reward Model" (Lin et al. 2024): what
    the scorer was trained on, wider and uniform candidates, and the better half of the policy's, among which best-of-n
    has to choose.

    Args:
        pool: Runs the task.
        moments: S starts.
        chunks: (S, N, H, A) the policy's candidates.
        gained: (S, N) their outcomes.
        seed: Seed of the shifted candidates.
        progress: Called with states done and states wanted.

    Returns:
        By name.
    """
    rng = np.random.default_rng(seed)
    wider = np.clip(chunks[:, :_TRIED] + rng.normal(0, 0.1, chunks[:, :_TRIED].shape), -1, 1).astype(np.float32)
    uniform = rng.uniform(-1, 1, chunks[:, :_TRIED].shape).astype(np.float32)
    tried = try_candidates(pool, moments, np.concatenate([wider, uniform], axis=1), progress)
    rows, best = _best_quarter(gained)
    return {
        _OWN: Shift(moments, chunks, gained),
        _BEST: Shift(moments, chunks[rows, best], gained[rows, best]),
        "wider noise": Shift(moments, wider, tried[:, : wider.shape[1]]),
        "uniform actions": Shift(moments, uniform, tried[:, wider.shape[1] :]),
    }


def another_end(spec: TaskSpec, options: Mapping[str, Any]) -> SimTask:
    """A task that differs in what is wanted alone, so that its states can be put into the other.

    Args:
        spec: Of the task.
        options: Of its environment, that differ, such as another target.

    Raises:
        ConfigError: The task has no such option, or what is seen of it, or its state, has another size then.
    """
    made = SimTask(replace(spec, options={**spec.options, **options}))
    theirs, ours = (_sizes(task.reset(0)) for task in (made, SimTask(spec)))
    if theirs != ours:
        raise ConfigError(
            f"options of another end must leave the task's state as it is; with {dict(options)} it holds {theirs}, "
            f"without {ours}"
        )
    return made


def starts_elsewhere(
    pool: SimPool,
    other: SimTask,
    policy: Policy,
    *,
    count: int,
    warm_up: int,
    seed: int,
    device: torch.device,
    progress: Progress | None = None,
) -> Shift:
    """Starts that the demonstrator of a task with another end left, and what the policy does in them.

    Outcomes are those of the pool's task: what is wanted is the same, and the states are such as nobody makes who
    wants it.

    Args:
        pool: Runs the task.
        other: From `another_end`.
        policy: Draws the candidates.
        count: Starts.
        warm_up: Actions of that demonstrator before a start, at most.
        seed: Of starts and candidates.
        device: Where the policy is.
        progress: Called with states done and states wanted.
    """
    moments = [start(other, episode_seed("evaluation", seed, index), warm_up) for index in range(count)]
    chunks = draw_candidates(policy, moments, n=_TRIED, seed=seed, device=device)
    return Shift(moments, chunks, try_candidates(pool, moments, chunks, progress))


def shift_report(
    scorers: Mapping[str, CandidateScorer],
    shifts: Mapping[str, Shift],
    device: torch.device,
    threshold: float,
    history: int = 1,
    known: Mapping[str, Scores] | None = None,
) -> dict[str, dict[str, dict[str, float]]]:
    """Pair accuracy and calibration of every scorer under every shift.

    Args:
        scorers: By name.
        shifts: From `candidate_shifts` and `starts_elsewhere`.
        device: Where the scorers are.
        threshold: Outcomes that differ by no more than this do not make a pair.
        history: Observations that the scorers see.
        known: (S, N) what each scorer says of the policy's candidates, if they were asked before.

    Returns:
        ``{scorer: {shift: {"accuracy", "ece", "pairs"}}}``.
    """
    report: dict[str, dict[str, dict[str, float]]] = {}
    for name, scorer in scorers.items():
        report[name] = {}
        for shift, (moments, chunks, gained) in shifts.items():
            if known is None or shift not in (_OWN, _BEST):
                scores = score_candidates(scorer, moments, chunks, device, history)
            else:
                scores = known[name] if shift == _OWN else known[name][_best_quarter(shifts[_OWN].gained)]
            right, total = pair_counts(scores, gained, threshold=threshold)
            entry = {"pairs": float(total.sum())}
            if total.sum() > 0:
                margins, wins = oriented_pairs(scores.astype(np.float64), gained, threshold)
                entry |= {"accuracy": float(right.sum() / total.sum()), "ece": calibration(margins, wins).error}
            report[name][shift] = entry
    return report


def _best_quarter(gained: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Index of the better ones of (S, N) candidates."""
    return np.arange(len(gained))[:, None], np.argsort(-gained, axis=1)[:, : max(2, gained.shape[1] // 4)]


def _sizes(moment: Moment) -> dict[str, tuple[int, ...]]:
    return {name: np.shape(part) for name, part in moment.observation.items()} | {"state": moment.snapshot.shape}
