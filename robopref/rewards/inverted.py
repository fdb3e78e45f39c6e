"""Training an implicit reward on the noise that its policy would have started from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from robopref.errors import ConfigError
from robopref.policies.chunk_diffusion import ChunkDiffusion
from robopref.policies.inversion import invert
from robopref.records import Observation
from robopref.rewards.implicit import ImplicitReward
from robopref.scores import NoiseDraw, Scores


class InvertedReward(nn.Module):
    """While training, replaces the noise of every draw by the one that inverting the sampler finds (DDIM-InPO, 2025).

    Random noise asks how well a policy denoises actions that it would never have come by; inverted noise asks on its
    own sampling path, so that few steps of training suffice. The levels stay those of the draw. In evaluation, the
    reward scores as ever.

    Args:
        policy: The policy to tune.
        reward: Builds the implicit reward of the policy; with ``cost="error"``.
        steps: Steps of the inversion, denoiser calls without gradient.

    Raises:
        ConfigError: The reward scores by energies.
    """

    def __init__(
        self, policy: ChunkDiffusion, reward: Callable[[ChunkDiffusion], ImplicitReward], *, steps: int = 5
    ) -> None:
        super().__init__()
        self.reward, self.steps = reward(policy), steps
        if self.reward.cost != "error":
            raise ConfigError("inverted noise is for rewards of denoising errors, cost='error'; energies take none")

    @property
    def parts(self) -> tuple[ImplicitReward]:
        """The reward whose noise is inverted."""
        return (self.reward,)

    @property
    def horizon(self) -> int:
        """Actions of a chunk H."""
        return self.reward.horizon

    @property
    def observes(self) -> tuple[str, ...]:
        """Parts of an observation that the policy looks at."""
        return self.reward.observes

    def score(self, observation: Observation, actions: Tensor, *, draw: NoiseDraw | None = None) -> Scores:
        """Score candidates.

        Args:
            observation: What the policy observes, (B, ...) of each part.
            actions: (B, N, H, A).
            draw: Noise levels and, in evaluation, noises; None takes the reward's own.

        Returns:
            (B, N) values, as the reward gives them.
        """
        if self.training:
            draw = self.reward.fixed_draw(actions) if draw is None else draw
            draw = replace(draw, noise=self._inverted(observation, actions, draw))
        return self.reward.score(observation, actions, draw=draw)

    def _inverted(self, observation: Observation, actions: Tensor, draw: NoiseDraw) -> Tensor:
        policy, count, draws = self.reward.policy, actions.shape[1], draw.timestep.shape[1]
        repeated = actions[:, :, None].expand(-1, -1, draws, -1, -1).flatten(1, 2)
        timestep = draw.timestep[:, None].expand(-1, count, -1).flatten(1)
        with torch.no_grad():
            state = policy.encoder(observation)
        noise = invert(policy, state, repeated, timestep, steps=self.steps)
        return noise.unflatten(1, (count, draws))
