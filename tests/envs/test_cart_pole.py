"""Cart-pole: what it costs, what counts as held, and that falling is no end."""

from collections.abc import Iterator

import numpy as np
import pytest

from envs.cart_pole import CartPoleEnv
from robopref.errors import ConfigError
from tests.envs.demonstrating import demonstrated


@pytest.fixture(scope="module")
def env() -> Iterator[CartPoleEnv]:
    env = CartPoleEnv(points=False, state=True)
    yield env
    env.close()


def put(env: CartPoleEnv, position: float, angle: float) -> None:
    env.reset(seed=0)
    env.data.qpos[:], env.data.qvel[:] = (position, angle), 0
    env.physics.forward()


def test_cost_of_tilt_and_distance(env: CartPoleEnv) -> None:
    put(env, 0.35, np.pi / 3)
    # cos 60 degrees is a half, and half the rail's half is a quarter when squared.
    assert env.progress == pytest.approx(0.5 - 1 - 0.25)
    put(env, 0, 0)
    assert env.progress == 0


def test_it_is_solved_when_held_for_that_many_actions_in_a_row(env: CartPoleEnv) -> None:
    put(env, 0, 0)
    for count in range(1, env.hold + 1):
        observation, _, terminated, _, info = env.step(env.demonstrate(np.random.default_rng(0), "expert"))
        assert info["held"] == count
        assert observation["state"][4] == pytest.approx(count / env.hold)
        assert terminated == (count == env.hold)


@pytest.mark.parametrize(("position", "angle"), [(0.0, 0.2), (0.4, 0.0)])
def test_a_tilted_pole_or_a_cart_far_off_begins_anew(env: CartPoleEnv, position: float, angle: float) -> None:
    put(env, 0, 0)
    for _ in range(5):
        env.step(np.zeros(1))
    env.data.qpos[:] = position, angle
    assert env.step(np.zeros(1))[-1]["held"] == 0


def test_the_count_is_part_of_a_snapshot(env: CartPoleEnv) -> None:
    put(env, 0, 0)
    for _ in range(5):
        env.step(np.zeros(1))
    kept = env.snapshot()
    env.reset(seed=1)
    env.restore(kept)
    assert env.step(np.zeros(1))[-1]["held"] == 6


def test_a_fallen_pole_lies_and_costs_on(env: CartPoleEnv) -> None:
    put(env, 0, 1.0)
    for _ in range(60):
        _, reward, terminated, *_ = env.step(np.ones(1))
    assert not terminated
    assert abs(env.data.qpos[1]) == pytest.approx(np.pi / 2, abs=0.05)
    assert reward < -0.9


def test_a_careful_person_holds_it(env: CartPoleEnv) -> None:
    assert all(demonstrated(env, "expert", seed, 150)[0] for seed in range(5))


def test_nothing_to_hold_is_refused() -> None:
    with pytest.raises(ConfigError, match="hold must be at least 1"):
        CartPoleEnv(hold=0)
