"""What a task's actions mean as commands."""

import dataclasses

import numpy as np
import pytest

from robopref.errors import ConfigError
from robopref.motion import Command
from robopref.records import ActionGeometry
from robopref.robots.maps import AnchorMap, StepMap, action_map
from tests.geometry import pick_and_place

HERE = Command(np.array([[0.1, -0.2, 0.3]]))


def steps(axes: list[int], actions: int, step: float = 0.03) -> ActionGeometry:
    """Steps along some axes of a tool whose place is the first three readings."""
    matrix = np.zeros((1, 3, actions), np.float32)
    matrix[0, axes, range(len(axes))] = step
    return ActionGeometry(
        matrix=matrix,
        offset=np.zeros((1, 3), np.float32),
        symmetry_points=np.eye(3, dtype=np.float32)[None],
        symmetry_actions=np.eye(actions, dtype=np.float32)[None],
        radius=0.4,
        labels=("tool",),
        origin=np.eye(3, 5, dtype=np.float32)[None],
    )


def test_points_stay_points() -> None:
    assert isinstance(action_map(pick_and_place()), AnchorMap)
    with pytest.raises(ConfigError, match="steps from where the robot is"):
        AnchorMap(steps([0, 1], 2))


@pytest.mark.parametrize(("axes", "actions"), [([0, 1], 2), ([0, 1, 2], 3), ([0, 1, 2], 4), ([0], 1)])
def test_steps_are_commands_beside_the_tool_and_back(axes: list[int], actions: int) -> None:
    made, action = action_map(steps(axes, actions)), np.array([0.5, -1.0, 0.25, -0.5], np.float32)[:actions]
    assert isinstance(made, StepMap)
    command = made.to_command(action, HERE)
    expected = HERE.points[0].copy()
    expected[axes] += 0.03 * action[: len(axes)]
    np.testing.assert_allclose(command.points[0], expected, atol=1e-9)
    # -0.5 is a quarter open.
    assert (None if command.gripper is None else command.gripper.tolist()) == ([0.25] if actions == 4 else None)
    np.testing.assert_allclose(made.to_actions(command, HERE), action, atol=1e-6)


def test_steps_that_are_no_commands_are_refused() -> None:
    uneven, swapped = steps([0, 1], 2), steps([1, 0], 2)
    uneven.matrix[0, 0, 0] = 0.05
    two = dataclasses.replace(pick_and_place(), origin=np.zeros((2, 3, 4), np.float32))
    for geometry in (uneven, swapped, two, steps([0, 1], 4)):
        with pytest.raises(ConfigError, match="only steps of one tool"):
            action_map(geometry)
