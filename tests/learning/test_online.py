"""Agents of stable-baselines3 in tasks whose reward is learnt: what is kept, and what is in the buffer."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import PPO, SAC

from robopref.data.episodes.store import EpisodeStore
from robopref.errors import ConfigError
from robopref.evaluation.returns import episode_outcomes
from robopref.learning.online import LearntRewardEnv, PreferenceRounds, act, record, relabel_buffer, train_agent


class Linear:
    """A reward that can be computed by hand: the first number of the state times a slope, plus the action."""

    keys = ("state", "action")

    def __init__(self, slope):
        self.slope = slope

    def reward(self, steps):
        state, action = (torch.as_tensor(steps[key]).float() for key in self.keys)
        return self.slope * state[:, 0] + action[:, 0]


def pendulum(path, reward=None, steps=30):
    env = gym.make("Pendulum-v1", max_episode_steps=steps)
    return LearntRewardEnv(env, EpisodeStore.create(path, {}), reward=reward)


def sac(env, **settings):
    return SAC("MlpPolicy", env, seed=0, device="cpu", learning_starts=20, batch_size=4, policy_kwargs={
        "net_arch": [8]}, **settings)  # fmt: skip


def test_the_task_gives_the_learnt_reward_and_says_the_true_one(tmp_path):
    env, plain = pendulum(tmp_path / "d.zarr", Linear(2.0)), gym.make("Pendulum-v1")
    seen, _ = env.reset(seed=3)
    plain.reset(seed=3)
    for k, action in enumerate([0.5, -1.0, 0.25]):
        before = seen
        seen, reward, *_, info = env.step(np.array([action], np.float32))
        after, true, *_ = plain.step(np.array([2 * action], np.float32))  # a torque of 2 is an action of 1
        np.testing.assert_allclose(seen, after, rtol=1e-6)
        assert info["true_reward"] == pytest.approx(true)
        assert reward == pytest.approx(2 * before[0] + action, rel=1e-5), k


def test_what_is_kept_is_data_for_offline_learning(tmp_path):
    env = pendulum(tmp_path / "d.zarr", Linear(1.0), steps=3)
    first, _ = env.reset(seed=0)
    rewards = [env.step(np.array([a], np.float32))[4]["true_reward"] for a in (0.1, 0.2, 0.3)]
    episode = env.store.episode(0)
    np.testing.assert_array_equal(episode["state"][0], first)
    np.testing.assert_array_equal(episode["state"][1:], episode["next_state"][:-1])
    np.testing.assert_allclose(episode["action"][:, 0], [0.1, 0.2, 0.3], rtol=1e-6)
    np.testing.assert_allclose(episode["reward"], rewards, rtol=1e-6)
    assert episode["truncated"].tolist() == [False, False, True]
    assert not episode["terminated"].any()


@pytest.mark.parametrize(("zero", "shift"), [("mean", 1.0), ("best", 1.5), ("worst", 0.5)])
def test_an_adopted_reward_is_zero_where_it_was_said(tmp_path, zero, shift):
    env = LearntRewardEnv(gym.make("Pendulum-v1"), EpisodeStore.create(tmp_path / "d.zarr", {}), zero=zero)
    env.reset(seed=0)
    for action in (0.5, 1.0, 1.0, 1.5):
        env.step(np.array([action - 1], np.float32))
    # The actions 0.5, 1, 1 and 1.5 less 1: mean 0, best 0.5, worst -0.5; variance (0.25 + 0 + 0 + 0.25) / 4.
    given = env.adopt(Linear(0.0))
    np.testing.assert_allclose(given, (np.array([0.5, 1, 1, 1.5]) - shift) / 0.125**0.5, rtol=1e-5, atol=1e-6)


def test_a_zero_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"zero of a reward .bets.*best"):
        LearntRewardEnv(gym.make("Pendulum-v1"), EpisodeStore.create(tmp_path / "d.zarr", {}), zero="bets")


def test_an_episode_that_is_left_is_cut_off(tmp_path):
    env = pendulum(tmp_path / "d.zarr")
    for _ in range(2):
        env.reset(seed=0)
        env.step(np.zeros(1, np.float32))
    assert env.store.array("truncated").tolist() == [True]
    assert env.rewards(Linear(0.0)).tolist() == [0.0, 0.0]  # the step that is not stored yet counts


@pytest.mark.parametrize("size", [1000, 45])
def test_the_buffer_holds_the_newest_reward_of_what_is_in_it(tmp_path, size):
    env = pendulum(tmp_path / "d.zarr")
    slopes = []

    def update(number):
        slopes.append(number + 1.0)
        return Linear(slopes[-1])

    agent = sac(env, buffer_size=size)
    rounds = PreferenceRounds(env, update, first=40, every=30, rounds=2)
    train_agent(agent, 100, rounds=rounds)
    assert slopes == [1.0, 2.0]
    buffer = agent.replay_buffer
    count = buffer.size()
    assert count == min(100, size)
    state, action = buffer.observations[:count, 0], buffer.actions[:count, 0]
    learnt = env.learnt
    raw = 2 * state[:, 0] + action[:, 0]
    np.testing.assert_allclose(buffer.rewards[:count, 0], (raw - learnt.zero) / learnt.std, rtol=1e-4, atol=1e-5)
    # It was normalised over the 70 steps before the second round.
    every = env.rewards(Linear(2.0))[:70]
    assert (learnt.zero, learnt.std) == pytest.approx((every.mean(), every.std()), rel=1e-5)


def test_the_same_seed_does_the_same(tmp_path):
    states = []
    for name in ("a", "b"):
        env = pendulum(tmp_path / f"{name}.zarr", Linear(1.0))
        train_agent(sac(env), 60)
        states.append(env.store.array("state"))
    np.testing.assert_array_equal(*states)


def test_an_agent_without_a_buffer_meets_the_new_reward(tmp_path):
    env = pendulum(tmp_path / "d.zarr", Linear(0.0))
    agent = PPO("MlpPolicy", env, n_steps=16, batch_size=8, n_epochs=1, seed=0, device="cpu")
    train_agent(agent, 64, rounds=PreferenceRounds(env, lambda _: Linear(3.0), first=32, every=100, rounds=1))
    buffer, learnt = agent.rollout_buffer, env.learnt
    states, actions = buffer.observations.reshape(16, 3), buffer.actions.reshape(16)
    raw = 3 * states[:, 0] + actions.clip(-1, 1)
    # The reward after the last step of an episode that was cut off has the value of what follows added.
    plain = np.ones(16, bool)
    plain[[k for k in range(16) if (48 + k + 1) % 30 == 0]] = False
    np.testing.assert_allclose(
        buffer.rewards.reshape(16)[plain], ((raw - learnt.zero) / learnt.std)[plain], rtol=1e-4, atol=1e-5
    )


def test_recording_goes_on_where_it_stopped_and_draws_the_same(tmp_path):
    kept = []
    for name, stops in (("a", [3]), ("b", [1, 3])):
        env = pendulum(tmp_path / f"{name}.zarr", steps=5)
        agent = sac(pendulum(tmp_path / f"{name}-training.zarr"))
        for stop in stops:
            record(agent, env, episodes=stop, seed=7, notes={"quality": 2})
        assert len(env.store) == 3
        assert set(env.store.array("quality").tolist()) == {2}
        kept.append(env.store.array("action"))
    np.testing.assert_array_equal(*kept)
    assert len(np.unique(kept[0])) > 10


def test_parts_of_our_own_tasks_become_one_vector(tmp_path):
    task = gym.make("envs:robopref/CartPole-v0", points=False, state=True)
    env = LearntRewardEnv(task, EpisodeStore.create(tmp_path / "d.zarr", {}), keys=["proprio", "state"])
    seen, _ = env.reset(seed=0)
    assert env.observation_space.shape == seen.shape == (9,)
    np.testing.assert_array_equal(seen[:4], seen[4:8])  # the state of this task is its proprioception and one number
    agent = sac(env)
    returns, success = episode_outcomes(task, act(agent, env.keys), episodes=1, seed=0)
    assert returns.shape == success.shape == (1,)


def test_what_is_filmed_is_kept(tmp_path):
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
def test_other_tasks_are_refused(tmp_path, make, keys, message):
    with pytest.raises(ConfigError, match=message):
        LearntRewardEnv(make(), EpisodeStore.create(tmp_path / "d.zarr", {}), keys=keys)


def test_rounds_and_buffers_have_to_make_sense(tmp_path):
    env = pendulum(tmp_path / "d.zarr")
    with pytest.raises(ConfigError, match="at least 1"):
        PreferenceRounds(env, Linear, first=0, every=1, rounds=1)
    agent = sac(env)
    agent.replay_buffer = None
    with pytest.raises(ConfigError, match="replay buffer"):
        relabel_buffer(agent, np.zeros(3, np.float32))
