"""Episodes of strategies from the same starts, on a task that only counts."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch

from robopref.evaluation.compare import compare_episodes, run_episodes
from robopref.records import Observation
from robopref.robots.sim import Moment, start


def moment(place: float, *, success: bool = False) -> Moment:
    return Moment({"proprio": np.array([place], np.float32)}, np.array([place]), place, success)


class CountingPool:
    """Stands in for `SimPool`: an action adds to the place, which is the progress; 3 and above is solved."""

    def map(self, function: Callable[..., Any], jobs: Iterable[tuple[Any, ...]]) -> Iterator[Moment]:
        if function is start:
            yield from (moment(float(place)) for place, _ in enumerate(jobs))
            return
        for snapshot, chunk, _ in jobs:
            place = float(snapshot[0] + chunk.sum())
            yield moment(place, success=place >= 3)


def step(size: float) -> Callable[[Observation, torch.Generator], torch.Tensor]:
    return lambda observation, _: torch.full((len(observation.proprio), 1, 1), size)


def test_what_the_task_says_is_solved_is_counted_from_its_step_on() -> None:
    starts = [moment(0.0), moment(2.0)]
    found = run_episodes(CountingPool(), step(1.0), starts, steps=2, seed=0, device=torch.device("cpu"))  # type: ignore
    assert found.progress.tolist() == [[0, 1, 2], [2, 3, 3]]
    assert found.solved.tolist() == [-1, 1]
    assert [len(trail) for trail in found.trails] == [2, 1]


def test_every_strategy_begins_where_the_others_do() -> None:
    found = compare_episodes(
        CountingPool(), {"policy": step(0.0), "mine": step(1.0)}, count=3, steps=1, seed=0, device=torch.device("cpu"),  # type: ignore
    )  # fmt: skip
    assert list(found) == ["policy", "mine"]
    assert found["policy"].progress[:, 0].tolist() == found["mine"].progress[:, 0].tolist() == [0, 1, 2]
    assert found["policy"].solved.tolist() == [-1, -1, -1]
    assert found["mine"].solved.tolist() == [-1, -1, 1]
