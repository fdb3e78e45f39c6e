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


@pytest.mark.parametrize("name", [pytest.param("Hopper-v5", marks=pytest.mark.slow), "Reacher-v5"])
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


class Doubling:
    """A scripted policy, as packages ship them: of what its environment observes, in the environment's own units."""

    def get_action(self, observation: np.ndarray) -> np.ndarray:
        return np.full(2, 2 * observation[0])


def test_a_scripted_policy_demonstrates_as_well_as_asked() -> None:
    env = ForeignEnv("Reacher-v5", points=False, expert=f"{__name__}:Doubling", inaccuracy=0.3)
    assert env.qualities == ("expert", "medium", "poor", "random")
    observation, _ = env.reset(seed=0)
    expected = np.clip(np.full(2, 2 * observation["state"][0]), -1, 1)
    draws = {
        quality: np.stack([env.demonstrate(np.random.default_rng(k), quality) for k in range(200)])
        for quality in env.qualities
    }
    np.testing.assert_allclose(draws["expert"], np.tile(expected, (200, 1)), atol=1e-6)
    away = {quality: float(np.abs(drawn - expected).mean()) for quality, drawn in draws.items()}
    assert 0 < away["medium"] < away["poor"] < away["random"]
    env.close()


def test_an_expert_sees_what_was_observed_where_it_was_rewound_to() -> None:
    env = ForeignEnv("Reacher-v5", points=False, expert=lambda seen: np.clip(seen[:2], -1, 1))
    env.reset(seed=0)
    start, first = env.snapshot(), env.demonstrate(np.random.default_rng(0), "expert")
    env.step(np.ones(2, np.float32))
    assert not np.array_equal(env.demonstrate(np.random.default_rng(0), "expert"), first)
    env.restore(start)
    np.testing.assert_array_equal(env.demonstrate(np.random.default_rng(0), "expert"), first)
    env.close()


@pytest.mark.parametrize(
    ("expert", "complaint"),
    [
        ("Doubling", "expert must be <module>:<class or function>, got 'Doubling'"),
        ("no_such_module:Doubling", "cannot make the expert .*No module named 'no_such_module'"),
        (f"{__name__}:Halving", "cannot make the expert .*Halving"),
        (f"{__name__}:NAMES", "cannot be called"),
    ],
)
def test_what_is_no_expert_is_refused(expert: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        ForeignEnv("Reacher-v5", points=False, expert=expert)


def test_an_expert_that_answers_with_no_action_is_refused() -> None:
    env = ForeignEnv("Reacher-v5", points=False, expert=lambda seen: seen[:3])
    env.reset(seed=0)
    with pytest.raises(ConfigError, match=r"must be \(2,\) finite numbers"):
        env.demonstrate(np.random.default_rng(0), "expert")
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
    for task in (2, 3):  # it was reset once when it was made
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


class Stacking(gym.Wrapper):
    """Moves the target in the model at every reset and keeps an earlier observation and a count, as metaworld does."""

    def __init__(self, env: gym.Env) -> None:
        super().__init__(env)
        self.earlier, self.steps, self.target, self.log = None, 0, None, np.zeros(0)
        self.seen = self.unwrapped.data.qpos  # MuJoCo's own memory
        self.observation_space = gym.spaces.Box(-np.inf, np.inf, (12,), np.float64)

    def reset(self, **given: Any) -> tuple[Any, dict]:
        x = self.np_random.uniform(-0.1, 0.1)  # before the seed is set inside
        observation, info = self.env.reset(**given)
        self.target = self.unwrapped.model.body("target").pos[:] = np.array([x, 0.05, 0.01])
        self.earlier, self.steps = observation[:2], 0
        return np.append(observation, self.earlier), info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict]:
        observation, reward, *ends, info = self.env.step(action)
        stacked = np.append(observation, self.earlier)
        self.steps += 1
        self.earlier = observation[:2]
        return stacked, float(reward) + self.target[0] + self.steps, *ends, info


@pytest.fixture
def stacking() -> Iterator[None]:
    gym.register("robopref-tests/Stacking-v0", entry_point=lambda: Stacking(gym.make("Reacher-v5").unwrapped))
    yield
    del gym.registry["robopref-tests/Stacking-v0"]


@pytest.mark.usefixtures("stacking")
def test_what_an_environment_keeps_beside_its_physics_is_rewound_in_another_one() -> None:
    one, other = (ForeignEnv("robopref-tests/Stacking-v0", points=False) for _ in range(2))
    rng = np.random.default_rng(0)
    one.reset(seed=1)
    for _ in range(3):
        one.step(one.demonstrate(rng))
    start, actions = one.snapshot(), [one.demonstrate(rng) for _ in range(5)]
    expected = [one.step(action) for action in actions]
    other.reset(seed=2)
    other.restore(start)
    np.testing.assert_array_equal(other.snapshot(), start)
    for action, (observation, reward, *_) in zip(actions, expected, strict=True):
        again = other.step(action)
        np.testing.assert_array_equal(again[0]["state"], observation["state"])
        assert again[1] == reward
    assert other._outer.seen is not None
    assert np.shares_memory(other._outer.seen, other.physics.data.qpos)
    with pytest.raises(ConfigError, match=r"a snapshot of this environment has shape"):
        other.restore(start[:-3])
    one.close()
    other.close()


@pytest.mark.usefixtures("stacking")
def test_what_wrappers_draw_at_a_reset_follows_the_seed() -> None:
    env = ForeignEnv("robopref-tests/Stacking-v0", points=False)
    targets = []
    for seed in (5, 6, 5):
        env.reset(seed=seed)
        targets.append(env._outer.target[0])
    assert targets[0] == targets[2] != targets[1]
    env.close()


@pytest.mark.usefixtures("stacking")
def test_attributes_that_grow_are_named_and_can_be_left_out() -> None:
    env = ForeignEnv("robopref-tests/Stacking-v0", points=False)
    env._outer.log = np.zeros(3)
    with pytest.raises(ConfigError, match=r"Stacking.log was of shape \(0,\).*env.options.forget=\[log\]"):
        env.snapshot()
    forgetting = ForeignEnv("robopref-tests/Stacking-v0", points=False, forget=["log"])
    forgetting._outer.log = np.zeros(3)
    forgetting.restore(forgetting.snapshot())
    np.testing.assert_array_equal(forgetting._outer.log, np.zeros(3))
    env.close()
    forgetting.close()
