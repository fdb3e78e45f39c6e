"""Motions that are simulated once end as they do when they are simulated."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from envs.physics import Physics
from envs.rope import RopeShapingEnv
from tests.motions import simulated_once

PULL = np.array([0.1, 0.0, 0.5, 0.3], np.float32)


def seen(task: RopeShapingEnv, snapshot: np.ndarray, action: np.ndarray) -> list[Any]:
    """Everything that an action leaves, from one start and with one noise of the camera."""
    task.reset(seed=1)
    task.restore(snapshot)
    observation, reward, _, _, info = task.step(action)
    return [observation["points"], observation["proprio"], reward, *info.values(), task.vertices, task.snapshot()]


def test_a_motion_that_comes_again_leaves_the_same_to_the_bit(
    rope_env: RopeShapingEnv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rope_env.reset(seed=0)
    start = rope_env.snapshot()
    action = np.array([*rope_env.vertices[5, :2] / 0.4, *PULL[2:]], np.float32)
    simulated = seen(rope_env, start, action)
    assert simulated[5]  # it was caught
    steps: list[int] = []
    step = Physics.step
    monkeypatch.setattr(Physics, "step", lambda physics, count=1: (steps.append(count), step(physics, count))[1])
    took = []
    for _ in range(2):
        with simulated_once(tmp_path / "motions"):
            steps.clear()
            for one, two in zip(simulated, seen(rope_env, start, action), strict=True):
                np.testing.assert_array_equal(one, two)
            took.append(sum(steps))
    assert took[1] < took[0] / 4


@pytest.mark.parametrize("changed", ["action", "state", "limits"])
def test_what_differs_is_simulated(rope_env: RopeShapingEnv, tmp_path: Path, changed: str) -> None:
    rope_env.reset(seed=0)
    start = rope_env.snapshot()
    with simulated_once(tmp_path / "motions"):
        seen(rope_env, start, PULL)
        before = len(list((tmp_path / "motions").iterdir()))
        other = start.copy()
        if changed == "state":
            rope_env.reset(seed=2)
            other = rope_env.snapshot()
        action = PULL + np.float32(1e-3) if changed == "action" else PULL
        with pytest.MonkeyPatch.context() as patch:
            if changed == "limits":
                limits = rope_env._gripper.limits
                patch.setattr(rope_env._gripper, "limits", type(limits)(speed=2 * limits.speed))
            seen(rope_env, other, action)
    assert len(list((tmp_path / "motions").iterdir())) > before
