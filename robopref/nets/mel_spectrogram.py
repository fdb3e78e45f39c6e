"""Sounds as spectrograms on the mel scale."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from robopref.errors import ConfigError

_FLOOR = 1e-6  # of a power, about that of the noise of a microphone


class MelSpectrogram(nn.Module):
    """How loud each pitch is over time, on a logarithmic scale.

    Args:
        samples: Of a sound N.
        rate: Samples a second.
        window: Seconds of a Fourier transform; neighbours overlap by half.
        bands: Of the mel scale.

    Raises:
        ConfigError: A window is shorter than two samples or longer than the sound, or there is no band.
    """

    bank: Tensor
    hann: Tensor

    def __init__(self, samples: int, *, rate: float, window: float, bands: int) -> None:
        super().__init__()
        self.length = round(rate * window)
        if not 2 <= self.length <= samples or bands < 1:
            raise ConfigError(
                f"a sound of {samples} samples at {rate:g} a second needs windows of 2 to {samples} samples and one "
                f"band or more, got {self.length} and {bands}; say how it was sampled with the setting rate"
            )
        self.register_buffer("hann", torch.hann_window(self.length), persistent=False)
        self.register_buffer("bank", mel_bank(bands, self.length, rate), persistent=False)

    def forward(self, sounds: Tensor) -> Tensor:
        """Logarithms of the power in each band, (R, bands, windows), of (R, N) samples."""
        spectrum = torch.stft(
            sounds.to(self.hann.dtype), self.length, self.length // 2, window=self.hann, center=False,
            return_complex=True,
        )  # fmt: skip
        return torch.log(self.bank @ spectrum.abs().square() + _FLOOR)


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
