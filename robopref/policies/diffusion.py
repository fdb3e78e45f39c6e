"""Diffusion policy over action chunks, conditioned on a point cloud (Chi et al. 2023; Ze et al. 2024)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from robopref.errors import ActionError, ConfigError, DataError
from robopref.nets.denoiser import EnergyDenoiser, NoiseDenoiser
from robopref.nets.points import Encoding, StateEncoder
from robopref.policies.draws import UniformDraw
from robopref.records import ActionGeometry, Observation
from robopref.scores import Loss, NoiseDraw

if TYPE_CHECKING:
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler
    from diffusers.schedulers.scheduling_ddpm import DDPMScheduler

    from robopref.data.episodes.store import EpisodeStore


class DiffusionPolicy(nn.Module):
    """Samples chunks of actions by denoising; the state is encoded once for all of them.

    Args:
        geometry: How actions name anchor points.
        proprio: Proprioception size D.
        horizon: Chunk horizon H.
        denoiser: Builds the denoiser from ``geometry, horizon, proprio, width, alphas``.
        width: Token size C of the point encoder.
        points: Points that the encoder sees; an observation with more is thinned evenly.
        nodes: Points that actions are related to, at most `points`.
        train_steps: Noise levels T of the squared-cosine schedule.
        sample_steps: DDIM steps when sampling.

    Raises:
        ConfigError: A count that is out of range.
    """

    alphas: Tensor

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
    ) -> None:
        super().__init__()
        if not 1 <= sample_steps <= train_steps:
            raise ConfigError(f"sample_steps must be in [1, train_steps={train_steps}], got {sample_steps}")
        if horizon < 1:
            raise ConfigError(f"horizon must be at least 1, got {horizon}")
        self.geometry, self.sample_steps = geometry, sample_steps
        self.shape = (horizon, geometry.matrix.shape[2])
        self.noiser, self.sampler = schedulers(train_steps)
        self.register_buffer("alphas", self.noiser.alphas_cumprod.clone(), persistent=False)
        self.encoder = StateEncoder(geometry, proprio, width=width, points=points, nodes=nodes)
        self.denoiser = denoiser(
            geometry=geometry, horizon=horizon, proprio=proprio, width=width, alphas=self.noiser.alphas_cumprod.clone()
        )

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

    @property
    def has_energy(self) -> bool:
        """Whether the denoiser is the gradient of an energy."""
        return isinstance(self.denoiser, EnergyDenoiser)

    @property
    def proprio_mean(self) -> Tensor:
        """Mean (D,) of the proprioception that it was trained on."""
        return self.encoder.proprio_mean

    @property
    def proprio_std(self) -> Tensor:
        """Standard deviation (D,) of the proprioception that it was trained on."""
        return self.encoder.proprio_std

    def normalize(self, proprio: Tensor) -> None:
        """Take mean and standard deviation of proprioception (S, D)."""
        self.encoder.normalize(proprio)

    def loss(self, observation: Observation, chunks: Tensor, generator: torch.Generator, *, draws: int = 2) -> Loss:
        """Weighted denoising error of demonstrated chunks (Ho et al. 2020, eq. 14, on actions).

        Args:
            observation: points (B, P, 3), proprio (B, D).
            chunks: (B, H, A).
            generator: Source of noise levels and noises.
            draws: Noise draws M a state; they share its encoding.

        Returns:
            Mean over states and draws.
        """
        draw = UniformDraw(draws, 0, len(self.alphas))(len(chunks), self.shape, generator)
        error = self.denoising_error(self.encoder(observation), chunks[:, None], draw)[:, 0]
        total = (error * self.denoiser.weight(draw.timestep)).mean()
        return Loss(total, {"loss": total.detach()})

    def add_noise(self, actions: Tensor, draw: NoiseDraw) -> tuple[Tensor, Tensor]:
        """Noise every candidate at every draw.

        Args:
            actions: (B, K, H, A).
            draw: Shared by the K candidates of a state.

        Returns:
            Noisy chunks (B, K * M, H, A) and their timesteps (B, K * M).
        """
        count, draws = actions.shape[1], draw.timestep.shape[1]
        timestep = draw.timestep[:, None].expand(-1, count, -1)
        alpha = self.alphas[timestep][..., None, None]
        noisy = alpha.sqrt() * actions[:, :, None] + (1 - alpha).sqrt() * _of_candidates(draw)
        return noisy.reshape(-1, count * draws, *self.shape), timestep.reshape(-1, count * draws)

    def denoising_error(self, state: Encoding, actions: Tensor, draw: NoiseDraw) -> Tensor:
        """Squared error of the predicted noise, mean over the chunk (Ho et al. 2020, eq. 14).

        Args:
            state: Encoded states.
            actions: (B, K, H, A).
            draw: Noise levels and noises.

        Returns:
            (B, K, M).
        """
        noisy, timestep = self.add_noise(actions, draw)
        predicted = self.denoiser(state, noisy, timestep).unflatten(1, (actions.shape[1], -1))
        return (predicted - _of_candidates(draw)).square().mean((-1, -2))

    def energy(self, state: Encoding, actions: Tensor, draw: NoiseDraw) -> Tensor:
        """Energy of noisy candidates, the negative log-density up to a constant of the state.

        Args:
            state: Encoded states.
            actions: (B, K, H, A).
            draw: Noise levels and noises.

        Returns:
            (B, K, M).

        Raises:
            ConfigError: The denoiser has no energy.
        """
        if not isinstance(self.denoiser, EnergyDenoiser):
            raise ConfigError(
                f"the energy score needs policy.denoiser=EnergyDenoiser, this policy has {type(self.denoiser).__name__}"
            )
        noisy, timestep = self.add_noise(actions, draw)
        return self.denoiser.energy(state, noisy, timestep).unflatten(1, (actions.shape[1], -1))

    @torch.no_grad()
    def sample(self, observation: Observation, n: int, *, generator: torch.Generator) -> Tensor:
        """Sample candidate chunks (DDIM, Song et al. 2021, eta 0).

        Args:
            observation: points (B, P, 3), proprio (B, D).
            n: Candidates N a state.
            generator: Source of the initial noise.

        Returns:
            (B, N, H, A) in [-1, 1].

        Raises:
            ActionError: A sample is not finite.
        """
        state = self.encoder(observation)
        return self.denoise(
            lambda chunk, timestep: self.denoiser(state, chunk, timestep), len(state.nodes), n, generator=generator
        )

    @torch.no_grad()
    def denoise(
        self, predict: Callable[[Tensor, Tensor], Tensor], batch: int, n: int, *, generator: torch.Generator
    ) -> Tensor:
        """Turn noise into chunks with any prediction of the noise.

        Args:
            predict: From (B, N, H, A) noisy chunks and their (B, N) timesteps to the noise in them.
            batch: States B.
            n: Chunks N a state.
            generator: Source of the initial noise.

        Returns:
            (B, N, H, A) in [-1, 1].

        Raises:
            ActionError: A sample is not finite.
        """
        chunk = torch.randn(batch, n, *self.shape, generator=generator, device=generator.device)
        return denoised(self.sampler, self.sample_steps, predict, chunk)


def schedulers(train_steps: int) -> tuple[DDPMScheduler, DDIMScheduler]:
    """What adds noise and what takes it off again, on a squared-cosine schedule of T noise levels."""
    # They take as long to load as torch does, which commands that need no policy should not wait for.
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler
    from diffusers.schedulers.scheduling_ddpm import DDPMScheduler

    schedule: dict[str, Any] = {"num_train_timesteps": train_steps, "beta_schedule": "squaredcos_cap_v2"}
    return DDPMScheduler(**schedule), DDIMScheduler(
        **schedule, clip_sample=True, set_alpha_to_one=True, timestep_spacing="trailing"
    )


def denoised(sampler: DDIMScheduler, steps: int, predict: Callable[[Tensor, Tensor], Tensor], chunk: Tensor) -> Tensor:
    """Turn noise into chunks (DDIM, Song et al. 2021, eta 0).

    Args:
        sampler: Takes noise off.
        steps: In how many steps.
        predict: From (B, N, H, A) noisy chunks and their (B, N) timesteps to the noise in them.
        chunk: (B, N, H, A) noise.

    Returns:
        (B, N, H, A) in [-1, 1].

    Raises:
        ActionError: A sample is not finite.
    """
    sampler.set_timesteps(steps)
    for timestep in sampler.timesteps.tolist():
        level = torch.full(chunk.shape[:2], timestep, device=chunk.device)
        noise = predict(chunk, level).detach()
        chunk = sampler.step(noise, timestep, chunk, use_clipped_model_output=True, return_dict=False)[0]
    if not torch.isfinite(chunk).all():
        raise ActionError("the policy sampled actions that are not finite; its weights or observations are damaged")
    return chunk.clamp(-1, 1)


def _of_candidates(draw: NoiseDraw) -> Tensor:
    """The noise with a dimension of candidates, (B, 1 or K, M, H, A)."""
    return draw.noise if draw.noise.dim() == 5 else draw.noise[:, None]
