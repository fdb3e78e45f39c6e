"""The end effector: finite speed and force, what it feels, and how its actions relate to points."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from envs.drawer_open import DrawerOpenEnv
from envs.feature_reach import FeatureReachEnv
from envs.planar_push import PlanarPushEnv
from envs.tool import STEP, Tool

FREE = np.array([0.1, -0.2, 0.15])  # far from the cabinet


@pytest.fixture(scope="module")
def drawer() -> Iterator[DrawerOpenEnv]:
    env = DrawerOpenEnv(points=False)
    env.reset(seed=0)
    yield env
    env.close()


@pytest.fixture
def tool(drawer: DrawerOpenEnv) -> Tool:
    drawer.reset(seed=0)
    hand = Tool(drawer.physics, (-0.3, -0.3, 0.02), (0.3, 0.18, 0.25))
    hand.place(FREE, grip=-1.0)
    return hand


def test_it_starts_where_it_is_placed_and_stays(tool: Tool) -> None:
    np.testing.assert_allclose(tool.position, FREE, atol=1e-12)
    assert tool.grip == pytest.approx(-1)
    for _ in range(5):
        tool.move(np.zeros(3), -1.0)
    np.testing.assert_allclose(tool.position, FREE, atol=1e-6)
    np.testing.assert_array_equal(tool.force, np.zeros(3))


def test_anchors_are_where_the_tool_gets(tool: Tool, drawer: DrawerOpenEnv) -> None:
    chunk = np.array([[1, 0.5, -0.5, -1], [0.3, -1, 0, -1], [-0.5, 0, 1, 1]], np.float32)
    expected = drawer.geometry.anchors(chunk, tool.proprio.astype(np.float32))[:, 0]
    for action, anchor in zip(chunk, expected, strict=True):
        tool.move(action[:3], action[3])
        np.testing.assert_allclose(tool.position, anchor, atol=0.003)


def test_an_action_moves_it_by_no_more_than_a_step(tool: Tool) -> None:
    for _ in range(4):
        before = tool.position
        tool.move(np.array([-1.0, 0, 0]), 0.0)
        assert 0.9 * STEP < before[0] - tool.position[0] < 1.1 * STEP


def test_it_stays_in_its_workspace(tool: Tool) -> None:
    for _ in range(12):
        tool.move(np.array([1.0, -1.0, 1.0]), 0.0)
    np.testing.assert_allclose(tool.position, [0.3, -0.3, 0.25], atol=1e-3)


def test_the_grip_reaches_what_was_asked_for(tool: Tool) -> None:
    for wanted in (-1.0, 0.2, 1.0):
        for _ in range(4):
            tool.move(np.zeros(3), wanted)
        assert tool.grip == pytest.approx(wanted, abs=0.01)


def test_pressing_is_felt_as_the_strongest_force_of_the_servo_and_let_go_at_once(
    tool: Tool, drawer: DrawerOpenEnv
) -> None:
    # Above the drawer's handle, against the cabinet's lid at y = 0.12.
    tool.place(np.array([drawer.data.body("cabinet").xpos[0], 0.09, 0.11]), grip=-1.0)
    for _ in range(10):
        tool.move(np.array([0.0, 1.0, 0.0]), -1.0)
    # The setpoint is a step ahead: 1800 N/m * 0.03 m = 54 N, of which the servo gives 20; the lid pushes back.
    np.testing.assert_allclose(tool.force, [0, -20, 0], atol=0.5)
    pressed = tool.position[1]
    tool.move(np.array([0.0, -1.0, 0.0]), -1.0)
    tool.move(np.array([0.0, -1.0, 0.0]), -1.0)
    assert tool.position[1] < pressed - 0.8 * STEP
    np.testing.assert_array_equal(tool.force, np.zeros(3))


def test_steps_toward_a_target_are_shortened_along_their_direction(tool: Tool) -> None:
    np.testing.assert_allclose(tool.toward(tool.position - [-0.006, 0, 0.003]), [0.2, 0, -0.1], atol=1e-9)
    # 0.12 m is four steps, so a quarter of the way.
    np.testing.assert_allclose(tool.toward(tool.position - [-0.12, 0.06, 0]), [1, -0.5, 0], atol=1e-9)


def test_all_there_is_to_the_tool_is_in_the_snapshot(tool: Tool, drawer: DrawerOpenEnv) -> None:
    tool.move(np.array([0.5, 0.5, 0.0]), -1.0)
    start = drawer.snapshot()
    tool.move(np.array([0.0, 0.0, 1.0]), 0.3)
    end = tool.proprio
    drawer.restore(start)
    tool.move(np.array([0.0, 0.0, 1.0]), 0.3)
    np.testing.assert_array_equal(tool.proprio, end)


def mirrored(env: Any, action: np.ndarray, pairs: dict[str, np.ndarray]) -> None:
    """The mirrored action in the mirrored state leads to the mirror of what the action leads to."""
    geometry = env.geometry
    ends = []
    for sign in (1, -1):
        env.reset(seed=4)
        for name, turned in pairs.items():
            joint = env.data.joint(name)
            joint.qpos[:] = np.where(turned & (sign < 0), -joint.qpos, joint.qpos)
        for index in range(env.model.nmocap):
            env.data.mocap_pos[index, 0] *= sign
        tool = env._tool
        tool.place(tool.position * [sign, 1, 1], grip=tool.grip * (sign if len(env._tool._grip) == 1 else 1))
        for _ in range(8):
            env.step(action if sign > 0 else geometry.symmetry_actions[1] @ action)
        ends.append(env._proprio())
    np.testing.assert_allclose(ends[1], geometry.symmetry_proprio[1] @ ends[0], atol=2e-3)


def test_left_and_right_are_alike() -> None:
    free = np.array([True, False, False, False, False, False, False])
    for env, action, pairs in (
        (PlanarPushEnv(points=False), np.array([0.7, 0.9]), {"puck": free}),
        (FeatureReachEnv(points=False), np.array([0.4, 0.8, -0.3, 0.6]), {}),
    ):
        mirrored(env, action.astype(np.float32), pairs)
        env.close()
