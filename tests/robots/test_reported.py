"""What a simulated task reports of itself while chunks are executed."""

from typing import Any

import gymnasium as gym
import numpy as np

from robopref.robots.reported import measured, numbers_of, reported


class Line:
    """A task whose env goes along a line, is over beyond 1, and presses half as hard as it goes."""

    def __init__(self) -> None:
        self.env, self.place = self, 0.0
        self.action_space = gym.spaces.Box(-1, 1, (1,), np.float32)

    def reset(self, seed: int) -> None:
        self.place = 0.0

    def rewind(self, snapshot: np.ndarray, seed: int) -> None:
        self.place = float(snapshot[0])

    def step(self, action: np.ndarray) -> tuple[Any, ...]:
        self.place += float(action[0])
        return {}, 0.0, self.place > 1, False, {"force": abs(float(action[0])) / 2, "task": "line"}


def test_numbers_come_after_each_action_until_the_episode_is_over() -> None:
    chunks = np.array([[[0.2], [0.4]], [[0.8], [0.2]]], np.float32)
    # From 0.3 the second chunk is over after its first action, at 1.1.
    found = measured(Line(), np.array([0.3]), chunks)  # type: ignore[arg-type]
    assert list(found) == ["force"]
    assert np.allclose(found["force"], [[0.1, 0.2], [0.4, np.nan]], equal_nan=True)


def test_what_a_task_reports_has_names() -> None:
    assert reported(Line()) == ("force",)  # type: ignore[arg-type]


def test_only_single_numbers_are_measures() -> None:
    info = {"force": np.float32(2), "success": True, "steps": 3, "name": "push", "path": np.zeros(2)}
    assert numbers_of(info) == {"force": 2.0, "success": 1.0, "steps": 3.0}
