"""Sweep into: what a state is worth, and that only a block down in the hole is in."""

from collections.abc import Iterator

import numpy as np
import pytest

from envs.sweep_into import HOLE, SweepIntoEnv
from tests.envs.demonstrating import demonstrated


@pytest.fixture(scope="module")
def env() -> Iterator[SweepIntoEnv]:
    env = SweepIntoEnv(points=False, state=True)
    yield env
    env.close()


def put(env: SweepIntoEnv, block: tuple[float, float, float], tool: tuple[float, float, float]) -> None:
    env.reset(seed=0)
    env.data.joint("block").qpos[:] = [*block, 1, 0, 0, 0]
    env._tool.place(np.array(tool), grip=-1.0)


def test_reward_is_the_way_to_the_hole_and_a_quarter_of_that_to_the_block(env: SweepIntoEnv) -> None:
    put(env, block=(0.03, HOLE[1] - 0.04, 0.02), tool=(0.03, HOLE[1] - 0.04, 0.12))
    assert env.progress == pytest.approx(-(0.05 + 0.25 * 0.1))


def test_a_block_beside_the_hole_stays_out_and_one_over_it_falls_in(env: SweepIntoEnv) -> None:
    # The hole is 12 cm wide and the block 4 cm: tilting over the edge takes its middle beyond it.
    for x, success in ((0.065, False), (0.0, True)):
        put(env, block=(x, HOLE[1], 0.02), tool=(0, -0.2, 0.1))
        for _ in range(4):
            *_, terminated, _, info = env.step(np.zeros(4, np.float32))
        assert (terminated, info["success"]) == (success, success)


def test_a_careful_person_gets_it_in(env: SweepIntoEnv) -> None:
    assert all(demonstrated(env, "expert", seed, 60)[0] for seed in range(4))
