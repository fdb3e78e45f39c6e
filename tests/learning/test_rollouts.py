"""Whole rollouts, side by side, and agents that learn from them."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO, SAC

from robopref.errors import ConfigError
from robopref.interaction import AgentSpec
from robopref.learning.rollout_agent import RolloutBaseline
from robopref.learning.rollouts import RolloutBatch, RolloutTasks, Tried
from robopref.learning.stable_baselines import adapted
from tests.learning.gates import Gates, small_agent

SPEC = AgentSpec({"state": (2,)}, 1, 100, 0, torch.device("cpu"))


class Constant:
    """Tries three times what it sees, which is cut off at one."""

    def try_out(self, vector: np.ndarray) -> Tried:
        return Tried(3 * vector[:, :1], vector[:, 1], vector[:, 0])


def test_rollouts_are_what_was_tried_and_came_of_it() -> None:
    tasks = RolloutTasks([Gates(3, 0.5), Gates(2, 0.5)])
    made = tasks.collect(Constant(), [7, 7, 9])
    assert made.weight.tolist() == [[1, 1, 1], [1, 1, 0], [1, 1, 1]]
    assert made.start.tolist() == [0, 0, 1]
    alone = Gates(3, 0.5)
    for row, seed in ((0, 7), (2, 9)):
        seen, whole = alone.reset(seed=seed)[0], True
        for step in range(3):
            np.testing.assert_array_equal(made.vector[row, step], seen)
            assert float(made.tried[row, step]) == pytest.approx(3 * seen[0])
            whole &= abs(np.clip(3 * seen[0], -1, 1) - seen[0]) < 0.5
            seen = alone.step(np.clip(3 * seen[:1], -1, 1))[0]
        assert float(made.success[row]) == whole
    assert made.steps == 8
    assert not made.vector[1, 2].any()


def test_rewards_may_say_what_a_success_is() -> None:
    silent = [Gates(3, 0.5, says=False)]
    with pytest.raises(ConfigError, match="least=<sum of rewards>") as refused:
        RolloutTasks(silent).collect(Constant(), [1])
    assert "\n" not in str(refused.value)
    earned = RolloutTasks([Gates(3, 9.0, says=False)], least=3.0).collect(Constant(), [1, 2])
    assert earned.success.tolist() == [1, 1]
    assert RolloutTasks([Gates(3, 9.0)], least=3.5).collect(Constant(), [1, 2]).success.tolist() == [0, 0]
    with pytest.raises(ConfigError, match="at least one copy"):
        RolloutTasks([])


def rollouts(agent: RolloutBaseline) -> RolloutBatch:
    torch.manual_seed(0)
    return RolloutTasks([Gates() for _ in range(4)]).collect(agent, [1, 1, 2, 2, 3, 3, 4, 4])


def test_a_density_is_that_of_the_policy() -> None:
    agent = small_agent(SPEC)
    made = rollouts(agent)
    density = agent.density()
    torch.testing.assert_close(density(made.vector, made.tried), made.log_prob, atol=1e-5, rtol=1e-5)
    with torch.no_grad():
        density.mean[0].bias.add_(1.0)  # is a copy
    torch.testing.assert_close(agent.density()(made.vector, made.tried), made.log_prob, atol=1e-5, rtol=1e-5)


def test_what_had_an_advantage_becomes_likelier() -> None:
    agent = small_agent(SPEC, learning_rate=1e-2)
    made = rollouts(agent)
    advantage = torch.where(made.tried[..., 0] > 0, 1.0, -1.0)
    losses = agent.improve(made, advantage, torch.zeros_like(advantage))
    assert {"policy_gradient_loss", "value_loss"} <= set(losses)
    change = agent.density()(made.vector, made.tried).detach() - made.log_prob
    assert float((change * advantage).mean()) > 0
    other = small_agent(SPEC)
    other.restore(agent.state())
    torch.testing.assert_close(other.density()(made.vector, made.tried), agent.density()(made.vector, made.tried))


def test_agents_of_another_kind_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"OffPolicyBaseline learns in another way; .* agent=ppo"):
        RolloutBaseline(adapted(partial(SAC, policy="MlpPolicy", buffer_size=10), replace(SPEC, steps=1)))
    with pytest.raises(ConfigError, match="another policy"):
        RolloutBaseline(adapted(partial(PPO, policy="MlpPolicy", use_sde=True), SPEC))
    kwargs = {"activation_fn": torch.nn.ReLU}
    with pytest.raises(ConfigError, match="other layers than linear ones with tanh"):
        RolloutBaseline(adapted(partial(PPO, policy="MlpPolicy", policy_kwargs=kwargs), SPEC))
