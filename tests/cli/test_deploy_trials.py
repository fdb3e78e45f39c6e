"""Runs with ranking and without: what each draws, and what is made of them."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from robopref.cli.deploy_trials import EveryStartOnce, EveryStartTwice
from robopref.motion import RobotSpec
from robopref.records import Goal
from robopref.runtime.planner import Planner
from robopref.runtime.tally import Tally
from robopref.safety.clock import Clock


class Silent:
    def sample(self, observation: Any, n: int, *, generator: torch.Generator) -> torch.Tensor:
        return torch.zeros(1, n, 1, 3)


def runtime() -> Any:
    return SimpleNamespace(guard=SimpleNamespace(clock=Clock()), planner=None, reading=None, tally=Tally())


@pytest.fixture
def twice() -> EveryStartTwice:
    planners = Planner(Silent(), seed=5), Planner(Silent(), seed=5)
    return EveryStartTwice(8, *planners, name="mine", goal=Goal("distance", success=0.1))


def run(trials: EveryStartTwice, count: int, *, better: bool = True, progress: float | None = None) -> None:
    """Let the first so many trials succeed if they are ranked, or all of them; what is measured stays the same."""
    place = runtime()
    for trial in trials.trials[:count]:
        trials.begin(trial, place)
        place.tally.success = trial.ranked or not better
        measured = -0.2 + 0.1 * trial.ranked if progress is None else progress
        place.reading = SimpleNamespace(progress=measured)
        trials.end(trial, place)


def test_both_runs_of_a_start_draw_the_same(twice: EveryStartTwice) -> None:
    place, seeds = runtime(), []
    for trial in twice.trials:
        if place.planner is not None:
            place.planner.count = 7  # the run before has planned
        twice.begin(trial, place)
        assert place.planner.count == 0
        assert place.planner.clock is place.guard.clock
        assert twice.marks == {"start": trial.start, "ranked": trial.ranked}
        seeds.append((trial.start, place.planner.seed))
    assert len(set(seeds)) == 8
    assert len({seed for _, seed in seeds}) == 8


def test_successes_and_distances_are_compared_by_start(twice: EveryStartTwice) -> None:
    run(twice, 16)
    matched = twice.summary()["matched"]
    assert matched["control"] == "without ranking"
    found = matched["strategies"]["ranked by mine"]
    assert (found["success"]["gained"], found["success"]["both"]) == (8, 0)
    assert found["success"]["p"] == pytest.approx(2 / 256)
    assert found["success"]["finding"] == "gain"
    assert found["final_distance"]["control"] == pytest.approx(0.2)
    assert found["final_distance"]["tried"] == pytest.approx(0.1)
    (title, rows), (distance, _) = twice.tables()
    assert title == "Success [%] with and without, on the same 8 starts"
    assert rows[1][:2] == ["ranked by mine", "0.0 → 100.0"]
    assert distance.startswith("Final distance [cm]")


def test_a_start_that_was_run_once_is_left_out(twice: EveryStartTwice) -> None:
    run(twice, 5)
    assert twice.summary()["matched"]["strategies"]["ranked by mine"]["success"]["gain"]["n"] == 2
    assert len(twice.summary()["trials"]) == 5


def test_nothing_is_compared_before_a_start_was_run_both_ways(twice: EveryStartTwice) -> None:
    run(twice, 1)
    assert twice.summary()["matched"] is None
    assert twice.tables() == []


def test_a_robot_that_measures_no_distance_has_successes_alone(twice: EveryStartTwice) -> None:
    run(twice, 4, progress=float("nan"))
    assert twice.summary()["matched"]["strategies"]["ranked by mine"]["final_distance"] is None
    assert {one["progress"] for one in twice.summary()["trials"]} == {None}


def test_whoever_sets_a_real_robot_up_is_not_told_which_run_it_is(twice: EveryStartTwice) -> None:
    real, simulated = RobotSpec("mine", rate=10.0, real=True, deadman=0.2), RobotSpec("sim", rate=10.0)
    assert [twice.preparation(trial, real) for trial in twice.trials[:2]] == [
        "start 1, run 1 of 2: set everything up as you will have to once more",
        "start 1, run 2 of 2: set everything up as for the first",
    ]
    assert twice.preparation(twice.trials[0], simulated) == ""


def test_a_run_without_a_control_is_one_a_start() -> None:
    once = EveryStartOnce(3)
    assert [once.title(trial) for trial in once.trials] == ["episode 1", "episode 2", "episode 3"]
    assert all(trial.ranked for trial in once.trials)
    assert once.marks == once.summary() == {}
    assert once.tables() == []
