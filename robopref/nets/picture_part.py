"""Pictures as a policy looks at them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from robopref.errors import ConfigError


class PicturePart(nn.Module):
    """A small convolutional network that says where things are.

    Convolutions of stride 2, one more that leaves 32 maps, and of each map the mean position of what it finds (spatial
    softmax, Levine et al. 2016, as in diffusion_policy, Chi et al. 2023). Pictures are brought to `side` x `side`.
    For 96 x 96 and the channels of the default that is 9 million multiply-adds.

    Args:
        width: Size F of the encoding.
        channels: Of the layers of stride 2.
        side: Height and width of the pictures that are looked at, pixels.
        shift: Pixels of these by which pictures are moved at random in training (Kostrikov et al. 2021).

    Raises:
        ConfigError: Nothing is left of a picture after so many layers.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, *, width: int, channels: Sequence[int] = (16, 32, 64), side: int = 96, shift: int = 4
    ) -> None:  # fmt: skip
        super().__init__()
        if not channels or side < 2 ** (len(channels) + 1):
            least = 2 ** (len(channels) + 1)
            raise ConfigError(f"{len(channels)} layers of channels need pictures of {least} pixels, got side={side}")
        self.side, self.shift = side, shift
        self.register_buffer("mean", torch.zeros(3))
        self.register_buffer("std", torch.ones(3))
        layers: list[nn.Module] = []
        for before, after in pairwise((3, *channels)):
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.ReLU()]
        self.network = nn.Sequential(*layers, nn.Conv2d(channels[-1], _MAPS, 3, padding=1))
        self.where = SpatialSoftmax(_MAPS)
        self.project = nn.Sequential(nn.Linear(2 * _MAPS, width), nn.LayerNorm(width))

    def fit(self, samples: Tensor) -> None:
        """Take mean and spread of each colour from (S, h, w, 3) recorded pictures."""
        pixels = samples.flatten(0, 2).double() / 255
        self.mean.copy_(pixels.mean(0))
        self.std.copy_(pixels.std(0, unbiased=False).clamp(min=1e-2))

    def forward(self, pictures: Tensor) -> Tensor:
        """Encode (R, h, w, 3) uint8 as (R, F)."""
        pixels = ((pictures.to(self.mean.dtype) / 255 - self.mean) / self.std).permute(0, 3, 1, 2)
        if pixels.shape[2:] != (self.side, self.side):
            pixels = functional.interpolate(pixels, (self.side, self.side), mode="area")
        return self.project(self.where(self.network(pixels)))

    def varied(self, pictures: Tensor, generator: torch.Generator) -> Tensor:
        """Move each of (R, h, w, 3) pictures at random; what comes in at an edge is the edge."""
        rows, columns = (
            _moved(size, round(self.shift * size / self.side), len(pictures), generator).to(pictures.device)
            for size in pictures.shape[1:3]
        )
        each = torch.arange(len(pictures), device=pictures.device)[:, None, None]
        return pictures[each, rows[:, :, None], columns[:, None, :]]


class SpatialSoftmax(nn.Module):
    """Mean position of what each map finds, in [-1, 1] from left to right and from top to bottom.

    Args:
        maps: Maps K, each of which learns how sharply it looks.
    """

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.log_sharpness = nn.Parameter(torch.zeros(maps))

    def forward(self, maps: Tensor) -> Tensor:
        """Positions (R, 2 K), all of x and then all of y, in (R, K, h, w)."""
        height, width = maps.shape[2:]
        share = (maps.flatten(2) * self.log_sharpness.exp()[:, None]).softmax(-1).unflatten(2, (height, width))
        x = torch.linspace(-1, 1, width, device=maps.device, dtype=maps.dtype)
        y = torch.linspace(-1, 1, height, device=maps.device, dtype=maps.dtype)
        return torch.cat([(share.sum(2) * x).sum(-1), (share.sum(3) * y).sum(-1)], dim=-1)


_MAPS = 32


def _moved(size: int, most: int, count: int, generator: torch.Generator) -> Tensor:
    """Where each of `size` rows comes from, (count, size)."""
    by = torch.randint(-most, most + 1, (count, 1), generator=generator, device=generator.device)
    return (torch.arange(size, device=generator.device) + by).clamp(0, size - 1)
