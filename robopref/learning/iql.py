"""Implicit Q-learning (Kostrikov, Nair and Levine 2022): never asks what an action that is not in the data is worth."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from robopref.data.episodes.transitions import Transitions
from robopref.errors import ConfigError
from robopref.learning.cuda_graph import Captured
from robopref.learning.offline import (
    ActorSteps,
    Batch,
    OfflineConfig,
    TransitionBatches,
    adam,
    checked_seeds,
    descend,
    described,
    of_seeds,
)
from robopref.learning.optimizer_state import restore_optimizer
from robopref.nets.stacked import part, use_tapes
from robopref.nets.state import StateInputs, StateNetwork
from robopref.objectives.implicit_q import advantage_weights, expectile_loss, td_loss
from robopref.policies.gaussian import GaussianPolicy
from robopref.rewards.critic import CriticScore


@dataclass(frozen=True)
class ImplicitQ:
    """What IQL adds to the settings of offline learning; defaults are those for locomotion.

    Attributes:
        expectile: tau of the value's loss: 0.5 evaluates the behaviour, near 1 takes the best action of the data.
        temperature: beta of the actor's weights, the paper's inverse temperature.
        discount: gamma.
        target_rate: How much of the critics goes into the target network each step.
        largest_weight: Bound of the actor's weights.
        critics: How many; the least of their values counts.
        actor: Whether a Gaussian actor is trained as well; without it, a diffusion policy of the behaviour proposes
            actions and the critics choose (IDQL, Hansen-Estruch et al. 2023).

    Raises:
        ConfigError: A value is out of range.
    """

    expectile: float = 0.7
    temperature: float = 3.0
    discount: float = 0.99
    target_rate: float = 0.005
    largest_weight: float = 100.0
    critics: int = 2
    actor: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.expectile < 1:
            raise ConfigError(f"expectile must be in (0, 1), got {self.expectile}")
        if not self.temperature >= 0:
            raise ConfigError(f"temperature must not be negative, got {self.temperature}")
        if not 0 <= self.discount <= 1:
            raise ConfigError(f"discount must be in [0, 1], got {self.discount}")
        if not 0 < self.target_rate <= 1:
            raise ConfigError(f"target_rate must be in (0, 1], got {self.target_rate}")
        if not self.largest_weight > 0:
            raise ConfigError(f"largest_weight must be positive, got {self.largest_weight}")
        if self.critics < 1:
            raise ConfigError(f"critics must be at least 1, got {self.critics}")


class ImplicitQLearning:
    """Value, critics, target critics and actors of S seeds; trained by `robopref.learning.loop.train`.

    A step goes in the order of the paper and of its released code: the value; the actor, by the advantage over the new
    value; the critics, towards the new value; the target network. CORL takes the old value for both, which saves a
    pass.

    Args:
        data: What to learn from.
        config: How to train.
        settings: Of IQL.
        seeds: One a network.
        device: Where.
    """

    def __init__(
        self,
        data: Transitions,
        config: OfflineConfig,
        settings: ImplicitQ | None = None,
        *,
        seeds: Sequence[int] = (0,),
        device: torch.device | str = "cpu",
    ) -> None:
        self.settings, self.config, self.seeds = settings or ImplicitQ(), config, checked_seeds(seeds)
        self.device = torch.device(device)
        inputs, actions = data.vector.shape[1], data.action.shape[1]
        encoder = config.encoder if data.points is not None else ()

        def build_value() -> StateNetwork:
            return StateNetwork(inputs, 1, hidden=config.hidden, encoder=encoder)

        def build_critic() -> StateNetwork:
            return StateNetwork(
                inputs, 1, extra=actions, heads=self.settings.critics, hidden=config.hidden, encoder=encoder
            )

        self.batches = TransitionBatches(data, config, self.seeds, self.device)
        self.actor = ActorSteps(data, config, self.seeds, self.device) if self.settings.actor else None
        self.value = of_seeds(build_value, [seed + 1_000_003 for seed in self.seeds]).to(self.device)
        self.critic = of_seeds(build_critic, [seed + 2_000_006 for seed in self.seeds]).to(self.device)
        self.target = deepcopy(self.critic).requires_grad_(False)
        for network in (self.value, self.critic, self.target):
            use_tapes(network)
        self.value_optimizer = adam(self.value, config.learning_rate)
        self.critic_optimizer = adam(self.critic, config.learning_rate)
        self.origin = described(data, config, self.settings)
        self.captured = Captured(self.update)

    def advance(self, step: int, *, due: bool) -> dict[str, Tensor]:
        """Take one step; see `robopref.learning.loop.Trainee`."""
        del due
        if self.actor is not None:
            self.actor.prepare(step)
        return self.captured(self.batches(step))

    def update(self, batch: Batch) -> dict[str, Tensor]:
        """One update of everything from one batch.

        Args:
            batch: Transitions of each seed.

        Returns:
            Named losses, means over seeds.
        """
        settings, terms = self.settings, dict[str, Tensor]()
        with torch.no_grad():
            q = self._of_actions(self.target, batch).amin(1)
        value = self._values(batch.inputs)
        terms["value_loss"] = descend(self.value_optimizer, expectile_loss(value, q, settings.expectile))
        with torch.no_grad():
            value, next_value = self._values(batch.both).chunk(2, dim=1)
        if self.actor is not None:
            weight = advantage_weights(q - value, settings.temperature, largest=settings.largest_weight)
            terms["actor_loss"] = self.actor.step(batch, weight)
        discount = settings.discount * batch.ongoing
        loss = td_loss(self._of_actions(self.critic, batch), batch.reward, discount, next_value)
        terms["critic_loss"] = descend(self.critic_optimizer, loss)
        with torch.no_grad():
            torch._foreach_lerp_(  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]
                list(self.target.parameters()), list(self.critic.parameters()), settings.target_rate
            )
        terms["value"] = value.mean()
        return terms

    def policy(self, index: int = 0) -> GaussianPolicy:
        """The policy of one seed.

        Raises:
            ConfigError: There is no actor.
        """
        if self.actor is None:
            raise ConfigError("there is no actor, only critics; let them choose among samples of a diffusion policy")
        return GaussianPolicy(deepcopy(self.batches.normalizer), part(self.actor.actor, index, len(self.seeds))).eval()

    def critics(self, index: int = 0) -> CriticScore:
        """The target critics of one seed, which score candidate actions."""
        return CriticScore(deepcopy(self.batches.normalizer), part(self.target, index, len(self.seeds))).eval()

    def state(self) -> dict[str, Any]:
        """Everything that the next step depends on."""
        return {name: held.state_dict() for name, held in self._held().items()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        for name, held in self._held().items():
            if isinstance(held, torch.optim.Optimizer):
                restore_optimizer(held, state[name])
            else:
                held.load_state_dict(state[name])

    def _held(self) -> dict[str, Any]:
        held = {
            "value": self.value, "critic": self.critic, "target": self.target,
            "value_optimizer": self.value_optimizer, "critic_optimizer": self.critic_optimizer,
        }  # fmt: skip
        if self.actor is not None:
            held |= {"actor": self.actor.actor, "actor_optimizer": self.actor.optimizer}
        return held

    def _values(self, inputs: StateInputs) -> Tensor:
        return self.value(self.value.features(inputs))[:, 0, :, 0]

    @staticmethod
    def _of_actions(critic: StateNetwork, batch: Batch) -> Tensor:
        return critic(critic.features(batch.inputs), batch.action)[..., 0]
