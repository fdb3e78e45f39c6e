"""Wall stop: what is felt and heard of a knock that nobody sees, and what it is rated."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from envs.contact_sound import contact_sound
from envs.wall_stop import WallStopEnv
from robopref.errors import ConfigError


@pytest.fixture(scope="module", params=["soft", "hard"])
def env(request: pytest.FixtureRequest) -> Iterator[WallStopEnv]:
    env = WallStopEnv(points=False, state=True, contact=True, stop=request.param)
    yield env
    env.close()


def knocked(env: WallStopEnv) -> tuple[dict[str, Any], dict[str, Any]]:
    """A puck just before the stop, pushed there with a full step."""
    env.reset(seed=0)
    env.data.joint("puck").qpos[:3] = [0, 0.145, 0.02]
    env._tool.place(np.array([0, 0.07, 0.012]), grip=-1.0)
    observation, info = {}, {}
    for _ in range(4):
        observation, _, terminated, _, info = env.step(np.array([0, 1], np.float32))
        if terminated:
            return observation, info
    return observation, info


def test_ratings_by_hand(env: WallStopEnv) -> None:
    assert env._rating(0.0, 10.0) == 1
    assert env._rating(0.0, 50.0) == 0.5
    assert env._rating(0.0, 500.0) == 0.5
    assert env._rating(0.0, 10 * 5**0.5) == pytest.approx(0.75)  # half-way between 10 and 50 by ratio
    assert env._rating(0.07, 0.0) == pytest.approx(0.375 * 0.75)  # a quarter of 28 cm is missing
    assert env._rating(0.0, 0.0) == 0.375  # near, and not touched


def test_the_same_knock_looks_alike_and_feels_otherwise() -> None:
    seen: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
    for stop in ("soft", "hard"):
        env = WallStopEnv(points=False, state=True, contact=True, stop=stop, image_size=48)
        seen[stop] = knocked(env)
        env.close()
    (soft, gentle), (hard, rough) = seen["soft"], seen["hard"]
    assert gentle["success"]
    assert rough["success"]
    np.testing.assert_allclose(soft["state"], hard["state"], atol=0.004)
    assert np.abs(soft["image"].astype(int) - hard["image"]).mean() < 1
    assert rough["peak_force"] > 1.5 * gentle["peak_force"]
    assert rough["rating"] < gentle["rating"]
    assert np.linalg.norm(hard["force"], axis=1).max() == pytest.approx(rough["peak_force"], rel=0.01)
    assert np.abs(hard["audio"]).max() > 1.5 * np.abs(soft["audio"]).max()


def test_the_worst_knock_of_an_episode_stays_in_its_state(env: WallStopEnv) -> None:
    _, info = knocked(env)
    there = env.snapshot()
    env.reset(seed=1)
    assert env._measure()["peak_force"] == 0
    env.restore(there)
    assert env._measure()["peak_force"] == info["peak_force"]


def test_demonstrators_end_as_they_are_called() -> None:
    env = WallStopEnv(points=False, stop="hard")
    ratings: dict[str, float] = {}
    for quality in ("expert", "impact", "slip"):
        env.reset(seed=3)
        rng = np.random.default_rng(3)
        for _ in range(40):
            if env.step(env.demonstrate(rng, quality))[2]:
                break
        ratings[quality] = env.progress
    env.close()
    assert ratings["expert"] > ratings["impact"] >= 0.5 > ratings["slip"]


def test_a_push_is_silent_and_a_knock_rings() -> None:
    steady, knock = np.full(40, 30.0), np.zeros(40)
    knock[10] = 30
    quiet, loud = (np.abs(contact_sound(force, 0.002, np.random.default_rng(0))) for force in (steady, knock))
    assert loud.shape == (640,)
    assert quiet.max() < 0.02
    assert loud[:159].max() < 0.02 < loud[160:].max()  # the tenth step is sample 160 of 8,000 a second


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"unknown stop 'sof'.*soft"):
        WallStopEnv(stop="sof")
    with pytest.raises(ConfigError, match="gentle must be less than hard"):
        WallStopEnv(gentle=60.0)
