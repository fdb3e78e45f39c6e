"""Simulated tasks: made by name, rewound, and run in several processes alike."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from robopref.errors import ConfigError
from robopref.robots.sim import (
    Moment,
    SimPool,
    SimTask,
    TaskSpec,
    advance,
    demonstrate_episode,
    film,
    outcomes,
    start,
)

ROPE = TaskSpec("envs:robopref/RopeShaping-v0")


class Counter(gym.Env[dict[str, Any], np.ndarray]):
    """Actions add up; solved at 10. Readings carry noise of the environment's generator."""

    geometry: Any = None
    total = 0.0

    @property
    def progress(self) -> float:
        return self.total

    def _observe(self) -> dict[str, Any]:
        return {
            "points": np.full((2, 3), self.total, np.float32),
            "proprio": self.np_random.normal(size=4).astype(np.float32),
        }

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        self.total = float(self.np_random.integers(3))
        return self._observe(), {}

    def step(self, action: np.ndarray) -> Any:
        self.total += float(action[0])
        solved = self.total >= 10
        return self._observe(), float(action[0]), solved, False, {"success": solved}

    def demonstrate(self, rng: np.random.Generator, quality: str) -> np.ndarray:
        assert quality == "medium"
        return np.array([rng.integers(2, 4)], np.float32)

    def snapshot(self) -> np.ndarray:
        return np.array([self.total])

    def restore(self, snapshot: np.ndarray) -> None:
        self.total = float(snapshot[0])


class Bare(gym.Env[Any, Any]):
    """Cannot be rewound."""


@pytest.fixture
def counter() -> Iterator[SimTask]:
    gym.register("test/Counter-v0", Counter)
    gym.register("test/Bare-v0", Bare)
    task = SimTask(TaskSpec("test/Counter-v0", max_steps=3))
    yield task
    task.close()
    del gym.registry["test/Counter-v0"], gym.registry["test/Bare-v0"]


def same(one: Moment, other: Moment) -> bool:
    return (
        all(np.array_equal(rows, other.observation[name]) for name, rows in one.observation.items())
        and np.array_equal(one.snapshot, other.snapshot)
        and (one.progress, one.success) == (other.progress, other.success)
    )


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("envs:robopref/RopeShapin-v0", {}, "unknown task 'robopref/RopeShapin-v0'.*Did you mean robopref/Rope"),
        ("envs:robopref/RopeShaping-v9", {}, "unknown task 'robopref/RopeShaping-v9'"),
        ("no id at all!", {}, "unknown task"),
        ("nowhere:robopref/RopeShaping-v0", {}, "module 'nowhere' is not installed"),
        ("a:b:c", {}, "task 'a:b:c' does not exist"),
        ("envs:robopref/RopeShaping-v0", {"targt": "u"}, "unknown task setting 'targt'.*Did you mean target"),
        ("envs:robopref/RopeShaping-v0", {"target": "star"}, "unknown rope target 'star'"),
    ],
)
def test_tasks_that_cannot_be_made_are_refused_in_one_line(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        SimTask(TaskSpec(name, options))
    assert "\n" not in str(caught.value)


def test_a_package_envs_of_somebody_else_is_named_as_what_hides_the_tasks(tmp_path: Path) -> None:
    (tmp_path / "envs").mkdir()
    (tmp_path / "envs" / "__init__.py").write_text("")
    program = "from robopref.robots.sim import SimTask, TaskSpec; SimTask(TaskSpec('envs:robopref/RopeShaping-v0', {}))"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=False, capture_output=True, text=True)
    assert f"the package envs at {tmp_path / 'envs'} is not robopref's" in done.stderr


def test_tasks_that_cannot_be_rewound_are_refused(counter: SimTask) -> None:
    del counter
    with pytest.raises(ConfigError, match="'test/Bare-v0' lacks snapshot, restore, progress, geometry"):
        SimTask(TaskSpec("test/Bare-v0"))


def test_a_pool_refuses_bad_settings_before_it_starts_processes() -> None:
    with pytest.raises(ConfigError, match="unknown task"):
        SimPool(TaskSpec("envs:robopref/Ropes-v0"), workers=2)
    with pytest.raises(ConfigError, match="workers must not be negative, got -1"):
        SimPool(ROPE, workers=-1)


def test_a_task_without_a_demonstrator_says_so(counter: SimTask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(Counter, "demonstrate")
    with pytest.raises(ConfigError, match="no scripted demonstrator"):
        counter.demonstrate(np.random.default_rng(0))


def test_outcomes_are_gains_and_end_with_success(counter: SimTask) -> None:
    chunks = np.array([[[1.0], [2.0]], [[-1.0], [0.0]], [[8.0], [5.0]]], np.float32)
    # From 4: 4 + 1 + 2, 4 - 1 + 0, and 4 + 8 = 12, which solves the task before the second action.
    assert outcomes(counter, np.array([4.0]), chunks).tolist() == [3, -1, 8]


def test_advancing_ends_with_success_and_adds_up_rewards(counter: SimTask) -> None:
    after = advance(counter, np.array([4.0]), np.array([[8.0], [5.0]], np.float32), 0)
    assert (after.progress, after.reward, after.success) == (12, 8, True)
    after = advance(counter, np.array([4.0]), np.array([[1.0], [2.0]], np.float32), 0)
    assert (after.progress, after.reward, after.success) == (7, 3, False)


def test_advancing_depends_on_its_seed_only(counter: SimTask) -> None:
    chunk = np.array([[1.0]], np.float32)
    one = advance(counter, np.array([4.0]), chunk, 1)
    counter.reset(99)
    assert same(advance(counter, np.array([4.0]), chunk, 1), one)
    assert not same(advance(counter, np.array([4.0]), chunk, 2), one)


def test_an_episode_ends_at_success_or_at_the_limit(counter: SimTask) -> None:
    for seed in range(20):
        episode = demonstrate_episode(counter, seed)
        steps = len(episode["action"])
        assert {key: len(rows) for key, rows in episode.items()} == dict.fromkeys(episode, steps)
        assert 1 <= steps <= 3
        solved = episode["next_progress"][-1] >= 10
        assert episode["terminated"].tolist() == [False] * (steps - 1) + [solved]
        assert episode["truncated"].tolist() == [False] * (steps - 1) + [not solved]
        assert solved or steps == 3
        np.testing.assert_array_equal(episode["points"][:, 0, 0], episode["progress"])
        np.testing.assert_allclose(episode["next_progress"] - episode["progress"], episode["action"][:, 0])
        np.testing.assert_array_equal(episode["reward"], episode["action"][:, 0])
        np.testing.assert_array_equal(episode["progress"][1:], episode["next_progress"][:-1])
        again = demonstrate_episode(counter, seed)
        assert all(np.array_equal(again[key], rows) for key, rows in episode.items())


def test_a_start_is_in_the_middle_and_not_solved(counter: SimTask) -> None:
    moments = [start(counter, seed, 5) for seed in range(60)]
    assert not any(moment.success for moment in moments)
    assert all(0 <= moment.progress < 10 for moment in moments)
    # A reset alone gives 0, 1 or 2.
    assert min(moment.progress for moment in moments) < 3 <= max(moment.progress for moment in moments)
    assert all(same(start(counter, seed, 5), moments[seed]) for seed in range(5))
    assert counter.env.snapshot().tolist() == moments[4].snapshot.tolist()


def test_a_start_without_warm_up_is_the_reset(counter: SimTask) -> None:
    assert same(start(counter, 7, 0), counter.reset(7))


def test_a_task_without_a_camera_gives_no_film(counter: SimTask) -> None:
    assert film(counter, [(np.array([4.0]), np.array([[1.0]], np.float32))]) == []


@pytest.mark.slow
def test_another_process_changes_nothing() -> None:
    with SimPool(ROPE) as plain:
        moments = list(plain.map(start, [(11, 1), (12, 0)]))
        chunks = np.random.default_rng(0).uniform(-1, 1, (2, 2, 1, 4)).astype(np.float32)
        # One that takes the rope: the farthest landmark of a demonstration.
        plain.task.rewind(moments[0].snapshot, 0)
        chunks[0, 0, 0] = plain.task.demonstrate(np.random.default_rng(0))
        jobs = [(moment.snapshot, chunk) for moment, chunk in zip(moments, chunks, strict=True)]
        gained = list(plain.map(outcomes, jobs))
    assert gained[0][0] != 0
    with SimPool(ROPE, workers=1) as pool:  # two are in tests/learning/test_collect.py
        # In another order, so that a trace of an earlier job would show.
        again = list(pool.map(outcomes, jobs[::-1]))[::-1]
        for one, other in zip(moments, pool.map(start, [(11, 1), (12, 0)]), strict=True):
            assert same(one, other)
    np.testing.assert_array_equal(again, gained)


def test_outcomes_leave_no_trace() -> None:
    with SimPool(ROPE) as pool:
        moment = start(pool.task, 13, 0)
        pool.task.rewind(moment.snapshot, 0)
        chunks = np.stack([pool.task.demonstrate(np.random.default_rng(seed)) for seed in (0, 1)])[:, None]
        one = outcomes(pool.task, moment.snapshot, chunks)
        np.testing.assert_array_equal(outcomes(pool.task, moment.snapshot, chunks), one)
        np.testing.assert_array_equal(outcomes(pool.task, moment.snapshot, chunks[::-1]), one[::-1])
        assert len(set(one.tolist())) == 2
