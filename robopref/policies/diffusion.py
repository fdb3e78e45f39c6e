"""Diffusion policy over action chunks, conditioned on a point cloud (Chi et al. 2023; Ze et al. 2024)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from robopref.errors import DataError
from robopref.nets.action_scale import SameScale
from robopref.nets.denoiser import ActionTrunk, EnergyDenoiser, NoiseDenoiser
from robopref.nets.points import StateEncoder
from robopref.policies.chunk_diffusion import ChunkDiffusion
from robopref.records import ActionGeometry

if TYPE_CHECKING:
    from robopref.data.episodes.store import EpisodeStore


class DiffusionPolicy(ChunkDiffusion):
    """Samples chunks of actions that name points in space, which it looks at the cloud from.

    Args:
        geometry: How actions name anchor points.
        proprio: Proprioception size D.
        horizon: Chunk horizon H.
        denoiser: Builds the denoiser from ``trunk, shape, alphas``.
        width: Token size C of the point encoder.
        points: Points that the encoder sees; an observation with more is thinned evenly.
        nodes: Points that actions are related to, at most `points`.
        train_steps: Noise levels T of the squared-cosine schedule.
        sample_steps: DDIM steps when sampling.
        temperature: Standard deviation of the initial noise.
        likeliest: Chunks that are denoised for each one that is sampled, the likeliest.

    Raises:
        ConfigError: A count that is out of range.
    """

    encoder: StateEncoder
    geometry: ActionGeometry
    observes = ("points", "proprio")
    history = 1

    def __init__(
        self,
        geometry: ActionGeometry,
        proprio: int,
        *,
        horizon: int = 1,
        denoiser: Callable[..., NoiseDenoiser] = EnergyDenoiser,
        width: int = 64,
        points: int = 96,
        nodes: int = 96,
        train_steps: int = 100,
        sample_steps: int = 10,
        temperature: float = 1.0,
        likeliest: int = 1,
    ) -> None:
        super().__init__(
            (horizon, geometry.matrix.shape[2]), train_steps=train_steps, sample_steps=sample_steps,
            temperature=temperature, likeliest=likeliest,
        )  # fmt: skip
        self.geometry, self.scale = geometry, SameScale()
        self.encoder = StateEncoder(geometry, proprio, width=width, points=points, nodes=nodes)
        trunk = partial(ActionTrunk, geometry, horizon=horizon, proprio=proprio, width=width)
        self.denoiser = denoiser(trunk=trunk, shape=self.shape, alphas=self.alphas.clone())

    @classmethod
    def for_store(cls, store: EpisodeStore, *, seed: int = 0, **settings: Any) -> DiffusionPolicy:
        """An untrained policy for what was observed and done in recorded episodes.

        Args:
            store: With ``proprio``, and a geometry in its attributes.
            seed: Of the weights; the global randomness is left as it was.
            settings: As in the constructor.

        Raises:
            DataError: The store does not say what its actions mean in space, or has no ``proprio``.
            ConfigError: A setting that is out of range.
        """
        from robopref.data.episodes.geometry import recorded_geometry  # what reads stores is for those who have one

        geometry = recorded_geometry(store)
        if "proprio" not in store.keys:
            raise DataError(
                f"{store.path} has no proprio, which a policy sees; it has {', '.join(store.keys) or 'no episodes'}"
            )
        proprio = store.array("proprio", 0, 0).shape[1]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return cls(geometry, proprio, **settings)

    def normalize(self, proprio: Tensor) -> None:
        """Take mean and standard deviation of proprioception (S, D)."""
        self.encoder.normalize(proprio)
