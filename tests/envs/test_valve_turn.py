"""Valve: what an angle is worth, when the lever is there, that either side can be pushed, and what is felt."""

from collections.abc import Iterator

import numpy as np
import pytest

from envs.valve_turn import ValveTurnEnv
from tests.envs.demonstrating import demonstrated


@pytest.fixture(scope="module")
def env() -> Iterator[ValveTurnEnv]:
    env = ValveTurnEnv(points=False, state=True, impacts=True)
    yield env
    env.close()


def put(env: ValveTurnEnv, red: float, mark: float, tool: tuple[float, float]) -> None:
    """Red side and mark in degrees from the x axis, around a pivot at the middle."""
    env.reset(seed=0)
    env._pivot[:2] = 0
    env.data.joint("valve").qpos[0] = np.radians(red)
    env._mark[:2] = 0.16 * np.array([np.cos(np.radians(mark)), np.sin(np.radians(mark))])
    env._tool.place(np.array([*tool, 0.012]), grip=-1.0)


def test_reward_is_the_arc_that_is_left_and_a_quarter_of_the_way_to_the_lever(env: ValveTurnEnv) -> None:
    put(env, red=170, mark=-100, tool=(0.08 * np.cos(np.radians(170)), 0.08 * np.sin(np.radians(170)) + 0.1))
    # 90 degrees the short way round, over 180; the tool is 0.1 m from where the red side is pushed.
    assert env.angle == pytest.approx(np.pi / 2)
    assert env.progress == pytest.approx(-(0.11 * np.pi / 2 + 0.25 * 0.1))
    put(env, red=0, mark=90, tool=(-0.08, -0.04))  # the pale side is nearer
    assert env._measure()["tool_distance"] == pytest.approx(0.04)


@pytest.mark.parametrize(("red", "success"), [(81, True), (99, True), (79, False), (-90, False)])
def test_the_red_side_points_there_within_10_degrees(env: ValveTurnEnv, red: float, success: bool) -> None:
    put(env, red=red, mark=90, tool=(0.2, -0.2))
    observation, _, terminated, _, info = env.step(np.zeros(2, np.float32))
    assert (terminated, info["success"]) == (success, success)
    np.testing.assert_allclose(
        observation["state"][9:11], [np.cos(np.radians(red)), np.sin(np.radians(red))], atol=1e-4
    )
    np.testing.assert_allclose(observation["state"][11:], [0, 1], atol=1e-6)


def test_the_stand_does_not_wedge_the_fingers_apart(env: ValveTurnEnv) -> None:
    put(env, red=0, mark=180, tool=(0.001, -0.07))
    for way in [0.0] * 12 + [0.3, -0.3] * 6:
        proprio = env.step(np.array([way, 1.0], np.float32))[0]["proprio"]
        assert proprio[3] < -0.9


@pytest.mark.parametrize(("side", "turns"), [(0.08, 1), (-0.08, -1)])
def test_either_side_can_be_pushed_and_is_felt(env: ValveTurnEnv, side: float, turns: int) -> None:
    put(env, red=0, mark=180, tool=(side, -0.06))
    felt = [env.step(np.array([0, 0.5], np.float32))[-1]["peak_force"] for _ in range(4)]
    turned = float(env.data.joint("valve").qpos[0])
    assert turns * turned > 0.2
    # 0.06 N m of friction at 0.08 m resist with at least 0.75 N.
    assert 0.7 < max(felt) < 60
    env._tool.place(np.array([0.2, -0.2, 0.012]), grip=-1.0)
    for _ in range(3):
        env.step(np.zeros(2, np.float32))
    assert env.data.joint("valve").qpos[0] == pytest.approx(turned, abs=0.2)  # it stops by itself
    assert abs(env.data.joint("valve").qvel[0]) < 1e-3


def test_a_careful_person_turns_it_and_a_random_one_does_not(env: ValveTurnEnv) -> None:
    assert all(demonstrated(env, "expert", seed, 60)[0] for seed in range(4))
    assert not any(demonstrated(env, "random", seed, 60)[0] for seed in range(2))


@pytest.mark.parametrize(("red", "pictures"), [(85, 2), (60, 1)])
def test_a_film_ends_with_the_task_solved(env: ValveTurnEnv, red: float, pictures: int) -> None:
    put(env, red=red, mark=90, tool=(0.2, -0.2))
    frames = env.film(np.array([1.0, 0.0], np.float32))
    assert len(frames) == pictures
    # The tool has moved on since the picture that is taken as an action begins.
    assert np.array_equal(frames[-1], env.picture("side", 480)) == (pictures == 2)
