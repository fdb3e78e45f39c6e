"""A diffusion policy of single actions, for states and for clouds, several seeds of which train at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from robopref.errors import ConfigError
from robopref.nets.denoiser import TIME_FEATURES, time_features
from robopref.nets.state import StateInputs, StateNetwork, StateNormalizer
from robopref.policies.chunk_diffusion import denoised, schedulers


class DiffusionActor(nn.Module):
    """Predicts the noise in an action.

    Args:
        inputs: Numbers of a state's vector V.
        actions: Action size A.
        hidden: Sizes of the hidden layers.
        encoder: Sizes of the layers of the point encoder; empty for states without a cloud.
        levels: Noise levels of the squared-cosine schedule.
    """

    alphas: Tensor

    def __init__(
        self,
        inputs: int,
        actions: int,
        *,
        hidden: Sequence[int] = (256, 256),
        encoder: Sequence[int] = (),
        levels: int = 100,
    ) -> None:
        super().__init__()
        self.settings: dict[str, Any] = {
            "inputs": inputs, "actions": actions, "hidden": list(hidden), "encoder": list(encoder), "levels": levels,
        }  # fmt: skip
        self.network = StateNetwork(inputs, actions, extra=actions + TIME_FEATURES, hidden=hidden, encoder=encoder)
        self.register_buffer("alphas", schedulers(levels)[0].alphas_cumprod.clone())

    def forward(self, features: Tensor, noisy: Tensor, level: Tensor, masks: Sequence[Tensor] = ()) -> Tensor:
        """Predict noise.

        Args:
            features: (S, B, F) of the network's encoder.
            noisy: (S, B, A).
            level: (S, B) integer noise levels.
            masks: Of dropout.

        Returns:
            (S, B, A).
        """
        return self.network(features, torch.cat([noisy, time_features(level)], dim=-1), masks)[:, 0]

    def denoising_error(
        self, inputs: StateInputs, action: Tensor, noise: Tensor, level: Tensor, masks: Sequence[Tensor] = ()
    ) -> Tensor:
        """Squared error of the predicted noise, mean over an action (Ho et al. 2020, eq. 14).

        Args:
            inputs: States.
            action: (S, B, A).
            noise: (S, B, A) standard normal.
            level: (S, B) integer noise levels.
            masks: Of dropout.

        Returns:
            (S, B).
        """
        alpha = self.alphas[level][..., None]
        noisy = alpha.sqrt() * action + (1 - alpha).sqrt() * noise
        return (self(self.network.features(inputs), noisy, level, masks) - noise).square().mean(-1)


class BehaviourPolicy(nn.Module):
    """A trained diffusion actor together with the normalisation of its observations.

    Args:
        normalizer: From observations to inputs.
        actor: Of one seed.
        steps: DDIM steps when sampling.

    Raises:
        ConfigError: There are more steps than noise levels, or none.
    """

    def __init__(self, normalizer: StateNormalizer, actor: DiffusionActor, *, steps: int = 10) -> None:
        super().__init__()
        if not 1 <= steps <= len(actor.alphas):
            raise ConfigError(f"denoising steps must be in [1, {len(actor.alphas)}], the noise levels, got {steps}")
        self.normalizer, self.actor, self.steps = normalizer, actor, steps
        self.sampler = schedulers(len(actor.alphas))[1]

    @property
    def settings(self) -> dict[str, Any]:
        """What it was made with, in plain values."""
        return {"normalizer": self.normalizer.settings, "actor": self.actor.settings, "steps": self.steps}

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> BehaviourPolicy:
        """An untrained policy of such settings."""
        normalizer, actor = StateNormalizer(**settings["normalizer"]), DiffusionActor(**settings["actor"])
        return cls(normalizer, actor, steps=settings["steps"])

    @torch.no_grad()
    def sample(self, observation: object, n: int, *, generator: torch.Generator) -> Tensor:
        """Sample chunks of one action; the first of many are those that fewer would have been.

        Args:
            observation: See `StateNormalizer`.
            n: Chunks N a state.
            generator: Source of the initial noise.

        Returns:
            (B, N, 1, A) in [-1, 1].

        Raises:
            ActionError: A sample is not finite.
        """
        features = self.actor.network.features(self.normalizer(observation))
        batch, size = features.shape[1], self.actor.network.head.weights[-1].shape[2]
        drawn = [torch.randn(batch, 1, size, generator=generator, device=generator.device) for _ in range(n)]
        repeated = features.repeat_interleave(n, dim=1)

        def predict(chunk: Tensor, level: Tensor) -> Tensor:
            return self.actor(repeated, chunk.flatten(0, 2)[None], level.flatten()[None])[0].view(chunk.shape)

        return denoised(self.sampler, self.steps, predict, torch.stack(drawn, dim=1).to(features.device))

    @torch.no_grad()
    def act(self, observation: object) -> Tensor:
        """One sample (B, A) with a fixed noise, for when no critics choose."""
        return self.sample(observation, 1, generator=torch.Generator().manual_seed(0))[:, 0, 0]
