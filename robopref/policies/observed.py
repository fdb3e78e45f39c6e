"""Diffusion policy over action chunks that needs to know of a robot only what was recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from robopref.errors import DataError, unknown_name
from robopref.nets.action_scale import ActionScale
from robopref.nets.denoiser import EnergyDenoiser, NoiseDenoiser
from robopref.nets.feature_trunk import FeatureTrunk
from robopref.nets.parts_encoder import PartsEncoder
from robopref.policies.chunk_diffusion import ChunkDiffusion
from robopref.policy_shapes import PolicySpec
from robopref.records import Observation

if TYPE_CHECKING:
    from robopref.data.episodes.store import EpisodeStore


class ObservedPolicy(ChunkDiffusion):
    """Samples chunks of any actions from any mixture of clouds, pictures and vectors (Chi et al. 2023; Ze et al. 2024).

    Unlike `DiffusionPolicy` it does not relate actions to points in space, so it needs no geometry, and knows no
    symmetries. Actions come and go as they were recorded; within, each dimension goes from -1 to 1.

    Args:
        spec: What it is made for.
        observation: Names of the parts that it looks at; None takes all.
        history: Observations T that it sees, the newest last.
        horizon: Chunk horizon H.
        encoder: Builds the encoder from the shapes of parts and ``history``.
        denoiser: Builds the denoiser from ``trunk, shape, alphas``.
        train_steps: Noise levels of the squared-cosine schedule.
        sample_steps: DDIM steps when sampling.
        temperature: Standard deviation of the initial noise.
        likeliest: Chunks that are denoised for each one that is sampled, the likeliest.

    Raises:
        ConfigError: There is no part of that name, or a setting is out of range.
    """

    encoder: PartsEncoder
    scale: ActionScale
    geometry = None

    def __init__(
        self,
        spec: PolicySpec,
        *,
        observation: Sequence[str] | None = None,
        history: int = 1,
        horizon: int = 8,
        encoder: Callable[..., PartsEncoder] = PartsEncoder,
        denoiser: Callable[..., NoiseDenoiser] = EnergyDenoiser,
        train_steps: int = 100,
        sample_steps: int = 10,
        temperature: float = 1.0,
        likeliest: int = 1,
    ) -> None:
        super().__init__(
            (horizon, spec.actions), train_steps=train_steps, sample_steps=sample_steps, temperature=temperature,
            likeliest=likeliest,
        )  # fmt: skip
        names = tuple(dict.fromkeys(spec.shapes if observation is None else observation))
        for name in names:
            if name not in spec.shapes:
                raise unknown_name("part in policy.observation", name, spec.shapes)
        self.observes, self.history = names, history
        self.scale = ActionScale(spec.actions)
        self.encoder = encoder({name: tuple(spec.shapes[name]) for name in names}, history=history)
        trunk = partial(FeatureTrunk, self.shape, self.encoder.size)
        self.denoiser = denoiser(trunk=trunk, shape=self.shape, alphas=self.alphas.clone())

    @classmethod
    def for_store(cls, store: EpisodeStore, *, seed: int = 0, **settings: Any) -> ObservedPolicy:
        """An untrained policy for what was observed and done in recorded episodes.

        Args:
            store: Says what was observed.
            seed: Of the weights; the global randomness is left as it was.
            settings: As in the constructor.

        Raises:
            DataError: Nothing was observed, or there are no actions.
            ConfigError: A setting is out of range.
        """
        from robopref.data.episodes.policy_spec import recorded_spec  # what reads stores is for those who have one

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return cls(recorded_spec(store), **settings)

    def standardise(self, samples: Mapping[str, Tensor]) -> None:
        """Take statistics of everything that it observes, and the range of actions; they are saved with the weights.

        Args:
            samples: Recorded (S, ...) of each part, and ``action`` (S, A); some of the clouds and pictures suffice.

        Raises:
            DataError: Something is missing, or not finite.
        """
        if "action" not in samples:
            raise DataError(f"no recorded action, by which actions are scaled; there are {', '.join(samples)}")
        self.scale.fit(samples["action"])
        self.encoder.fit(samples)

    def varied(self, observation: Observation, generator: torch.Generator) -> Observation:
        """What was observed, with points of clouds left out and pictures moved at random."""
        return self.encoder.varied(observation, generator)
