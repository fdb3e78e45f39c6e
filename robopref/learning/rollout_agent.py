"""On-policy algorithms of stable-baselines3 as agents that learn from whole rollouts by advantages they are given.

The networks, the clipped objective and the optimiser are theirs; only where advantages come from is not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from robopref.errors import ConfigError
from robopref.interaction import Agent
from robopref.learning.optimizer_state import restore_optimizer
from robopref.learning.rollouts import Numbers, RolloutBatch, Tried
from robopref.policies.gaussian_density import GaussianDensity

_NEEDS = "reward=implicit_process learns from whole rollouts by a Gaussian policy of vectors: agent=ppo"


class RolloutBaseline:
    """An algorithm such as PPO.

    Args:
        agent: See `robopref.learning.stable_baselines.OnPolicyBaseline`.

    Raises:
        ConfigError: The agent is another one, or its policy is not Gaussian around a plain network.
    """

    def __init__(self, agent: Agent) -> None:
        from robopref.learning.stable_baselines import OnPolicyBaseline  # takes a moment

        if not isinstance(agent, OnPolicyBaseline):
            raise ConfigError(f"agent: {type(agent).__name__} learns in another way; {_NEEDS}")
        self.agent, self.algorithm = agent, agent.algorithm
        self._policy: Any = self.algorithm.policy
        self._layers()

    def try_out(self, vector: Numbers) -> Tried:
        """What it tries in (N, V) states."""
        self._policy.set_training_mode(False)
        with torch.no_grad():
            action, value, log_prob = self._policy(torch.as_tensor(vector, device=self.algorithm.device))
        return Tried(_numbers(action), _numbers(log_prob), _numbers(value).reshape(-1))

    def improve(self, rollouts: RolloutBatch, advantage: Tensor, worth: Tensor) -> dict[str, float]:
        """Learn from rollouts; see `RolloutAgent`."""
        made, there = self.algorithm, rollouts.weight > 0
        count = int(there.sum())
        buffer = type(made.rollout_buffer)(
            count, made.observation_space, made.action_space, device=made.device, gae_lambda=made.gae_lambda,
            gamma=made.gamma, n_envs=1,
        )  # fmt: skip
        buffer.observations, buffer.actions = (
            _numbers(part[there])[:, None] for part in (rollouts.vector, rollouts.tried)
        )
        buffer.log_probs, buffer.values, buffer.advantages, buffer.returns = (
            _numbers(part[there])[:, None] for part in (rollouts.log_prob, rollouts.value, advantage, worth)
        )
        buffer.pos, buffer.full = count, True
        made.rollout_buffer, made.num_timesteps = buffer, made.num_timesteps + count
        made.train()
        said = made.logger.name_to_value.items()
        return {name.removeprefix("train/"): float(value) for name, value in said if name.endswith("loss")}

    def density(self) -> GaussianDensity:
        """A copy of its policy."""
        layers = self._layers()
        made = GaussianDensity(
            layers[0].in_features, layers[-1].out_features, hidden=[layer.out_features for layer in layers[:-1]]
        )  # fmt: skip
        mine = [layer for layer in made.mean if isinstance(layer, nn.Linear)]
        for to, of in zip(mine, layers, strict=True):
            to.load_state_dict(of.state_dict())
        with torch.no_grad():
            made.log_std.copy_(self._policy.log_std)
        return made.to(self.algorithm.device)

    def state(self) -> dict[str, Any]:
        """What it goes on from."""
        return {
            "policy": self._policy.state_dict(), "optimizer": self._policy.optimizer.state_dict(),
            "steps": self.algorithm.num_timesteps,
        }  # fmt: skip

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self._policy.load_state_dict(state["policy"])
        restore_optimizer(self._policy.optimizer, state["optimizer"])
        self.algorithm.num_timesteps = int(state["steps"])

    def _layers(self) -> list[nn.Linear]:
        """Linear layers from the state to the mean of the actions."""
        policy, made = self._policy, self.algorithm
        body = getattr(getattr(policy, "mlp_extractor", None), "policy_net", None)
        head = getattr(policy, "action_net", None)
        plain = not made.use_sde and not policy.squash_output and isinstance(getattr(policy, "log_std", None), Tensor)
        if not (plain and isinstance(body, nn.Sequential) and isinstance(head, nn.Linear)):
            raise ConfigError(f"agent: {type(made).__name__} has another policy; {_NEEDS}")
        kinds = [type(layer) for layer in body]
        if kinds != [nn.Linear, nn.Tanh] * (len(kinds) // 2):
            raise ConfigError(f"agent: its policy has other layers than linear ones with tanh between; {_NEEDS}")
        return [*(layer for layer in body if isinstance(layer, nn.Linear)), head]


def _numbers(values: Tensor) -> NDArray[np.float32]:
    return values.detach().cpu().numpy().astype(np.float32)
