"""What diffusion policies of action chunks share: noise, denoising, and what scores are made of (Chi et al. 2023)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

from robopref.errors import ActionError, ConfigError
from robopref.nets.denoiser import WITH_ENERGY, EnergyDenoiser, NoiseDenoiser
from robopref.policies.draws import UniformDraw
from robopref.policies.likeliest import likeliest, likelihood
from robopref.records import Observation
from robopref.scores import Loss, NoiseDraw

if TYPE_CHECKING:
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler
    from diffusers.schedulers.scheduling_ddpm import DDPMScheduler


class Scale(Protocol):
    """Between recorded actions and those in [-1, 1] that are noised and denoised."""

    def inside(self, actions: Tensor) -> Tensor:
        """Recorded (..., A) as the denoiser knows them."""
        ...

    def outside(self, actions: Tensor) -> Tensor:
        """The inverse."""
        ...


class ChunkDiffusion(nn.Module):
    """Samples chunks of actions by denoising; the state is encoded once for all of them.

    Whoever inherits sets the attributes that have no value here. Actions come and go in recorded units.

    Args:
        shape: Of a chunk, (H, A).
        train_steps: Noise levels T of the squared-cosine schedule.
        sample_steps: DDIM steps when sampling.
        temperature: Standard deviation of the initial noise; below one, samples are nearer to the likeliest.
        likeliest: Chunks K that are denoised for each one that is sampled; the one that the policy itself finds
            likeliest is it.

    Attributes:
        encoder: From observations to what the denoiser sees of them; it knows mean and spread of proprioception.
        denoiser: Predicts the noise in noisy chunks.
        scale: Between recorded actions and those that are denoised, see `Scale`.
        geometry: How actions name anchor points, an `ActionGeometry`; None if that is not known.
        observes: Names of the parts of an observation that it looks at.
        history: Observations that it sees.

    Raises:
        ConfigError: A count that is out of range.
    """

    alphas: Tensor
    encoder: Any
    denoiser: NoiseDenoiser
    scale: Any
    geometry: Any
    observes: tuple[str, ...]
    history: int

    def __init__(
        self,
        shape: tuple[int, int],
        *,
        train_steps: int,
        sample_steps: int,
        temperature: float = 1.0,
        likeliest: int = 1,
    ) -> None:
        super().__init__()
        if not 1 <= sample_steps <= train_steps:
            raise ConfigError(f"sample_steps must be in [1, train_steps={train_steps}], got {sample_steps}")
        if shape[0] < 1:
            raise ConfigError(f"horizon must be at least 1, got {shape[0]}")
        if not 0 < temperature < 1e3:
            raise ConfigError(f"temperature must be positive and below 1000, got {temperature}")
        if likeliest < 1:
            raise ConfigError(f"likeliest must be at least 1, got {likeliest}")
        self.shape, self.sample_steps, self.temperature, self.likeliest = shape, sample_steps, temperature, likeliest
        self.noiser, self.sampler = schedulers(train_steps)
        self.register_buffer("alphas", self.noiser.alphas_cumprod.clone(), persistent=False)

    @property
    def proprio_mean(self) -> Tensor:
        """Mean (D,) of the proprioception that it was trained on; empty if it looks at none."""
        return self.encoder.proprio_mean

    @property
    def proprio_std(self) -> Tensor:
        """Standard deviation (D,) of the same."""
        return self.encoder.proprio_std

    def varied(self, observation: Observation, generator: torch.Generator) -> Observation:
        """What was observed as its loss sees it in training; here as it is."""
        del generator
        return observation

    @property
    def has_energy(self) -> bool:
        """Whether the denoiser is the gradient of an energy."""
        return isinstance(self.denoiser, EnergyDenoiser)

    def loss(self, observation: Observation, chunks: Tensor, generator: torch.Generator, *, draws: int = 2) -> Loss:
        """Weighted denoising error of demonstrated chunks (Ho et al. 2020, eq. 14, on actions).

        Args:
            observation: What it observes, (B, ...) of each part.
            chunks: (B, H, A).
            generator: Source of noise levels and noises.
            draws: Noise draws M a state; they share its encoding.

        Returns:
            Mean over states and draws.
        """
        # The noise is drawn first, so that what is varied leaves it as it is.
        draw = UniformDraw(draws, 0, len(self.alphas))(len(chunks), self.shape, generator)
        seen = self.varied(observation, generator) if self.training else observation
        error = self.denoising_error(self.encoder(seen), chunks[:, None], draw)[:, 0]
        total = (error * self.denoiser.weight(draw.timestep)).mean()
        return Loss(total, {"loss": total.detach()})

    def add_noise(self, actions: Tensor, draw: NoiseDraw) -> tuple[Tensor, Tensor]:
        """Noise every candidate at every draw.

        Args:
            actions: (B, K, H, A), recorded.
            draw: Shared by the K candidates of a state.

        Returns:
            Noisy chunks (B, K * M, H, A), as the denoiser knows them, and their timesteps (B, K * M).
        """
        count, draws = actions.shape[1], draw.timestep.shape[1]
        timestep = draw.timestep[:, None].expand(-1, count, -1)
        alpha = self.alphas[timestep][..., None, None]
        noisy = alpha.sqrt() * self.scale.inside(actions)[:, :, None] + (1 - alpha).sqrt() * _of_candidates(draw)
        return noisy.reshape(-1, count * draws, *self.shape), timestep.reshape(-1, count * draws)

    def denoising_error(self, state: Any, actions: Tensor, draw: NoiseDraw) -> Tensor:
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

    def energy(self, state: Any, actions: Tensor, draw: NoiseDraw) -> Tensor:
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
            raise ConfigError(f"the energy score needs a denoiser that has an energy, {WITH_ENERGY}")
        noisy, timestep = self.add_noise(actions, draw)
        return self.denoiser.energy(state, noisy, timestep).unflatten(1, (actions.shape[1], -1))

    @torch.no_grad()
    def sample(self, observation: Observation, n: int, *, generator: torch.Generator) -> Tensor:
        """Sample candidate chunks (DDIM, Song et al. 2021, eta 0).

        Args:
            observation: What it observes, (B, ...) of each part.
            n: Candidates N a state.
            generator: Source of the initial noise.

        Returns:
            (B, N, H, A), within what was recorded, or [-1, 1].

        Raises:
            ActionError: A sample is not finite.
        """
        state, k = self.encoder(observation), self.likeliest
        drawn = self.denoise(
            lambda chunk, timestep: self.denoiser(state, chunk, timestep), state.batch, n * k, generator=generator
        )
        return drawn if k == 1 else likeliest(drawn, likelihood(self, state, drawn), k)

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
            (B, N, H, A), within what was recorded, or [-1, 1].

        Raises:
            ActionError: A sample is not finite.
        """
        chunk = self.temperature * torch.randn(batch, n, *self.shape, generator=generator, device=generator.device)
        return self.scale.outside(denoised(self.sampler, self.sample_steps, predict, chunk))


def temperature_of(policy: object) -> float:
    """Of the noise that a policy draws its samples from; 1 of one that has none."""
    return policy.temperature if isinstance(policy, ChunkDiffusion) else 1.0


def likeliest_of(policy: object) -> int:
    """How many chunks a policy denoises for each one that it samples; 1 of one that does not choose."""
    return policy.likeliest if isinstance(policy, ChunkDiffusion) else 1


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
