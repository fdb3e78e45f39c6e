"""Which noise levels and noises a diffusion score is evaluated on."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from robopref.errors import ConfigError
from robopref.scores import NoiseDraw


class UniformDraw:
    """Independent uniform noise levels and normal noise (Wallace et al. 2024, Diffusion-DPO).

    Args:
        count: Draws M.
        lower: Lowest timestep.
        upper: One past the highest timestep; 10 of 100 is DeformPAM's choice at inference.

    Raises:
        ConfigError: No draws, or an empty range.
    """

    def __init__(self, count: int, lower: int = 0, upper: int = 100) -> None:
        if count < 1:
            raise ConfigError(f"a noise draw needs count >= 1, got {count}")
        if not 0 <= lower < upper:
            raise ConfigError(f"a noise draw needs 0 <= lower < upper, got lower={lower}, upper={upper}")
        self.count, self.lower, self.upper = count, lower, upper

    def __call__(self, batch: int, shape: Sequence[int], generator: torch.Generator) -> NoiseDraw:
        """Draw for a batch.

        Args:
            batch: Number of states B.
            shape: Shape of a chunk, (H, A).
            generator: Source of randomness; its device is the draw's.

        Returns:
            A draw of M noise levels for each state.
        """
        timestep = torch.randint(
            self.lower, self.upper, (batch, self.count), generator=generator, device=generator.device
        )
        noise = torch.randn(batch, self.count, *shape, generator=generator, device=generator.device)
        return NoiseDraw(timestep, noise, _even(self.count, generator))


class StratifiedDraw(UniformDraw):
    """One noise level from each of M/2 equal strata, each with a noise and its negative.

    Strata remove the variance that comes from which levels happened to be drawn; antithetic noise removes all that is
    odd in the noise. Arguments are those of `UniformDraw`; an odd count leaves the last noise without its negative.
    """

    def __call__(self, batch: int, shape: Sequence[int], generator: torch.Generator) -> NoiseDraw:
        """Draw for a batch; see `UniformDraw`."""
        device, strata = generator.device, (self.count + 1) // 2
        jitter = torch.rand(batch, strata, generator=generator, device=device)
        level = (torch.arange(strata, device=device) + jitter) / strata
        timestep = (self.lower + level * (self.upper - self.lower)).long().clamp(max=self.upper - 1)
        noise = torch.randn(batch, strata, *shape, generator=generator, device=device)
        return NoiseDraw(
            torch.cat([timestep, timestep], dim=1)[:, : self.count],
            torch.cat([noise, -noise], dim=1)[:, : self.count],
            _even(self.count, generator),
            "stratified",
        )


class ImportanceDraw(UniformDraw):
    """Independent noise levels, each as likely as it matters, weighed so that the mean is that of uniform levels.

    The variance of a score is least if a level is drawn in proportion to the root mean square of its weighted error
    gap; `rewards.implicit.level_importance` measures it.

    Args:
        count: Draws M.
        importance: (T,) of each noise level, not negative, in any unit; levels of zero are never drawn, so their gap
            must be zero too.

    Raises:
        ConfigError: No draws, or an importance that is negative, not finite, or zero everywhere.
    """

    def __init__(self, count: int, importance: Sequence[float]) -> None:
        super().__init__(count, 0, len(importance) if len(importance) else 1)
        share = torch.as_tensor(importance, dtype=torch.float64)
        if share.numel() == 0 or not bool(torch.isfinite(share).all()) or float(share.min()) < 0 or share.sum() <= 0:
            raise ConfigError(f"importance must be numbers >= 0, one of them positive, got {list(importance)[:5]}...")
        self.share = (share / share.sum()).tolist()

    def __call__(self, batch: int, shape: Sequence[int], generator: torch.Generator) -> NoiseDraw:
        """Draw for a batch; see `UniformDraw`."""
        device = generator.device
        share = torch.tensor(self.share, device=device)
        timestep = torch.multinomial(share.expand(batch, -1), self.count, replacement=True, generator=generator)
        noise = torch.randn(batch, self.count, *shape, generator=generator, device=device)
        return NoiseDraw(timestep, noise, 1 / (share[timestep] * len(self.share) * self.count))


class CleanDraw(UniformDraw):
    """The action itself at one or more fixed noise levels, without noise.

    For scores that are exact in one pass, such as energies; a denoising error without noise says nothing.

    Args:
        timesteps: Noise levels.

    Raises:
        ConfigError: No noise level, or a negative one.
    """

    def __init__(self, timesteps: Sequence[int] = (2,)) -> None:
        levels = tuple(timesteps)
        if not levels or min(levels) < 0:
            raise ConfigError(f"a clean draw needs noise levels >= 0, got {levels}")
        super().__init__(len(levels), 0, max(levels) + 1)
        self.timesteps = levels

    def __call__(self, batch: int, shape: Sequence[int], generator: torch.Generator) -> NoiseDraw:
        """Draw for a batch; see `UniformDraw`."""
        device = generator.device
        timestep = torch.tensor(self.timesteps, device=device).expand(batch, -1)
        noise = torch.zeros(batch, self.count, *shape, device=device)
        return NoiseDraw(timestep, noise, _even(self.count, generator), "exact")


def _even(count: int, generator: torch.Generator) -> Tensor:
    return torch.full((count,), 1.0 / count, device=generator.device)
