"""Signals as a policy or a reward looks at them: what a sensor said many times within one decision."""

from __future__ import annotations

import torch
from torch import Tensor, nn

STILL = 1e-4  # spread of what is constant, at most
_LAYERS = (16, 32)


class SignalPart(nn.Module):
    """Convolutions over time of a signal of one or more channels, and what was largest and usual of it.

    Of force, torque, current or acceleration, sampled faster than decisions are made. The greatest and the mean size of
    each channel are seen beside what convolutions find, so that a peak is never averaged away.

    Args:
        samples: Of a decision S.
        channels: Numbers of a sample C.
        width: Size F of the encoding.
    """

    scale: Tensor
    mean: Tensor
    std: Tensor

    def __init__(self, samples: int, channels: int, *, width: int) -> None:
        super().__init__()
        self.samples, self.channels = samples, channels
        self.register_buffer("scale", torch.ones(channels))
        self.register_buffer("mean", torch.zeros(2 * channels))
        self.register_buffer("std", torch.ones(2 * channels))
        stride = 2 if samples >= _LAYERS[0] else 1
        first, second = _LAYERS
        self.network = nn.Sequential(
            nn.Conv1d(channels, first, 5, stride=stride, padding=2), nn.SiLU(),
            nn.Conv1d(first, second, 5, stride=stride, padding=2), nn.SiLU(),
        )  # fmt: skip
        self.project = nn.Sequential(nn.Linear(2 * second + 2 * channels, width), nn.SiLU(), nn.Linear(width, width))

    def fit(self, samples: Tensor) -> None:
        """Take the spread of each channel of (R, S, C) recorded signals, and of what is largest and usual of them."""
        exact = samples.double()
        spread = exact.flatten(0, 1).std(0, unbiased=False)
        self.scale.copy_(torch.where(spread > STILL, spread, torch.ones_like(spread)))
        take_spread(self, self._sizes(exact / self.scale))

    def forward(self, signals: Tensor) -> Tensor:
        """Encode (R, S, C) as (R, F)."""
        # A sensor that saturates or rings has far larger values than usual ones, which logarithms keep in reach.
        scaled = signals.to(self.scale.dtype) / self.scale
        found = self.network((scaled.sign() * scaled.abs().log1p()).transpose(1, 2))
        sizes = (self._sizes(scaled) - self.mean) / self.std
        return self.project(torch.cat([found.amax(-1), found.mean(-1), sizes], dim=-1))

    def varied(self, signals: Tensor, generator: torch.Generator) -> Tensor:
        """The signals as they are."""
        del generator
        return signals

    @staticmethod
    def _sizes(scaled: Tensor) -> Tensor:
        """Logarithms of the greatest and the mean size of each channel, (R, 2 C)."""
        size = scaled.abs()
        return torch.cat([size.amax(1), size.mean(1)], dim=-1).log1p()


def take_spread(part: nn.Module, sizes: Tensor) -> None:
    """Set the buffers ``mean`` and ``std`` of a part to those of (R, F) numbers; constants are only shifted."""
    std = sizes.std(0, unbiased=False)
    part.get_buffer("mean").copy_(sizes.mean(0))
    part.get_buffer("std").copy_(torch.where(std > STILL, std, torch.ones_like(std)))
