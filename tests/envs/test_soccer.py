"""Soccer: what a state is worth, when it is a goal, and that the ball rolls."""

from collections.abc import Iterator

import numpy as np
import pytest

from envs.soccer import MOUTH, RADIUS, SoccerEnv
from tests.envs.demonstrating import demonstrated


@pytest.fixture(scope="module")
def env() -> Iterator[SoccerEnv]:
    env = SoccerEnv(points=False, state=True)
    yield env
    env.close()


def put(env: SoccerEnv, ball: tuple[float, float], tool: tuple[float, float]) -> None:
    """A goal line whose middle is (0.1, 0.25)."""
    env.reset(seed=0)
    env._line[0] = 0.1
    env.data.joint("ball").qpos[:2] = ball
    env._tool.place(np.array([*tool, 0.02]), grip=-1.0)


def test_reward_is_the_way_to_the_goal_and_a_quarter_of_that_to_the_ball(env: SoccerEnv) -> None:
    put(env, ball=(0.1, 0.08), tool=(0.1, -0.12))
    # The goal is a radius behind the line: 0.28 - 0.08.
    assert env.progress == pytest.approx(-(0.2 + 0.25 * 0.2))


@pytest.mark.parametrize(
    ("ball", "success"),
    [
        ((0.1, 0.25 + RADIUS + 0.002), True),
        ((0.1, 0.25 + RADIUS - 0.002), False),
        ((0.1 + MOUTH - RADIUS - 0.001, 0.3), True),
        ((0.1 - MOUTH - 0.012 - RADIUS - 0.001, 0.3), False),
    ],
)
def test_the_whole_ball_has_to_be_behind_the_line_between_the_posts(
    env: SoccerEnv, ball: tuple[float, float], success: bool
) -> None:
    put(env, ball=ball, tool=(-0.2, -0.2))
    *_, terminated, _, info = env.step(np.zeros(4, np.float32))
    assert (terminated, info["success"]) == (success, success)


def test_a_kicked_ball_rolls_on_and_comes_to_rest(env: SoccerEnv) -> None:
    put(env, ball=(0.1, -0.2), tool=(0.1, -0.26))
    env.data.joint("ball").qvel[1] = 0.5
    rolled = [env.step(np.zeros(4, np.float32))[0]["state"][7:11] for _ in range(40)]
    assert rolled[3][1] > -0.15
    assert abs(rolled[-1][3]) < 0.02


def test_a_careful_person_scores(env: SoccerEnv) -> None:
    # A ball that rolled to the wall is out of reach for good, so not quite always.
    assert sum(demonstrated(env, "expert", seed, 60)[0] for seed in range(6)) >= 5
