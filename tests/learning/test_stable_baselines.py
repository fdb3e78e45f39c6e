"""Algorithms of stable-baselines3 as agents: they learn what they learn in their own loops, to the bit."""

import zipfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.wrappers import RescaleAction
from stable_baselines3 import A2C, DQN, PPO, SAC, TD3
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.noise import NormalActionNoise

from robopref.errors import ConfigError
from robopref.evaluation.returns import episode_outcomes
from robopref.interaction import OffPolicyAgent, OnPolicyAgent
from robopref.learning.online import OnlineTraining, PreferenceRounds, act
from robopref.learning.stable_baselines import OffPolicyBaseline, OnPolicyBaseline, _Baseline, adapted
from tests.learning.pendulum import SPEC, Linear, pendulum

NOISE = NormalActionNoise(np.zeros(1), np.full(1, 0.1))


def small(algorithm: Callable[..., BaseAlgorithm], **settings: Any) -> Callable[..., BaseAlgorithm]:
    """With networks of eight units; an algorithm changes the settings that it is given."""

    def make(**given: Any) -> BaseAlgorithm:
        return algorithm("MlpPolicy", **settings, **given, policy_kwargs={"net_arch": [8]})

    return make


sac, td3 = (partial(small, algorithm, learning_starts=20, batch_size=4, buffer_size=1000) for algorithm in (SAC, TD3))
ppo = partial(small, PPO, n_steps=16, batch_size=8, n_epochs=1)


def off_policy(maker: Any) -> OffPolicyBaseline:
    agent = adapted(maker, SPEC)
    assert isinstance(agent, OffPolicyBaseline)
    return agent


@pytest.mark.parametrize(
    "maker",
    [
        sac(),
        sac(use_sde=True, sde_sample_freq=3, use_sde_at_warmup=True),
        td3(train_freq=(1, "episode"), gradient_steps=-1, action_noise=NOISE, n_steps=3),
        td3(train_freq=4, gradient_steps=2, learning_rate=lambda left: 1e-3 * left),
        ppo(clip_range=lambda left: 0.2 * left),
        ppo(use_sde=True, sde_sample_freq=3),
        small(A2C, n_steps=16),
    ],
)
def test_an_algorithm_learns_what_it_learns_in_its_own_loop(tmp_path: Path, maker: Any) -> None:
    plain = RescaleAction(gym.make("Pendulum-v1", max_episode_steps=16), np.float32(-1), np.float32(1))
    own = maker(env=plain, seed=0, device="cpu", verbose=0).learn(48)
    agent = adapted(maker, replace(SPEC, steps=48))
    env = pendulum(tmp_path / "d.zarr", steps=16)
    OnlineTraining(agent, env, seed=0).run(48)
    assert isinstance(agent, OffPolicyBaseline | OnPolicyBaseline)
    algorithm = agent.algorithm
    assert algorithm.num_timesteps == own.num_timesteps == 48
    for name, weights in own.policy.state_dict().items():
        assert torch.equal(weights, algorithm.policy.state_dict()[name]), name
    assert isinstance(agent, OffPolicyAgent) != isinstance(agent, OnPolicyAgent)


@pytest.mark.parametrize("size", [1000, 45])
def test_the_buffer_holds_the_newest_reward_of_what_is_in_it(tmp_path: Path, size: int) -> None:
    env, agent = pendulum(tmp_path / "d.zarr"), off_policy(sac(buffer_size=size))
    rounds = PreferenceRounds(lambda number: Linear(number + 1.0), first=40, every=30, rounds=2)
    OnlineTraining(agent, env, seed=0, rounds=rounds).run(100)
    buffer, learnt = agent.algorithm.replay_buffer, env.learnt
    assert buffer is not None
    count = buffer.size()
    assert count == min(100, size)
    state, action = buffer.observations[:count, 0], buffer.actions[:count, 0]
    raw = 2 * state[:, 0] + action[:, 0]
    np.testing.assert_allclose(buffer.rewards[:count, 0], (raw - learnt.zero) / learnt.std, rtol=1e-4, atol=1e-5)
    # It was normalised over the 70 steps before the second round.
    every = env.rewards(Linear(2.0))[:70]
    assert (learnt.zero, learnt.std) == pytest.approx((every.mean(), every.std()), rel=1e-5)


def test_an_agent_without_a_buffer_meets_the_new_reward(tmp_path: Path) -> None:
    env, agent = pendulum(tmp_path / "d.zarr", Linear(0.0)), adapted(ppo(), SPEC)
    assert isinstance(agent, OnPolicyBaseline)
    rounds = PreferenceRounds(lambda _: Linear(3.0), first=32, every=100, rounds=1)
    OnlineTraining(agent, env, seed=0, rounds=rounds).run(64)
    buffer, learnt = agent.algorithm.rollout_buffer, env.learnt
    states, actions = buffer.observations.reshape(16, 3), buffer.actions.reshape(16)
    raw = 3 * states[:, 0] + actions.clip(-1, 1)
    # The reward after the last step of an episode that was cut off has the value of what follows added.
    plain = np.ones(16, bool)
    plain[[k for k in range(16) if (48 + k + 1) % 30 == 0]] = False
    np.testing.assert_allclose(
        buffer.rewards.reshape(16)[plain], ((raw - learnt.zero) / learnt.std)[plain], rtol=1e-4, atol=1e-5
    )


def test_a_loaded_agent_explores_by_its_policy_and_not_as_a_beginner(tmp_path: Path) -> None:
    agent, seen = off_policy(sac()), {"state": np.array([0.1, 0.2, 0.3], np.float32)}
    agent.save(tmp_path / "agent.zip")
    agent.load(tmp_path / "agent.zip")
    for explore in (True, False):
        torch.manual_seed(1)
        acted = agent.act(seen, explore=explore)
        torch.manual_seed(1)
        np.testing.assert_array_equal(acted, agent.algorithm.predict(seen["state"], deterministic=not explore)[0])


@pytest.mark.parametrize("maker", [sac(), td3()])
def test_what_stable_baselines_saved_of_its_own_environment_acts_here(tmp_path: Path, maker: Any) -> None:
    env = gym.make("Pendulum-v1")  # whose actions go to 2
    theirs = maker(env=env, seed=3, device="cpu", verbose=0)
    theirs.save(tmp_path / "mine.zip")
    with zipfile.ZipFile(tmp_path / "mine.zip") as whole, zipfile.ZipFile(tmp_path / "poor.zip", "w") as other:
        for name in whole.namelist():  # what else a file tells is not looked at, least of all unpickled
            other.writestr(name, b"not JSON" if name == "data" else whole.read(name))
    ours = adapted(maker, SPEC)
    ours.load(tmp_path / "poor.zip")
    for seed in range(5):
        seen, _ = env.reset(seed=seed)
        np.testing.assert_allclose(
            2 * ours.act({"state": seen}, explore=False), theirs.predict(seen, deterministic=True)[0], rtol=1e-5
        )


def test_parts_of_an_observation_become_one_vector() -> None:
    task = gym.make("envs:robopref/CartPole-v0", points=False, state=True)
    both = {"state": (5,), "proprio": (4,)}
    agent = adapted(sac(), replace(SPEC, observation=both))
    assert isinstance(agent, OffPolicyBaseline)
    assert agent.algorithm.observation_space.shape == (9,)
    returns, success = episode_outcomes(task, act(agent, list(both)), episodes=1, seed=0)
    assert returns.shape == success.shape == (1,)


class Strange(ReplayBuffer):
    """Could make rewards of its own."""


@pytest.mark.parametrize(
    ("maker", "message"),
    [
        (
            partial(SAC, "MlpPolicy", replay_buffer_class=Strange),
            "agent: SAC is neither an off-policy algorithm with a",
        ),
        (partial(DQN, "MlpPolicy"), "agent: .*Discrete"),
        (partial(SAC, "NoPolicy"), "agent: Policy NoPolicy unknown"),
        (partial(SAC, "MlpPolicy", tua=0.1), "agent: .*tua"),
    ],
)
def test_what_cannot_be_an_agent_is_one_line(maker: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as refused:
        adapted(maker, SPEC)
    assert "\n" not in str(refused.value)


def test_what_both_kinds_share_is_no_agent_itself() -> None:
    with pytest.raises(TypeError, match="abstract"):
        _Baseline(None, 1)  # type: ignore[abstract, arg-type]
