"""A latent world model in place of a simulator; its states are latents, and it says what is observed there."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from robopref.interaction import Outcome
from robopref.nets.latent_world import LatentWorld
from robopref.records import Observation


class LatentDynamics:
    """Foresees where chunks lead, what they earn, and the vectors that are observed there; no clouds, no pictures.

    Args:
        world: A trained world model.
    """

    def __init__(self, world: LatentWorld) -> None:
        self.world = world.eval()

    @property
    def observes(self) -> tuple[str, ...]:
        """Parts of an observation that it begins from."""
        return tuple(self.world.encoder.parts.shapes)

    @property
    def imagines(self) -> tuple[str, ...]:
        """Parts of an observation that it says something of afterwards."""
        return tuple(self.world.vectors)

    @property
    def device(self) -> torch.device:
        """Where it is computed."""
        return next(self.world.parameters()).device

    @torch.no_grad()
    def imagine(self, observation: Observation, chunks: Tensor) -> Observation:
        """Imagine what is observed after chunks.

        Args:
            observation: (B, ...) of each part that the world model observes.
            chunks: (B, N, H, A).

        Returns:
            (B, N, ...) of each vector among these.
        """
        count = chunks.shape[1]
        latents = self.world.encoder(observation).repeat_interleave(count, 0)
        after = self._carried_out(latents, chunks.flatten(0, 1))[0]
        return self.world.decoded(after).map(lambda part: part.unflatten(0, (-1, count)))

    @torch.no_grad()
    def advance(self, states: Sequence[Observation | Tensor], chunks: Tensor) -> Outcome:
        """Imagine (N, H, A) chunks, one from each of N states.

        Args:
            states: Observations of one state each, or latents (Z,) that an earlier call led to.
            chunks: What is carried out.

        Returns:
            Latents, what is observed there, the rewards on the way, and whether the task is rather over than not.
        """
        latents = torch.stack([
            state if isinstance(state, Tensor) else self._encoded(state, chunks.device) for state in states
        ])  # fmt: skip
        after, earned, going = self._carried_out(latents, chunks)
        return Outcome(list(after), self.world.decoded(after), earned, going < 0.5)

    def _encoded(self, state: Observation, device: torch.device) -> Tensor:
        return self.world.encoder(state.map(lambda part: torch.as_tensor(part, device=device)[None]))[0]

    def _carried_out(self, latents: Tensor, chunks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Latents (N, Z) after chunks, rewards (N,), and the probability (N,) that the task goes on."""
        earned, going = latents.new_zeros(len(latents)), latents.new_ones(len(latents))
        for action in chunks.unbind(1):
            earned = earned + going * self.world.earned(latents, action)
            latents = self.world.advance(latents, action)
            going = going * self.world.goes_on(latents)
        return latents, earned, going
