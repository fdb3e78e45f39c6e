"""Scores asked about candidates and starts from elsewhere, in a real task."""

import numpy as np
import pytest
import torch

from robopref.errors import ConfigError
from robopref.evaluation.candidate_shift import another_end, candidate_shifts, starts_elsewhere
from robopref.records import Observation
from robopref.robots.sim import SimPool, TaskSpec, start

ROPE = TaskSpec("envs:robopref/RopeShaping-v0", {"points": False, "target": "straight"}, max_steps=2)
CPU = torch.device("cpu")


class Still:
    """Candidates that pick next to nothing, told apart by their number."""

    def sample(
        self, observation: Observation, n: int, *, generator: torch.Generator | None = None, **_: object
    ) -> torch.Tensor:
        del generator
        return torch.full((len(observation.proprio), n, 1, 4), 0.9)


def test_starts_are_left_by_who_wants_another_end_and_outcomes_are_of_this_one() -> None:
    with SimPool(ROPE) as pool:
        other = another_end(ROPE, {"target": "circle"})
        assert other.spec.options == {"points": False, "target": "circle"}
        shift = starts_elsewhere(pool, other, Still(), count=2, warm_up=2, seed=3, device=CPU)  # type: ignore[arg-type]
        assert shift.chunks.shape == (2, 8, 1, 4)
        assert shift.gained.shape == (2, 8)
        again = starts_elsewhere(pool, other, Still(), count=2, warm_up=2, seed=3, device=CPU)  # type: ignore[arg-type]
        np.testing.assert_array_equal(again.gained, shift.gained)
        for moment, gained in zip(shift.moments, shift.gained, strict=True):
            pool.task.rewind(moment.snapshot, 0)
            before = pool.task.env.progress
            assert before != moment.progress  # of another end
            after = pool.task.step(shift.chunks[0, 0, 0]).progress
            assert after - before == pytest.approx(gained[0], abs=1e-6)


def test_shifted_candidates_are_of_the_starts_that_were_given() -> None:
    with SimPool(ROPE) as pool:
        moments = [start(pool.task, 5, 0)]
        chunks = np.full((1, 4, 1, 4), 0.9, np.float32)
        gained = np.array([[0.3, 0.1, 0.4, 0.2]])
        shifts = candidate_shifts(pool, moments, chunks, gained, seed=0)
    assert list(shifts) == ["policy's candidates", "best quarter of them", "wider noise", "uniform actions"]
    assert all(shift.moments is moments for shift in shifts.values())
    assert shifts["best quarter of them"].gained.tolist() == [[0.4, 0.3]]


def test_options_that_make_another_task_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"must leave the task's state as it is; with .*points.* it holds"):
        another_end(ROPE, {"points": True})
    with pytest.raises(ConfigError, match="colour"):
        another_end(ROPE, {"colour": "red"})
