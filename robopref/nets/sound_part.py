"""Sound as a policy or a reward looks at it: how loud each pitch is over time."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from robopref.nets.mel_spectrogram import MelSpectrogram

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

    mean: Tensor
    std: Tensor

    def __init__(
        self, samples: int, *, width: int, rate: float = 16000.0, window: float = 0.016, bands: int = 24
    ) -> None:  # fmt: skip
        super().__init__()
        self.spectrogram = MelSpectrogram(samples, rate=rate, window=window, bands=bands)
        self.register_buffer("mean", torch.zeros(bands))
        self.register_buffer("std", torch.ones(bands))
        first, second = _LAYERS
        self.network = nn.Sequential(
            nn.Conv2d(1, first, 3, stride=2, padding=1), nn.SiLU(),
            nn.Conv2d(first, second, 3, stride=2, padding=1), nn.SiLU(),
        )  # fmt: skip
        self.project = nn.Sequential(nn.Linear(2 * second + bands, width), nn.SiLU(), nn.Linear(width, width))

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
