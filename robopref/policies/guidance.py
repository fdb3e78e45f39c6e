"""Reward-free guidance between a policy and its preference-tuned copy at sampling time."""

from __future__ import annotations

import torch
from torch import Tensor

from robopref.errors import ConfigError
from robopref.nets.points import encoded_beside
from robopref.policies.chunk_diffusion import likeliest_of
from robopref.policies.likeliest import likeliest, likelihood
from robopref.protocols import DenoisingPolicy
from robopref.records import Observation


class GuidedPolicy:
    """Denoises with ``(1 - weight) eps_ref + weight eps_tuned`` (RLG, reinforcement-learning guidance, 2025).

    Tuning against a reference with strength beta makes ``pi_tuned ~ pi_ref exp(r / beta)``; the weight divides beta
    once more, after training: 0 is the reference, 1 the tuned policy, more goes on in the same direction. It is exact
    where noising leaves the tilt's form unchanged, as for Gaussians, and an approximation elsewhere: large weights
    leave the support of both.

    Args:
        reference: The policy before tuning.
        tuned: The same policy after it.
        weight: How far to go from one to the other.

    Raises:
        ConfigError: The policies have chunks, noise schedules or scales of actions that do not match, or the weight is
            not finite.
    """

    def __init__(self, reference: DenoisingPolicy, tuned: DenoisingPolicy, weight: float = 1.0) -> None:
        same_levels = reference.alphas.shape == tuned.alphas.shape and torch.equal(reference.alphas, tuned.alphas)
        if reference.shape != tuned.shape or not same_levels:
            raise ConfigError("guidance needs a reference and a tuned policy with the same chunks and noise schedule")
        ends = reference.alphas.new_tensor([[-1.0], [1.0]]).expand(2, reference.shape[1])
        if not torch.equal(reference.scale.outside(ends), tuned.scale.outside(ends)):
            raise ConfigError("guidance needs a reference and a tuned policy with the same scale of actions")
        if not -1e6 < weight < 1e6:
            raise ConfigError(f"the weight of guidance must be a finite number, got {weight}")
        self.reference, self.tuned, self.weight = reference, tuned, weight

    @torch.no_grad()
    def sample(self, observation: Observation, n: int, *, generator: torch.Generator) -> Tensor:
        """Sample candidate chunks; each model encodes the state once.

        Args:
            observation: What the policies observe, (B, ...) of each part.
            n: Candidates N a state.
            generator: Source of the initial noise.

        Returns:
            (B, N, H, A), as the reference samples them; of several, if it takes the likeliest of several, the one whose
            log-density, mixed by the weight as predictions are, is largest.

        Raises:
            ActionError: A sample is not finite.
        """
        before = self.reference.encoder(observation)
        after = encoded_beside(self.tuned.encoder, observation, self.reference.encoder, before)

        def predict(chunk: Tensor, timestep: Tensor) -> Tensor:
            # A lerp gives back its ends exactly, so weights 0 and 1 reproduce the two policies bit for bit.
            return torch.lerp(
                self.reference.denoiser(before, chunk, timestep).detach(),
                self.tuned.denoiser(after, chunk, timestep).detach(),
                self.weight,
            )

        if (k := likeliest_of(self.reference)) == 1:
            return self.reference.denoise(predict, before.batch, n, generator=generator)
        drawn = self.reference.denoise(predict, before.batch, n * k, generator=generator)
        ends = likelihood(self.reference, before, drawn), likelihood(self.tuned, after, drawn)
        return likeliest(drawn, torch.lerp(*ends, self.weight), k)
