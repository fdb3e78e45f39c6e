"""Incline push: the ramp's frame, what a state is worth, and that the puck does not slide down by itself."""

from collections.abc import Iterator

import numpy as np
import pytest

from envs.incline_push import InclinePushEnv
from tests.envs.demonstrating import demonstrated


@pytest.fixture(scope="module")
def env() -> Iterator[InclinePushEnv]:
    env = InclinePushEnv(points=False, state=True)
    yield env
    env.close()


def put(env: InclinePushEnv, along: float, goal: float) -> None:
    """Puck and goal at distances along the ramp, the tool 0.1 m above the puck."""
    env.reset(seed=0)
    env.data.joint("puck").qpos[:3] = env._above_ramp(np.array([0, along, 0.014]))
    env._goal[:] = env._above_ramp(np.array([0, goal, 0]))
    env._tool.place(env._puck - [0, 0, -0.1], grip=-1.0)


def test_places_on_the_ramp(env: InclinePushEnv) -> None:
    # 15 degrees from y = -0.2: 0.4 m along are 0.4 cos 15 in y and 0.4 sin 15 in z.
    place = env._above_ramp(np.array([0.1, 0.4, 0.0]))
    np.testing.assert_allclose(place, [0.1, -0.2 + 0.38637, 0.10353], atol=1e-5)
    np.testing.assert_allclose(env._on_ramp(place), [0.1, 0.4, 0], atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_the_puck_starts_lying_on_the_ramp(env: InclinePushEnv, seed: int) -> None:
    env.reset(seed=seed)
    env.physics.forward()
    # Flat on the world's ground instead, its upper edge would be 0.035 sin 15 = 9 mm within the ramp.
    assert env.data.contact.dist.min(initial=0.0) > -1e-4
    np.testing.assert_allclose(env.data.body("puck").xmat, env.data.body("ramp").xmat, atol=1e-9)


def test_reward_is_the_way_to_the_goal_and_a_quarter_of_that_to_the_puck(env: InclinePushEnv) -> None:
    put(env, along=0.2, goal=0.35)
    assert env.progress == pytest.approx(-(0.15 + 0.25 * 0.1))


@pytest.mark.parametrize(("away", "success"), [(0.027, True), (0.033, False)])
def test_the_puck_is_there_within_3_cm(env: InclinePushEnv, away: float, success: bool) -> None:
    put(env, along=0.35 - away, goal=0.35)
    *_, terminated, _, info = env.step(np.zeros(3, np.float32))
    assert (terminated, info["success"]) == (success, success)


def test_the_puck_stays_where_it_is_on_the_ramp(env: InclinePushEnv) -> None:
    put(env, along=0.2, goal=0.35)
    for _ in range(20):
        env.step(np.zeros(3, np.float32))
    assert env._on_ramp(env._puck)[1] == pytest.approx(0.2, abs=0.01)


def test_a_careful_person_gets_it_there(env: InclinePushEnv) -> None:
    assert all(demonstrated(env, "expert", seed, 60)[0] for seed in range(4))
