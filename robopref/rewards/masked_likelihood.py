"""How far a policy's density of an action depends on what it sees, as a score that needs no labels."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from robopref.policies.abilities import observed_by
from robopref.policies.draws import CleanDraw
from robopref.protocols import DenoisingPolicy
from robopref.records import Observation
from robopref.rewards.likelihood import LikelihoodScore
from robopref.scores import NoiseDraw, Scores


class MaskedLikelihoodScore(nn.Module):
    """``log pi(a | s) - weight log pi(a | masked s)``: what seeing the state adds to an action's density.

    After the divergence of a prediction to one whose condition is masked (MG-Select, Jang et al. 2025), with the
    densities of an energy-based diffusion policy in place of those of tokens. A masked state has all its points in the
    origin; how the robot stands is left as it is.

    Args:
        policy: A policy with an energy, such as one with an `EnergyDenoiser`, that sees points.
        draws: Noise levels to take the energy at.
        weight: Of the masked density; 0 is `LikelihoodScore`.

    Raises:
        PolicyError: The policy has no energy.
        ConfigError: It has not these noise levels.
    """

    def __init__(self, policy: DenoisingPolicy, draws: CleanDraw | None = None, *, weight: float = 1.0) -> None:
        super().__init__()
        self.likelihood, self.weight = LikelihoodScore(policy, draws), weight

    @property
    def observes(self) -> tuple[str, ...]:
        """Parts of an observation that the policy looks at."""
        return observed_by(self.likelihood.policy)

    def score(self, observation: Observation, actions: Tensor, *, draw: NoiseDraw | None = None) -> Scores:
        """Score candidates; each state is encoded twice.

        Args:
            observation: What the policy observes, (B, ...) of each part.
            actions: (B, N, H, A).
            draw: Noise levels; None takes those of the constructor.

        Returns:
            (B, N) values, exact.
        """
        masked = replace(observation, points=torch.zeros_like(observation.points))
        seen, blind = (self.likelihood.score(one, actions, draw=draw).value for one in (observation, masked))
        return Scores(seen - self.weight * blind)
