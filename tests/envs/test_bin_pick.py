"""Bin pick: what a state is worth, that grasped things come along, and when the cube is in."""

from collections.abc import Iterator

import numpy as np
import pytest

from envs.bin_pick import TARGET, BinPickEnv
from tests.envs.demonstrating import demonstrated


@pytest.fixture(scope="module")
def env() -> Iterator[BinPickEnv]:
    env = BinPickEnv(points=False, state=True)
    yield env
    env.close()


def put(env: BinPickEnv, cube: np.ndarray, tool: np.ndarray, grip: float = 1.0) -> None:
    env.reset(seed=0)
    env.data.joint("cube").qpos[:] = [*cube, 1, 0, 0, 0]
    env._tool.place(tool, grip=grip)


def test_reward_is_the_way_to_the_bin_and_half_of_that_to_the_cube(env: BinPickEnv) -> None:
    put(env, TARGET - [0, 0.24, 0], TARGET - [0, 0.24, -0.1])
    assert env.progress == pytest.approx(-(0.24 + 0.5 * 0.1))


def test_what_was_grasped_comes_along_until_it_is_let_go(env: BinPickEnv) -> None:
    cube = np.array([0.02, -0.14, 0.02])
    put(env, cube, cube)
    assert not env.step(np.array([0, 0, 0, -1], np.float32))[-1]["success"]
    for _ in range(5):
        info = env.step(np.array([0, 0, 1, -1], np.float32))[-1]
    assert info["held"]
    assert env._cube[2] > 0.1
    for _ in range(5):
        info = env.step(np.array([0, 0, 0, 1], np.float32))[-1]
    assert not info["held"]
    assert env._cube[2] < 0.03


def test_an_open_gripper_lifts_nothing(env: BinPickEnv) -> None:
    cube = np.array([0.02, -0.14, 0.02])
    put(env, cube, cube)
    for _ in range(5):
        env.step(np.array([0, 0, 1, 1], np.float32))
    assert env._cube[2] < 0.03


@pytest.mark.parametrize(
    ("cube", "success"),
    [((0, 0.13, 0.02), True), ((0.09, 0.2, 0.02), True), ((0, -0.13, 0.02), False), ((0.2, 0.13, 0.02), False)],
)
def test_the_cube_has_to_lie_in_the_second_bin(
    env: BinPickEnv, cube: tuple[float, float, float], success: bool
) -> None:
    put(env, np.array(cube), np.array([0, 0, 0.2]))
    *_, terminated, _, info = env.step(np.zeros(4, np.float32))
    assert (terminated, info["success"]) == (success, success)


def test_over_the_second_bin_it_is_not_in_yet(env: BinPickEnv) -> None:
    put(env, TARGET - [0, 0, -0.15], np.array([-0.2, 0, 0.2]))
    assert not env.step(np.zeros(4, np.float32))[-1]["success"]


def test_a_careful_person_puts_it_in(env: BinPickEnv) -> None:
    assert all(demonstrated(env, "expert", seed, 60)[0] for seed in range(4))
