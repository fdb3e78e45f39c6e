"""Episodes of strategies from the same starts, on a task that only counts."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch

from robopref.evaluation.candidate_shift import Shift, shift_report
from robopref.evaluation.compare import (
    EpisodePace,
    compare_episodes,
    run_episodes,
    score_candidates,
)
from robopref.records import Observation
from robopref.robots.sim import Moment, start
from robopref.scores import Scores


def moment(place: float, *, success: bool = False) -> Moment:
    return Moment({"proprio": np.array([place], np.float32)}, np.array([place]), place, success)


class CountingPool:
    """Stands in for `SimPool`: an action adds to the place, which is the progress; 3 and above is solved."""

    fails_at = np.inf

    def map(self, function: Callable[..., Any], jobs: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
        if function is start:
            yield from (moment(float(place)) for place, _ in enumerate(jobs))
            return
        for snapshot, chunk, _, last in jobs:
            places = float(snapshot[0]) + np.cumsum(chunk)
            moments = [moment(place, success=place >= 3) for place in places]
            yield [one._replace(terminated=one.progress >= min(3, self.fails_at)) for one in moments][-last:]


def step(size: float) -> Callable[[Observation, torch.Generator], torch.Tensor]:
    return lambda observation, _: torch.full((len(observation.proprio), 1, 1), size)


def test_what_the_task_says_is_solved_is_counted_from_its_step_on() -> None:
    starts = [moment(0.0), moment(2.0)]
    found = run_episodes(CountingPool(), step(1.0), starts, EpisodePace(2), seed=0, device=torch.device("cpu"))  # type: ignore
    assert found.progress.tolist() == [[0, 1, 2], [2, 3, 3]]
    assert found.solved.tolist() == [-1, 1]
    assert [len(trail) for trail in found.trails] == [2, 1]


def test_every_strategy_begins_where_the_others_do() -> None:
    pool, strategies = CountingPool(), {"policy": step(0.0), "mine": step(1.0)}
    told: list[tuple[int, int]] = []
    found = compare_episodes(  # type: ignore
        pool, strategies, count=3, pace=EpisodePace(1), seed=0, device=torch.device("cpu"),  # type: ignore
        progress=lambda done, wanted: told.append((done, wanted)),
    )  # fmt: skip
    assert dict.fromkeys(told) == dict.fromkeys([(1, 2), (2, 2)])  # decisions of both
    assert list(found) == ["policy", "mine"]
    assert found["policy"].progress[:, 0].tolist() == found["mine"].progress[:, 0].tolist() == [0, 1, 2]
    assert found["policy"].solved.tolist() == [-1, -1, -1]
    assert found["mine"].solved.tolist() == [-1, -1, 1]


def test_a_part_of_each_chunk_is_executed_and_the_last_observations_are_seen() -> None:
    seen: list[list[float]] = []

    def act(observation: Observation, _: torch.Generator) -> torch.Tensor:
        seen.append(observation.proprio[0, :, 0].tolist())
        return torch.tensor([0.25, 0.5, 8.0])[None, :, None]

    pool, cpu = CountingPool(), torch.device("cpu")
    found = run_episodes(pool, act, [moment(0.0)], EpisodePace(2, executed=2, history=3), seed=0, device=cpu)  # type: ignore
    # The first observation stands for those before it; then 0, 0.25 and 0.75 are the last three.
    assert seen == [[0, 0, 0], [0, 0.25, 0.75]]
    assert found.progress.tolist() == [[0, 0.75, 1.5]]
    assert [chunk.shape for _, chunk in found.trails[0]] == [(2, 1), (2, 1)]


def test_an_episode_that_ended_by_failure_is_over() -> None:
    pool, asked = CountingPool(), list[int]()
    pool.fails_at = 2

    def act(observation: Observation, _: torch.Generator) -> torch.Tensor:
        asked.append(len(observation.proprio))
        return torch.full((len(observation.proprio), 1, 1), 1.0)

    cpu = torch.device("cpu")
    found = run_episodes(pool, act, [moment(0.0), moment(-9.0)], EpisodePace(4), seed=0, device=cpu)  # type: ignore
    assert found.progress.tolist() == [[0, 1, 2, 2, 2], [-9, -8, -7, -6, -5]]
    assert [len(trail) for trail in found.trails] == [2, 4]
    assert found.solved.tolist() == [-1, -1]
    asked.clear()
    run_episodes(pool, act, [moment(1.0)], EpisodePace(4), seed=0, device=cpu)  # type: ignore
    assert asked == [1]


class Longest:
    """Likes long actions, and counts how often it is asked."""

    asked = 0

    def score(self, observation: Observation, actions: torch.Tensor, *, draw: object = None) -> Scores:
        self.asked += 1
        return Scores(actions.sum((2, 3)))


def test_what_scorers_said_of_candidates_is_not_asked_again_for_shifts() -> None:
    chunks = np.random.default_rng(0).uniform(-1, 1, (2, 8, 1, 1)).astype(np.float32)
    starts, gained, device = [moment(0.0), moment(1.0)], chunks.sum((2, 3)).astype(np.float64), torch.device("cpu")
    best = np.argsort(-gained, axis=1)[:, :2]
    rows = np.arange(2)[:, None]
    shifts = {
        "policy's candidates": Shift(starts, chunks, gained),
        "best quarter of them": Shift(starts, chunks[rows, best], gained[rows, best]),
        "uniform actions": Shift(starts, -chunks, gained),
    }
    scorer = Longest()
    known = {"longest": score_candidates(scorer, starts, chunks, device)}
    scorer.asked = 0
    wanted = shift_report({"longest": scorer}, shifts, device, 0.0)
    assert scorer.asked == 6  # three shifts of two starts
    scorer.asked = 0
    assert shift_report({"longest": scorer}, shifts, device, 0.0, known=known) == wanted
    assert scorer.asked == 2
    # Of two starts, 8 candidates make 28 pairs each and 2 make one.
    assert [wanted["longest"][name]["pairs"] for name in shifts] == [56, 2, 56]
    assert [wanted["longest"][name]["accuracy"] for name in shifts] == [1, 1, 0]
