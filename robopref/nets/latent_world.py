"""A world model in a latent space: where actions lead, what they earn, and what actors would do and critics expect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

from robopref.nets.parts_encoder import PartsEncoder
from robopref.nets.simplicial import SimNorm, StackedNormedMLP, normed_mlp
from robopref.nets.two_hot import TwoHot
from robopref.records import Observation

_SMALLEST = 1e-6  # entry of a latent whose logarithm is taken


class LatentEncoder(nn.Module):
    """Any mixture of clouds, pictures and vectors as one latent on simplices.

    Args:
        shapes: By name, the shape of each part of an observation.
        size: Entries Z of the latent.
        width: Of the hidden layer.
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], *, size: int = 64, width: int = 128) -> None:
        super().__init__()
        self.parts = PartsEncoder(shapes)
        self.trunk = nn.Sequential(normed_mlp((self.parts.size, width, size)), SimNorm(size))

    def forward(self, observation: Observation) -> Tensor:
        """Encode (B, ...) of each part as (B, Z)."""
        return self.trunk(self.parts(observation).vector)


class LatentWorld(nn.Module):
    """TD-MPC2's networks at the size of a processor (Hansen et al. 2024), with MoDem-V2's ensemble of actor-critics.

    Args:
        shapes: By name, the shape of each part of an observation.
        actions: Action dim A.
        latent: Entries Z of the latent.
        width: Of hidden layers.
        actors: Actors.
        critics: Critics E.
    """

    def __init__(
        self,
        shapes: Mapping[str, tuple[int, ...]],
        actions: int,
        *,
        latent: int = 64,
        width: int = 128,
        actors: int = 5,
        critics: int = 5,
    ) -> None:
        super().__init__()
        self.actions, self.latent = actions, latent
        self.numbers = TwoHot()
        self.encoder = LatentEncoder(shapes, size=latent, width=width)
        self.dynamics, self.simplices = normed_mlp((latent + actions, width, width, latent)), SimNorm(latent)
        self.reward = normed_mlp((latent + actions, width, width, self.numbers.bins))
        self.end = normed_mlp((latent, width, 1))
        self.actors = StackedNormedMLP(actors, (latent, width, width, actions))
        self.critics = StackedNormedMLP(critics, (latent + actions, width, width, self.numbers.bins), zero=True)
        self.vectors = {name: shape[0] for name, shape in shapes.items() if len(shape) == 1}
        self.decoder = normed_mlp((latent, width, sum(self.vectors.values()))) if self.vectors else None
        for network in (self.reward, self.dynamics):  # nothing is earned before something was, and nothing moves
            for parameter in network[-1].parameters():
                nn.init.zeros_(parameter)
        last = cast(nn.Linear, self.end[-1])
        nn.init.zeros_(last.weight)
        nn.init.constant_(last.bias, -4.0)  # nor is anything over

    def advance(self, latents: Tensor, actions: Tensor) -> Tensor:
        """Latents (..., Z) after actions (..., A).

        What is learnt is by how much logits change, ``softmax(log z + f(z, a))``, so that a world begins as one that
        stands still, which is hard to learn and near the truth within one action.
        """
        return self.simplices(latents.clamp(min=_SMALLEST).log() + self.dynamics(torch.cat([latents, actions], -1)))

    def earned(self, latents: Tensor, actions: Tensor) -> Tensor:
        """Expected rewards (...) of actions (..., A) at latents (..., Z)."""
        return self.numbers.decode(self.reward(torch.cat([latents, actions], -1)))

    def goes_on(self, latents: Tensor) -> Tensor:
        """Probability (...) that the task is not over at latents (..., Z)."""
        return torch.sigmoid(-self.end(latents)[..., 0])

    def act(self, latents: Tensor) -> Tensor:
        """What each actor would do, (actors, B, A) in [-1, 1], at its own latents (actors, B, Z) or at shared ones."""
        return torch.tanh(self.actors(latents))

    def judged(self, latents: Tensor, actions: Tensor) -> Tensor:
        """Logits (E, B, bins) of each critic for actions at latents, shared (B, ...) or its own (E, B, ...)."""
        return self.critics(torch.cat([latents, actions], -1))

    def decoded(self, latents: Tensor) -> Observation:
        """The vectors that are expected to be observed at latents (B, Z); clouds and pictures are not."""
        if self.decoder is None:
            return Observation()
        rows, parts = self.decoder(latents).split(list(self.vectors.values()), -1), self.encoder.parts
        return Observation.of({
            name: row * part.std + part.mean
            for name, row, part in zip(self.vectors, rows, (parts.part(name) for name in self.vectors), strict=True)
        })  # fmt: skip

    def standardised(self, observation: Observation) -> Tensor:
        """The vectors among the parts (B, ...), normalised and end to end, as the decoder has to give them."""
        parts = self.encoder.parts
        return torch.cat(
            [(observation.part(name) - parts.part(name).mean) / parts.part(name).std for name in self.vectors], -1
        )
