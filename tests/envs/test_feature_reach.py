"""Feature reach: what each feature says, what it costs, and that a careful person minds all of them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from envs.feature_reach import FeatureReachEnv
from robopref.errors import ConfigError
from tests.envs.demonstrating import demonstrated


@pytest.fixture(scope="module")
def env() -> Iterator[FeatureReachEnv]:
    env = FeatureReachEnv(points=False, state=True)
    yield env
    env.close()


def put(env: FeatureReachEnv, cup: tuple[float, float, float], grip: float = 0.0) -> dict[str, Any]:
    """Laptop at the origin, person at (0, 0.45), goal at (0.3, 0, 0.15)."""
    env.reset(seed=0)
    env._laptop[:2], env._person[:2], env._goal[:] = 0, (0, 0.45), (0.3, 0, 0.15)
    env._tool.place(np.array(cup), grip=grip)
    return env._measure()


def test_features_of_a_place(env: FeatureReachEnv) -> None:
    # Half of 0.3 m over the table; 0.05 m of 0.2 m from the laptop; 0.4 m from the person is far enough.
    np.testing.assert_allclose(put(env, (0, 0.05, 0.15))["features"], [0.5, 0, 0.75, 0], atol=1e-9)
    # 0.25 m of the person's 0.35 m are left.
    np.testing.assert_allclose(put(env, (0, 0.2, 0.3))["features"], [1, 0, 0, 1 - 0.25 / 0.35], atol=1e-9)


@pytest.mark.parametrize("side", [-1, 1])
def test_a_grip_of_two_thirds_tilts_by_60_degrees(env: FeatureReachEnv, side: int) -> None:
    info = put(env, (-0.3, 0, 0.15), grip=side * 2 / 3)
    # The wrist turns by 1.57 rad at most; 1 - cos 60 degrees is a half.
    assert info["features"][1] == pytest.approx(0.5, abs=2e-3)
    assert abs(env.tilt) == pytest.approx(np.pi / 3, abs=2e-3)


def test_the_cup_follows_the_wrist(env: FeatureReachEnv) -> None:
    put(env, (-0.3, 0, 0.2))
    for _ in range(5):
        env.step(np.array([0, 0, 0, 0.5], np.float32))
    assert abs(env.tilt) == pytest.approx(np.pi / 4, abs=0.02)


def test_reward_is_the_way_to_the_goal_and_the_weighted_features(env: FeatureReachEnv) -> None:
    put(env, (0, 0.05, 0.15))
    # The goal is (0.3, -0.05, 0) away.
    assert env.progress == pytest.approx(-(np.hypot(0.3, 0.05) + 0.1 * 0.5 + 0.3 * 0.75))
    env.weights[:] = 0, 0, 1, 0
    assert env.progress == pytest.approx(-(np.hypot(0.3, 0.05) + 0.75))
    env.weights[:] = 0.1, 0.2, 0.3, 0.3


@pytest.mark.parametrize(
    ("cup", "grip", "success"),
    [((0.27, 0, 0.15), 0.0, True), ((0.25, 0, 0.15), 0.0, False), ((0.27, 0, 0.15), 0.3, False)],
)
def test_it_has_to_arrive_upright(
    env: FeatureReachEnv, cup: tuple[float, float, float], grip: float, success: bool
) -> None:
    put(env, cup, grip)
    action = np.array([0, 0, 0, grip], np.float32)
    assert env.step(action)[-1]["success"] == success


def test_features_are_in_no_observation_and_people_know_the_goal(env: FeatureReachEnv) -> None:
    observation, info = env.reset(seed=0)
    assert observation["state"].shape == (14,)
    assert len(info["features"]) == 4


def test_a_careful_person_minds_the_features(env: FeatureReachEnv) -> None:
    for seed in range(4):
        env.reset(seed=seed)
        rng, over = np.random.default_rng(0), 0.0
        for step in range(50):
            *_, terminated, _, info = env.step(env.demonstrate(rng, "expert"))
            over = max(over, info["features"][2])
            if step > 4:
                assert info["features"][1] < 0.05
            if terminated:
                break
        assert terminated
        # At most brushing past the laptop.
        assert over < 0.1


def test_hurried_people_are_worse(env: FeatureReachEnv) -> None:
    ends = [np.mean([demonstrated(env, quality, s, 30)[1] for s in range(4)]) for quality in ("expert", "random")]
    assert ends[0] > ends[1] + 0.2


@pytest.mark.parametrize("weights", [(1.0, 1.0, 1.0), (1.0, 1.0, 1.0, np.nan)])
def test_weights_that_do_not_fit_are_refused(weights: Any) -> None:
    with pytest.raises(ConfigError, match="one finite number for each of table, upright, laptop, person"):
        FeatureReachEnv(weights=weights)
