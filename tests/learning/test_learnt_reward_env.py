"""Tasks whose reward is learnt: what the agent is given, and what is kept."""

from collections.abc import Callable
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch

from robopref.data.episodes.store import EpisodeStore
from robopref.errors import ActionError, ConfigError
from robopref.learning.learnt_reward_env import LearntRewardEnv, agent_spec
from tests.learning.pendulum import Linear, pendulum


def test_the_task_gives_the_learnt_reward_and_says_the_true_one(tmp_path: Path) -> None:
    env, plain = pendulum(tmp_path / "d.zarr", Linear(2.0)), gym.make("Pendulum-v1")
    seen, _ = env.reset(seed=3)
    plain.reset(seed=3)
    for k, action in enumerate([0.5, -1.0, 0.25]):
        before = seen
        seen, reward, *_, info = env.step(np.array([action], np.float32))
        after, true, *_ = plain.step(np.array([2 * action], np.float32))  # a torque of 2 is an action of 1
        np.testing.assert_allclose(seen["state"], after, rtol=1e-6)
        assert info["true_reward"] == pytest.approx(true)
        assert reward == pytest.approx(2 * before["state"][0] + action, rel=1e-5), k


def test_what_is_kept_is_data_for_offline_learning(tmp_path: Path) -> None:
    env = pendulum(tmp_path / "d.zarr", Linear(1.0), steps=3)
    first, _ = env.reset(seed=0)
    rewards = [env.step(np.array([a], np.float32))[4]["true_reward"] for a in (0.1, 0.2, 0.3)]
    episode = env.store.episode(0)
    np.testing.assert_array_equal(episode["state"][0], first["state"])
    np.testing.assert_array_equal(episode["state"][1:], episode["next_state"][:-1])
    np.testing.assert_allclose(episode["action"][:, 0], [0.1, 0.2, 0.3], rtol=1e-6)
    np.testing.assert_allclose(episode["reward"], rewards, rtol=1e-6)
    assert episode["truncated"].tolist() == [False, False, True]
    assert not episode["terminated"].any()


@pytest.mark.parametrize(("zero", "shift"), [("mean", 1.0), ("best", 1.5), ("worst", 0.5)])
def test_an_adopted_reward_is_zero_where_it_was_said(tmp_path: Path, zero: str, shift: float) -> None:
    env = LearntRewardEnv(gym.make("Pendulum-v1"), EpisodeStore.create(tmp_path / "d.zarr", {}), zero=zero)
    env.reset(seed=0)
    for action in (0.5, 1.0, 1.0, 1.5):
        env.step(np.array([action - 1], np.float32))
    # The actions 0.5, 1, 1 and 1.5 less 1: mean 0, best 0.5, worst -0.5; variance (0.25 + 0 + 0 + 0.25) / 4.
    given = env.adopt(Linear(0.0))
    np.testing.assert_allclose(given, (np.array([0.5, 1, 1, 1.5]) - shift) / 0.125**0.5, rtol=1e-5, atol=1e-6)


def test_a_zero_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"zero of a reward .bets.*best"):
        LearntRewardEnv(gym.make("Pendulum-v1"), EpisodeStore.create(tmp_path / "d.zarr", {}), zero="bets")


def test_an_episode_that_is_left_is_cut_off(tmp_path: Path) -> None:
    env = pendulum(tmp_path / "d.zarr")
    for _ in range(2):
        env.reset(seed=0)
        env.step(np.zeros(1, np.float32))
    assert env.store.array("truncated").tolist() == [True]
    assert env.rewards(Linear(0.0)).tolist() == [0.0, 0.0]  # the step that is not stored yet counts


def test_an_agent_sees_parts_of_our_own_tasks_by_name(tmp_path: Path) -> None:
    task = gym.make("envs:robopref/CartPole-v0", points=False, state=True)
    env = LearntRewardEnv(task, EpisodeStore.create(tmp_path / "d.zarr", {}), keys=["state", "proprio"])
    seen, _ = env.reset(seed=0)
    assert list(seen) == ["state", "proprio"]
    spec = agent_spec(task, env.keys, steps=7, seed=3, device=torch.device("cpu"))
    assert spec.observation == {"state": (5,), "proprio": (4,)} == {name: part.shape for name, part in seen.items()}
    assert list(spec.observation) == list(seen)
    assert (spec.actions, spec.steps, spec.seed) == (1, 7, 3)
    assert env.observation_space.contains(seen)


@pytest.mark.parametrize("action", [[0.0, 0.0], [1.5], [np.nan], [[0.0]]])
def test_what_a_task_cannot_do_is_refused_and_not_kept(tmp_path: Path, action: list[float]) -> None:
    env = pendulum(tmp_path / "d.zarr")
    env.reset(seed=0)
    with pytest.raises(ActionError, match=r"expected an array of 1 numbers in \[-1, 1\]"):
        env.step(np.array(action, np.float32))
    assert env.rewards(Linear(0.0)).shape == (0,)


def test_what_is_filmed_is_kept(tmp_path: Path) -> None:
    task = gym.make("envs:robopref/CartPole-v0", points=False, state=True, render_mode="rgb_array")
    env = LearntRewardEnv(task, EpisodeStore.create(tmp_path / "d.zarr", {}))
    env.reset(seed=0)
    env.step(np.zeros(1, np.float32))
    env.reset(seed=0)
    image = env.store.array("image")
    assert image.dtype == np.uint8
    assert image.ndim == 4
    assert image.std() > 0


@pytest.mark.parametrize(
    ("make", "keys", "message"),
    [
        (lambda: gym.make("CartPole-v1"), ["state"], "bounded actions"),
        (lambda: gym.make("Pendulum-v1"), ["stat"], "Did you mean state"),
    ],
)
def test_other_tasks_are_refused(tmp_path: Path, make: Callable[[], gym.Env], keys: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LearntRewardEnv(make(), EpisodeStore.create(tmp_path / "d.zarr", {}), keys=keys)
