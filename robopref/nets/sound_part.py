"""Sound as a policy or a reward looks at it: how loud each pitch is over time."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from robopref.errors import ConfigError

_FLOOR = 1e-6  # of a power, about that of the noise of a microphone
_LAYERS = (16, 32)


class SoundPart(nn.Module):
    """A log-mel spectrogram of a waveform, and convolutions over time and pitch (as in Gong et al. 2021).

    Args:
        samples: Of a decision N.
        width: Size F of the encoding.
        rate: Samples a second.
        window: Seconds of a Fourier transform; neighbours overlap by half.
        bands: Of the mel scale.

    Raises:
        ConfigError: A window is shorter than two samples or longer than the sound, or there is no band.
    """

    bank: Tensor
    hann: Tensor
    mean: Tensor
    std: Tensor

    def __init__(
        self, samples: int, *, width: int, rate: float = 16000.0, window: float = 0.016, bands: int = 24
    ) -> None:  # fmt: skip
        super().__init__()
        self.length = round(rate * window)
        if not 2 <= self.length <= samples or bands < 1:
            raise ConfigError(
                f"a sound of {samples} samples at {rate:g} a second needs windows of 2 to {samples} samples and one "
                f"band or more, got {self.length} and {bands}; say how it was sampled with the setting rate"
            )
        self.register_buffer("hann", torch.hann_window(self.length), persistent=False)
        self.register_buffer("bank", mel_bank(bands, self.length, rate), persistent=False)
        self.register_buffer("mean", torch.zeros(bands))
        self.register_buffer("std", torch.ones(bands))
        first, second = _LAYERS
        self.network = nn.Sequential(
            nn.Conv2d(1, first, 3, stride=2, padding=1), nn.SiLU(),
            nn.Conv2d(first, second, 3, stride=2, padding=1), nn.SiLU(),
        )  # fmt: skip
        self.project = nn.Sequential(nn.Linear(2 * second + bands, width), nn.SiLU(), nn.Linear(width, width))

    def spectrogram(self, sounds: Tensor) -> Tensor:
        """Logarithms of the power in each band, (R, bands, windows), of (R, N) samples."""
        spectrum = torch.stft(
            sounds.to(self.mean.dtype), self.length, self.length // 2, window=self.hann, center=False,
            return_complex=True,
        )  # fmt: skip
        return torch.log(self.bank @ spectrum.abs().square() + _FLOOR)

    def fit(self, samples: Tensor) -> None:
        """Take mean and spread of each band of (R, N) recorded sounds."""
        found = self.spectrogram(samples.float()).transpose(1, 2).flatten(0, 1).double()
        self.mean.copy_(found.mean(0))
        self.std.copy_(found.std(0, unbiased=False).clamp(min=1e-2))

    def forward(self, sounds: Tensor) -> Tensor:
        """Encode (R, N) as (R, F)."""
        bands = (self.spectrogram(sounds) - self.mean[:, None]) / self.std[:, None]
        found = self.network(bands[:, None]).flatten(2)
        return self.project(torch.cat([found.amax(-1), found.mean(-1), bands.amax(-1)], dim=-1))

    def varied(self, sounds: Tensor, generator: torch.Generator) -> Tensor:
        """The sounds as they are."""
        del generator
        return sounds


def mel_bank(bands: int, length: int, rate: float) -> Tensor:
    """How much each frequency counts for each band of the mel scale, ``m = 2595 log10(1 + f / 700)``.

    Args:
        bands: Triangles, each from the middle of the one before to that of the one after, from 0 to half the rate.
        length: Samples of a Fourier transform.
        rate: Samples a second.

    Returns:
        (bands, length // 2 + 1), at most 1.
    """
    highest = 2595 * torch.log10(torch.tensor(1 + rate / 2 / 700, dtype=torch.float64))
    middles = 700 * (10 ** (torch.linspace(0, 1, bands + 2, dtype=torch.float64) * highest / 2595) - 1)
    tones = torch.linspace(0, rate / 2, length // 2 + 1, dtype=torch.float64)
    rising = (tones - middles[:-2, None]) / (middles[1:-1] - middles[:-2])[:, None]
    falling = (middles[2:, None] - tones) / (middles[2:] - middles[1:-1])[:, None]
    return torch.minimum(rising, falling).clamp(min=0).float()
