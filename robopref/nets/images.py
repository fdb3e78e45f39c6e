"""Pictures as a reward of steps looks at them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from robopref.errors import ConfigError


class ImageEncoder(nn.Module):
    """N convolutional encoders with one normalisation, in the manner of RL-VLM-F (Wang et al. 2024).

    Pictures are brought to one size. Convolutions of stride 2 halve it; what is left is averaged over a grid of 2 x 2,
    which keeps roughly where things are.

    Args:
        copies: Encoders N.
        channels: Of each layer.
        side: Height and width of the pictures that are looked at, pixels.

    Raises:
        ConfigError: Nothing is left of a picture after so many layers.
    """

    key = "image"
    mean: Tensor
    std: Tensor

    def __init__(self, copies: int, *, channels: Sequence[int] = (16, 32, 64), side: int = 64) -> None:
        super().__init__()
        if not channels or side < 2 ** len(channels):
            raise ConfigError(
                f"an image encoder of {len(channels)} layers needs pictures of {2 ** len(channels)} pixels"
            )
        self.settings: dict[str, Any] = {"channels": list(channels), "side": side}
        self.side, self.size = side, 4 * channels[-1]
        self.hidden = sum(width * (side // 2 ** (k + 1)) ** 2 for k, width in enumerate(channels))
        self.register_buffer("mean", torch.zeros(3))
        self.register_buffer("std", torch.ones(3))
        self.networks = nn.ModuleList(_convolutions(channels) for _ in range(copies))

    def fit(self, views: Tensor) -> None:
        """Take mean and spread of each colour from (S, h, w, 3) pictures."""
        pixels = views.flatten(0, 2).double() / 255
        self.mean.copy_(pixels.mean(0))
        self.std.copy_(pixels.std(0).clamp(min=1e-3))

    def forward(self, views: Tensor) -> Tensor:
        """Encode (N, R, h, w, 3) uint8 pictures as (N, R, F)."""
        encoded: list[Tensor] = []
        for network, pictures in zip(self.networks, views, strict=True):
            pixels = ((pictures.float() / 255 - self.mean) / self.std).permute(0, 3, 1, 2)
            if pixels.shape[2:] != (self.side, self.side):
                pixels = functional.interpolate(pixels, (self.side, self.side), mode="area")
            encoded.append(network(pixels))
        return torch.stack(encoded)


def _convolutions(channels: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in zip((3, *channels), channels, strict=False):
        layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten())
