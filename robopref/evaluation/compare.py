"""Compare ways of choosing an action on the same held-out starts, in simulation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray

from robopref.files import replacing
from robopref.learning.collect import Progress, episode_seed
from robopref.protocols import CandidateScorer, Policy
from robopref.ranking.best_of_n import BestOfN
from robopref.ranking.look_ahead import kept_of_all
from robopref.ranking.search import BeamSearch
from robopref.records import Observation
from robopref.rewards.worth import decision_worth
from robopref.robots.dynamics import observe, observe_last, walk
from robopref.robots.sim import Moment, SimPool, start
from robopref.seeding import in_block

Scores = NDArray[np.float32]
Trail = list[tuple[NDArray[np.float64], NDArray[np.float32]]]
Act = Callable[[Observation, torch.Generator], torch.Tensor]


@runtime_checkable
class SituatedAct(Protocol):
    """A strategy that is also told the states, to look ahead from."""

    def act(self, states: Sequence[Moment], observation: Observation, generator: torch.Generator) -> torch.Tensor:
        """Choose chunks (S, H, A)."""
        ...


_CHUNKS = 1000  # of an episode that have seeds of their own block


class Rollouts(NamedTuple):
    """Episodes of one strategy.

    Attributes:
        progress: (S, steps + 1) progress before and after each chunk, the last value repeated after success.
        trails: Of each episode the state before each chunk and the chunk, to film it later.
        solved: (S,) chunks after which the task was solved; -1 for episodes in which it never was.
    """

    progress: NDArray[np.float64]
    trails: list[Trail]
    solved: NDArray[np.int64]


@torch.no_grad()
def score_candidates(
    scorer: CandidateScorer,
    moments: Sequence[Moment],
    chunks: NDArray[np.float32],
    device: torch.device,
    history: int = 1,
) -> Scores:
    """Score every candidate of every start, one start at a time as on a robot.

    Args:
        scorer: The scorer.
        moments: S starts.
        chunks: (S, N, H, A).
        device: Where the scorer is.
        history: Observations that it sees.

    Returns:
        (S, N).
    """
    rows = [
        scorer.score(observe([moment], device, history), torch.as_tensor(chunk[None], device=device)).value[0]
        for moment, chunk in zip(moments, chunks, strict=True)
    ]
    return torch.stack(rows).float().cpu().numpy()


def judge_outcomes(
    judge: object, moments: Sequence[Moment], after: Mapping[str, NDArray[Any]], device: torch.device
) -> Scores:
    """What a reward of outcomes says of every candidate of every start.

    Args:
        judge: The reward.
        moments: S starts.
        after: (S, N, ...) of each part of what was observed after the candidates.
        device: Where the reward is.

    Returns:
        (S, N).
    """
    return decision_worth(judge, observe(moments, device), after=Observation.of(after)).astype(np.float32)


def looked_ahead(cheap: Scores | None, judged: Scores, keep: int) -> Scores:
    """What look-ahead chooses by, of candidates that were all carried out.

    Args:
        cheap: (S, N) what keeps candidates; None keeps the first ones.
        judged: (S, N) what is said of the outcome of each.
        keep: Candidates K that look-ahead carries out.

    Returns:
        (S, N), see `kept_of_all`.
    """
    order = np.tile(-np.arange(judged.shape[1], dtype=np.float32), (len(judged), 1)) if cheap is None else cheap
    return kept_of_all(torch.as_tensor(order), torch.as_tensor(judged), keep).numpy()


def searched(
    search: BeamSearch,
    moments: Sequence[Moment],
    chunks: NDArray[np.float32],
    device: torch.device,
    progress: Progress | None = None,
) -> Scores:
    """What beam search chooses by among the candidates of every start.

    Args:
        search: The search.
        moments: S starts.
        chunks: (S, N, H, A).
        device: Where the policy and what is added up are.
        progress: Called with starts done and starts wanted.

    Returns:
        (S, N), see `BeamSearch.choose`.
    """
    rows: list[torch.Tensor] = []
    for moment, chunk in zip(moments, chunks, strict=True):
        candidates = torch.as_tensor(chunk[None], device=device)
        rows.append(search.choose([moment], observe([moment], device), candidates).scores.value[0])
        if progress is not None:
            progress(len(rows), len(moments))
    return torch.stack(rows).float().cpu().numpy()


@dataclass(frozen=True)
class EpisodePace:
    """How a strategy acts in an episode.

    Attributes:
        steps: Chunks at most.
        executed: Actions of a chunk that are executed before the next one is chosen; None executes all.
        history: Observations that the strategy sees.
    """

    steps: int
    executed: int | None = None
    history: int = 1


def run_episodes(
    pool: SimPool,
    act: Act | SituatedAct,
    starts: Sequence[Moment],
    pace: EpisodePace,
    *,
    seed: int,
    device: torch.device,
    progress: Progress | None = None,
) -> Rollouts:
    """Let a strategy act from given starts, all episodes in step.

    Args:
        pool: Runs the task.
        act: Chooses chunks (S, H, A) for a batch of observations.
        starts: S starts.
        pace: How long, and how often it chooses.
        seed: Seed of the strategy and of the sensor noise.
        device: Where the strategy computes.
        progress: Called with decisions of an episode done and wanted.

    Returns:
        The episodes, in the order of the starts; one that is over, by success or failure, stays as it ended.
    """
    generator = torch.Generator(device).manual_seed(seed)
    paths, trails, solved = [[moment] for moment in starts], [Trail() for _ in starts], np.full(len(starts), -1)
    gone = np.tile(np.array([moment.progress for moment in starts])[:, None], pace.steps + 1)
    for step in range(pace.steps):
        active = [k for k, path in enumerate(paths) if not (path[-1].success or path[-1].terminated)]
        if not active:
            break
        seen = observe_last(paths, device, pace.history)
        if isinstance(act, SituatedAct):
            chosen = act.act([path[-1] for path in paths], seen, generator)
        else:
            chosen = act(seen, generator)
        chunks = chosen.cpu().numpy()[:, : pace.executed]
        jobs = [
            (paths[k][-1].snapshot, chunks[k], in_block(seed, step, _CHUNKS, "sensors"), pace.history) for k in active
        ]
        for k, moments in zip(active, pool.map(walk, jobs), strict=True):
            trails[k].append((paths[k][-1].snapshot, chunks[k]))
            moment = moments[-1]
            paths[k] = [*paths[k], *moments][-pace.history :]
            gone[k, step + 1 :] = moment.progress
            if moment.success:
                solved[k] = step + 1
        if progress is not None:
            progress(step + 1, pace.steps)
    return Rollouts(gone, trails, solved)


def episode_starts(pool: SimPool, *, count: int, seed: int) -> list[Moment]:
    """Held-out beginnings of episodes; none of the starts that `draw_states` gives for single decisions.

    Args:
        pool: Runs the task.
        count: Episodes S.
        seed: Seed of the episodes.
    """
    seeds = [episode_seed("evaluation", seed, 50_000 + k) for k in range(count)]
    return list(pool.map(start, [(episode, 0) for episode in seeds]))


def compare_episodes(
    pool: SimPool,
    strategies: Mapping[str, Act | SituatedAct],
    *,
    count: int,
    pace: EpisodePace,
    seed: int,
    device: torch.device,
    progress: Progress | None = None,
) -> dict[str, Rollouts]:
    """Let every strategy act from the same held-out beginnings of episodes, see `episode_starts`.

    Args:
        pool: Runs the task.
        strategies: By name.
        count: Episodes S.
        pace: How long they are, and how often a strategy chooses.
        seed: Seed of the episodes and strategies.
        device: Where the strategies compute.
        progress: Called with decisions of all strategies done and wanted.

    Returns:
        The episodes of `run_episodes` by strategy.
    """
    starts = episode_starts(pool, count=count, seed=seed)
    found: dict[str, Rollouts] = {}
    wanted = len(strategies) * pace.steps

    def told(step: int, _: int) -> None:
        if progress is not None:
            progress(len(found) * pace.steps + step, wanted)

    for name, act in strategies.items():
        found[name] = run_episodes(pool, act, starts, pace, seed=seed, device=device, progress=told)
        told(0, 0)  # of the next, as episodes that were over early left some out
    return found


def own_sample(policy: Policy) -> Act:
    """The strategy of taking the policy's first sample."""

    def act(observation: Observation, generator: torch.Generator) -> torch.Tensor:
        return policy.sample(observation, 1, generator=generator)[:, 0]

    return act


def selected(policy: Policy, scorer: CandidateScorer, n: int) -> Act:
    """The strategy of taking the best of n samples by a scorer."""
    ranker = BestOfN(policy, scorer, n)

    def act(observation: Observation, generator: torch.Generator) -> torch.Tensor:
        return ranker.choose(observation, generator=generator).action

    return act


def write_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write an npz file atomically.

    Args:
        path: Where to.
        arrays: By name.

    Raises:
        DataError: The disk refused.
    """
    with replacing(path) as unfinished:
        np.savez(unfinished, **arrays)
