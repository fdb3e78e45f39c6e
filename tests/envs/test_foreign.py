"""Environments of gymnasium as tasks: rewound exactly, seen as points, their actions scaled."""

from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import wrappers
from gymnasium.utils.env_checker import check_env

from envs.foreign import ForeignEnv
from robopref.errors import ActionError, ConfigError
from robopref.robots.sim import SimTask, TaskSpec, demonstrate_episode

# One that runs away and falls over, and one whose goal is part of the state.
NAMES = ["Hopper-v5", "Reacher-v5"]


@pytest.fixture(scope="module", params=NAMES)
def env(request: pytest.FixtureRequest) -> Iterator[ForeignEnv]:
    made = ForeignEnv(request.param, points=False)
    yield made
    made.close()


@pytest.mark.parametrize("name", NAMES)
def test_it_is_seen_as_points_without_its_floor(name: str) -> None:
    env: Any = gym.make("envs:robopref/Gym-v0", name=name, image_size=64, render_mode="rgb_array").unwrapped
    check_env(env, skip_render_check=True)
    observation, _ = env.reset(seed=0)
    points, data = observation["points"], env.physics.data
    assert len(np.unique(points, axis=0)) > 100
    away = np.linalg.norm(points[:, None] - data.geom_xpos, axis=-1) - env.physics.model.geom_rbound
    # Within the bounding ball of some geom, give or take the noise of the depth.
    assert away.min(axis=1).max() < 0.02
    assert points[:, 2].min() > 0
    assert observation["image"].std() > 5
    assert env.render().shape == (480, 480, 3)
    env.close()


def test_it_behaves_as_the_environment_that_it_wraps(env: ForeignEnv) -> None:
    own: Any = gym.make(env.env.spec.id).unwrapped
    observation, _ = env.reset(seed=3)
    expected, _ = own.reset(seed=3)
    np.testing.assert_array_equal(observation["state"], expected.astype(np.float32))
    for action in np.random.default_rng(0).uniform(-1, 1, (5, *env.action_space.shape)).astype(np.float32):
        low, high = own.action_space.low, own.action_space.high
        expected, reward, *_ = own.step((low + (action + 1) / 2 * (high - low)).astype(np.float32))
        observation, got, *_ = env.step(action)
        np.testing.assert_allclose(observation["state"], expected, rtol=1e-4, atol=1e-5)
        assert got == pytest.approx(reward, rel=1e-4, abs=1e-6)
    own.close()


def test_every_branch_from_a_snapshot_is_exact(env: ForeignEnv) -> None:
    env.reset(seed=1)
    rng = np.random.default_rng(0)
    for _ in range(10):
        start, action = env.snapshot(), env.demonstrate(rng)
        first = env.step(action)
        end = env.snapshot()
        env.restore(start)
        env.step(env.demonstrate(rng))
        env.restore(start)
        np.testing.assert_array_equal(env.snapshot(), start)
        again = env.step(action)
        np.testing.assert_array_equal(first[0]["state"], again[0]["state"])
        assert first[1:4] == again[1:4]
        np.testing.assert_array_equal(env.snapshot(), end)


def test_progress_is_the_return(env: ForeignEnv) -> None:
    env.reset(seed=1)
    rewards = [env.step(env.action_space.sample())[1] for _ in range(3)]
    assert env.progress == pytest.approx(sum(rewards))
    env.reset(seed=1)
    assert env.progress == 0


def test_episodes_end_when_it_falls_and_are_cut_at_the_time_limit() -> None:
    task = SimTask(TaskSpec("envs:robopref/Gym-v0", {"name": "Hopper-v5", "points": False}, max_steps=200))
    fallen = demonstrate_episode(task, 0)
    assert len(fallen["action"]) < 200
    assert fallen["terminated"].sum() == fallen["terminated"][-1] == 1
    assert not fallen["truncated"].any()
    task.close()
    task = SimTask(TaskSpec("envs:robopref/Gym-v0", {"name": "Reacher-v5", "points": False}, max_steps=4))
    cut = demonstrate_episode(task, 0)
    assert cut["truncated"].tolist() == [False, False, False, True]
    assert not cut["terminated"].any()
    task.close()


def test_a_policy_demonstrates() -> None:
    env = ForeignEnv("Reacher-v5", points=False, policy=lambda state: np.full(2, 2 * state[0]))
    observation, _ = env.reset(seed=0)
    expected = np.clip(np.full(2, 2 * observation["state"][0]), -1, 1)
    np.testing.assert_allclose(env.demonstrate(np.random.default_rng(0)), expected)
    assert not np.allclose(env.demonstrate(np.random.default_rng(0), "random"), expected)
    env.close()


@pytest.mark.parametrize(
    ("name", "complaint"),
    [("Hoper-v5", "cannot make .* 'Hoper-v5'"), ("CartPole-v1", "does not run on MuJoCo")],
)
def test_what_cannot_be_wrapped_is_refused(name: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        ForeignEnv(name)


def test_bad_actions_are_refused(env: ForeignEnv) -> None:
    env.reset(seed=0)
    with pytest.raises(ActionError):
        env.step(np.full(env.action_space.shape, 1.5, np.float32))


class Targets(gym.Wrapper):
    """Chooses at every reset where the target is, and says so in what is observed, as multi-task packages do."""

    def __init__(self, env: gym.Env) -> None:
        super().__init__(env)
        self.chosen = 0
        self.observation_space = gym.spaces.Box(-np.inf, np.inf, (11,), np.float64)

    def reset(self, **given: Any) -> tuple[Any, dict]:
        self.chosen += 1
        observation, info = self.env.reset(**given)
        return np.append(observation, self.chosen), {**info, "task": self.chosen}

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict]:
        observation, reward, *ends, info = self.env.step(action)
        return np.append(observation, self.chosen), float(reward) + self.chosen, *ends, {**info, "success": True}


def wrapped() -> gym.Env:
    """What a package's factory makes: wrappers that count and watch around and below the one that matters."""
    inner = wrappers.PassiveEnvChecker(wrappers.TimeLimit(gym.make("Reacher-v5").unwrapped, 2))
    return wrappers.Autoreset(wrappers.RecordEpisodeStatistics(Targets(wrappers.RescaleAction(inner, -2, 2))))


@pytest.fixture
def packaged() -> Iterator[None]:
    gym.register("robopref-tests/Targets-v0", entry_point=wrapped, max_episode_steps=3)
    gym.register("robopref-tests/Stacked-v0", entry_point=lambda: wrappers.FrameStackObservation(wrapped(), 2))
    yield
    for name in ("Targets", "Stacked"):
        del gym.registry[f"robopref-tests/{name}-v0"]


@pytest.mark.usefixtures("packaged")
def test_a_wrapper_that_chooses_the_task_is_kept_and_no_time_limit_is() -> None:
    env = ForeignEnv("robopref-tests/Targets-v0", points=False)
    own: Any = gym.make("Reacher-v5").unwrapped
    for task in (1, 2):
        observation, info = env.reset(seed=task)
        own.reset(seed=task)
        assert info["task"] == task
        assert observation["state"][-1] == task
        for _ in range(5):
            start = env.snapshot()
            observation, reward, terminated, truncated, info = env.step(np.full(2, 0.5, np.float32))
            _, expected, *_ = own.step(np.full(2, 0.5, np.float32))
            assert reward == pytest.approx(expected + task, rel=1e-4)
            assert not terminated
            assert not truncated
            assert info["success"]
            env.restore(start)
            again = env.step(np.full(2, 0.5, np.float32))
            np.testing.assert_array_equal(again[0]["state"], observation["state"])
            assert again[1] == reward
    env.close()
    own.close()


@pytest.mark.usefixtures("packaged")
def test_a_wrapper_that_remembers_steps_is_refused() -> None:
    with pytest.raises(ConfigError, match="FrameStackObservation, which remembers earlier steps"):
        ForeignEnv("robopref-tests/Stacked-v0", points=False)
