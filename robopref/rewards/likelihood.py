"""A policy's own likelihood as a score; it needs no labels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from robopref.errors import ConfigError, PolicyError
from robopref.nets.denoiser import WITH_ENERGY
from robopref.policies.abilities import is_denoising, observed_by
from robopref.policies.draws import CleanDraw
from robopref.protocols import DenoisingPolicy
from robopref.records import Observation
from robopref.scores import NoiseDraw, Scores


class LikelihoodScore(nn.Module):
    """``log pi(a | s)`` of an energy-based diffusion policy, up to a constant of the state.

    Scoring the demonstrations' policy says what preferences add beyond taking its most likely sample; scoring a
    preference-tuned policy is an implicit reward without a reference, ``beta log pi`` with beta 1.

    Args:
        policy: A policy with an energy, such as one with an `EnergyDenoiser`.
        draws: Noise levels to take the energy at.

    Raises:
        PolicyError: The policy has no energy.
        ConfigError: It has not these noise levels.
    """

    def __init__(self, policy: DenoisingPolicy, draws: CleanDraw | None = None) -> None:
        super().__init__()
        if not (is_denoising(policy) and policy.has_energy):
            raise PolicyError(f"a likelihood score needs a policy whose denoiser has an energy, {WITH_ENERGY}")
        self.policy, self.draws = policy, draws or CleanDraw()
        if self.draws.upper > len(policy.alphas):
            raise ConfigError(
                f"noise levels up to {self.draws.upper - 1} were asked for, the policy has {len(policy.alphas)}"
            )

    @property
    def horizon(self) -> int:
        """Actions of a chunk H."""
        return self.policy.shape[0]

    @property
    def observes(self) -> tuple[str, ...]:
        """Parts of an observation that the policy looks at."""
        return observed_by(self.policy)

    def score(self, observation: Observation, actions: Tensor, *, draw: NoiseDraw | None = None) -> Scores:
        """Score candidates; the state is encoded once.

        Args:
            observation: What the policy observes, (B, ...) of each part.
            actions: (B, N, H, A).
            draw: Noise levels; None takes those of the constructor.

        Returns:
            (B, N) values, exact.
        """
        generator = torch.Generator(actions.device)
        draw = draw or self.draws(len(actions), self.policy.shape, generator)
        energy = self.policy.energy(self.policy.encoder(observation), actions, draw)
        return Scores(-draw.weighted(energy).mean(dim=-1))
