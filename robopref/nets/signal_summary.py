"""Signals and sounds as a grader looks at them that learns from few ratings: how strong, and not in which course."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from robopref.errors import ConfigError
from robopref.nets.mel_spectrogram import MelSpectrogram
from robopref.nets.signal_part import STILL, take_spread

_HANDED = 2  # the greatest and the mean strength, which reach the reward as they are


class SignalSummary(nn.Module):
    """What was largest and usual of a signal, on a logarithmic scale, of each channel and over all of them.

    The strength over all channels, their Euclidean length, does not depend on the direction of a contact. Its greatest
    and mean value are handed on as they are, so that a threshold of a force is learnt from few examples.

    Args:
        samples: Of a decision S.
        channels: Numbers of a sample C, of one unit.
        width: Size F of the encoding, 3 or more.

    Raises:
        ConfigError: The encoding is too small.
    """

    scale: Tensor
    mean: Tensor
    std: Tensor

    def __init__(self, samples: int, channels: int, *, width: int) -> None:
        super().__init__()
        self.samples, self.channels = samples, channels
        sizes = 2 * (channels + 1)
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("mean", torch.zeros(sizes))
        self.register_buffer("std", torch.ones(sizes))
        self.project = _projection(sizes, width)

    def fit(self, samples: Tensor) -> None:
        """Take the spread of (R, S, C) recorded signals, of all channels together, and of what is summed up of them."""
        exact = samples.double()
        spread = exact.std(unbiased=False)
        self.scale.copy_(torch.where(spread > STILL, spread, torch.ones_like(spread)))
        take_spread(self, self._sizes(exact / self.scale))

    def forward(self, signals: Tensor) -> Tensor:
        """Encode (R, S, C) as (R, F), whose last two are the greatest and the mean strength."""
        sizes = (self._sizes(signals.to(self.scale.dtype) / self.scale) - self.mean) / self.std
        return torch.cat([self.project(sizes), sizes[:, self.channels :: self.channels + 1]], dim=-1)

    def varied(self, signals: Tensor, generator: torch.Generator) -> Tensor:
        """The signals as they are."""
        del generator
        return signals

    @staticmethod
    def _sizes(scaled: Tensor) -> Tensor:
        """Logarithms of the greatest and the mean size of each channel and over all, (R, 2 (C + 1))."""
        size = torch.cat([scaled.abs(), scaled.norm(dim=-1, keepdim=True)], dim=-1)
        return torch.cat([size.amax(1), size.mean(1)], dim=-1).log1p()


class SoundSummary(nn.Module):
    """How loud each pitch was at most and on average, and the same of all pitches together, on a logarithmic scale.

    Args:
        samples: Of a decision N.
        width: Size F of the encoding, 3 or more.
        rate: Samples a second.
        window: Seconds of a Fourier transform; neighbours overlap by half.
        bands: Of the mel scale.

    Raises:
        ConfigError: The encoding is too small, a window is shorter than two samples or longer than the sound, or there
            is no band.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, samples: int, *, width: int, rate: float = 16000.0, window: float = 0.016, bands: int = 24
    ) -> None:  # fmt: skip
        super().__init__()
        self.spectrogram = MelSpectrogram(samples, rate=rate, window=window, bands=bands)
        sizes = 2 * (bands + 1)
        self.register_buffer("mean", torch.zeros(sizes))
        self.register_buffer("std", torch.ones(sizes))
        self.bands, self.project = bands, _projection(sizes, width)

    def fit(self, samples: Tensor) -> None:
        """Take mean and spread of what is summed up of (R, N) recorded sounds."""
        take_spread(self, self._sizes(samples.float()).double())

    def forward(self, sounds: Tensor) -> Tensor:
        """Encode (R, N) as (R, F), whose last two are how loud it was at most and on average."""
        sizes = (self._sizes(sounds) - self.mean) / self.std
        return torch.cat([self.project(sizes), sizes[:, self.bands :: self.bands + 1]], dim=-1)

    def varied(self, sounds: Tensor, generator: torch.Generator) -> Tensor:
        """The sounds as they are."""
        del generator
        return sounds

    def _sizes(self, sounds: Tensor) -> Tensor:
        """Greatest and mean logarithm of the power in each band and in all, (R, 2 (bands + 1))."""
        power = self.spectrogram(sounds)
        power = torch.cat([power, power.logsumexp(1, keepdim=True)], dim=1)
        return torch.cat([power.amax(2), power.mean(2)], dim=-1)


def _projection(sizes: int, width: int) -> nn.Sequential:
    if width <= _HANDED:
        raise ConfigError(f"the encoding of a signal or a sound needs a width of {_HANDED + 1} or more, got {width}")
    return nn.Sequential(nn.Linear(sizes, width), nn.SiLU(), nn.Linear(width, width - _HANDED))
