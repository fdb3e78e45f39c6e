"""Any mixture of clouds, pictures, signals, sounds and vectors as one vector."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from robopref.errors import ConfigError, DataError
from robopref.nets.cloud_part import CloudPart
from robopref.nets.feature_trunk import Features
from robopref.nets.picture_part import PicturePart
from robopref.nets.signal_part import SignalPart
from robopref.nets.signal_summary import SignalSummary, SoundSummary
from robopref.nets.sound_part import SoundPart
from robopref.nets.vector_part import VectorPart
from robopref.records import Observation
from robopref.sensors import is_signal, is_sound

Sampled = SignalPart | SignalSummary | SoundPart | SoundSummary  # many times within an observation
Part = VectorPart | CloudPart | PicturePart | Sampled


class PartsEncoder(nn.Module):
    """Encodes each part of an observation by itself, and puts them end to end.

    A part is told by its shape: (D,) is a vector, (P, 3+C) a cloud, (h, w, 3) a picture; and by its name, see
    `robopref.sensors`: ``force`` (S, C) is a signal of many samples, ``audio`` (N,) a sound. Where a policy sees the
    last T observations, each is encoded by the same network.

    Args:
        shapes: By name, the shape of each part of one observation.
        history: Observations T.
        width: Size of the encoding of each part.
        points: Points that are looked at of a cloud; training takes as many at random.
        layers: Sizes of the layers of a point.
        background: Points of a cloud where more than this share of the recorded clouds have one are left out; None
            leaves out none.
        channels: Of the layers of a picture.
        side: Height and width of the pictures that are looked at, pixels.
        shift: Pixels by which pictures are moved at random in training.
        cloud: Makes what looks at a cloud, of the numbers of a point; None is a `CloudPart` of these settings.
        signal: Makes what looks at a signal, of its samples and channels; None is a `SignalPart`.
        sound: Makes what looks at a sound, of its samples; None is a `SoundPart` of 16,000 samples a second.

    Raises:
        ConfigError: A part is none of these, or a setting is out of range.
    """

    def __init__(
        self,
        shapes: Mapping[str, tuple[int, ...]],
        *,
        history: int = 1,
        width: int = 64,
        points: int = 128,
        layers: Sequence[int] = (64, 128, 256),
        background: float | None = None,
        channels: Sequence[int] = (16, 32, 64),
        side: int = 96,
        shift: int = 4,
        cloud: Callable[[int], CloudPart] | None = None,
        signal: Callable[[int, int], SignalPart | SignalSummary] | None = None,
        sound: Callable[[int], SoundPart | SoundSummary] | None = None,
    ) -> None:
        super().__init__()
        if not shapes:
            raise ConfigError("a policy has to see something; its observation has no parts")
        if min(history, width, points, *layers, *channels, shift + 1) < 1 or not layers:
            raise ConfigError(
                "an encoder needs positive sizes, one layer or more and a shift of 0 or more, got "
                f"history={history}, width={width}, points={points}, layers={list(layers)}, "
                f"channels={list(channels)}, shift={shift}"
            )
        if background is not None and not 0 < background < 1:
            raise ConfigError(
                f"background is a share of the recorded clouds between 0 and 1, or null, got {background}"
            )
        self.shapes, self.history = dict(shapes), history
        self.size = width * len(self.shapes) * history

        def part(name: str, shape: tuple[int, ...]) -> Part:
            if is_sound(name) and len(shape) == 1:
                return SoundPart(shape[0], width=width) if sound is None else sound(shape[0])
            if is_signal(name) and len(shape) == 2 and min(shape) > 0:
                return SignalPart(*shape, width=width) if signal is None else signal(shape[0], shape[1])
            if len(shape) == 1 and shape[0] > 0:
                return VectorPart(shape[0], width=width)
            if len(shape) == 2 and shape[0] > 0 and shape[1] >= 3 and not name.startswith("image"):
                if cloud is not None:
                    return cloud(shape[1])
                return CloudPart(shape[1], width=width, points=points, layers=layers, background=background)
            if len(shape) == 3 and min(shape) > 0 and shape[2] == 3:
                return PicturePart(width=width, channels=channels, side=side, shift=shift)
            raise ConfigError(
                f"{name} has the shape {shape}; a policy sees vectors (D,), clouds (P, 3+C) and pictures (h, w, 3); "
                "leave it out of policy.observation"
            )

        self.parts = nn.ModuleDict({_key(name): part(name, shape) for name, shape in self.shapes.items()})

    def part(self, name: str) -> Part:
        """The network of a part."""
        return cast(Part, self.parts[_key(name)])

    @property
    def proprio_mean(self) -> Tensor:
        """Recorded mean (D,) of proprioception; empty if there is none."""
        part = self._proprio
        return next(self.parameters())[:0].flatten().detach() if part is None else part.mean

    @property
    def proprio_std(self) -> Tensor:
        """Recorded standard deviation (D,) of proprioception; empty if there is none."""
        part = self._proprio
        return self.proprio_mean if part is None else part.std

    @property
    def _proprio(self) -> VectorPart | None:
        part = self.part("proprio") if "proprio" in self.shapes else None
        return part if isinstance(part, VectorPart) else None

    def fit(self, samples: Mapping[str, Tensor]) -> None:
        """Take statistics of recorded parts, (S, ...) of each.

        Raises:
            DataError: There are none of a part, or they are not finite.
        """
        for name in self.shapes:
            if name not in samples or not len(samples[name]):
                raise DataError(f"no recorded {name}, which the policy is to see; there are {', '.join(samples)}")
            if not bool(samples[name].isfinite().all()):
                raise DataError(f"recorded {name} is not finite everywhere; look for it with: robopref data quality")
            self.part(name).fit(samples[name])

    def form(self, name: str) -> str:
        """The shape that a part may have: clouds are of any number of points, pictures of any size."""
        shape = self.shapes[name]
        if isinstance(self.part(name), Sampled):
            return ", ".join(map(str, shape))
        return f"{('', 'P, ', 'h, w, ')[len(shape) - 1]}{shape[-1]}"

    def takes(self, name: str, shape: tuple[int, ...]) -> bool:
        """Whether a part of one observation may have a shape; of clouds, positions may be all that is looked at."""
        if len(shape) != len(self.shapes[name]) or min(shape) <= 0:
            return False
        if isinstance(self.part(name), Sampled):
            return tuple(shape) == tuple(self.shapes[name])
        more = self._positions(name) and shape[-1] > 3
        return more or shape[-1] == self.shapes[name][-1]

    def _positions(self, name: str) -> bool:
        """Whether a part is a cloud of which nothing but positions is known."""
        return isinstance(self.part(name), CloudPart) and self.shapes[name][-1] == 3

    def forward(self, observation: Observation) -> Features:
        """Encode a batch of observations.

        Args:
            observation: Of each part (B, ...); (B, T, ...) if the encoder sees T > 1.

        Returns:
            (B, F), for any number of calls with any number of chunks.

        Raises:
            DataError: A part is missing, or has another shape.
        """
        encoded = [self.part(name)(self._rows(name, observation.part(name))) for name in self.shapes]
        return Features(torch.cat([rows.unflatten(0, (-1, self.history)).flatten(1) for rows in encoded], dim=-1))

    def varied(self, observation: Observation, generator: torch.Generator) -> Observation:
        """Vary what was observed as training does: which points were seen, and where pictures begin."""
        changed = dict(observation.parts)
        for name in self.shapes:
            part, value = self.part(name), observation.part(name)
            if not isinstance(part, VectorPart):
                rows = part.varied(self._rows(name, value), generator)
                changed[name] = rows.unflatten(0, value.shape[:2]) if self.history > 1 else rows
        return Observation.of(changed)

    def _rows(self, name: str, value: Tensor) -> Tensor:
        """(B T, ...) of a part whose shape is right."""
        times = (self.history,) if self.history > 1 else ()
        seen = tuple(value.shape[1:])
        if seen[: len(times)] != times or not self.takes(name, seen[len(times) :]):
            wanted = ", ".join(["B", *map(str, times), self.form(name)])
            coloured = isinstance(self.part(name), CloudPart) and seen[-1:] == (3,)
            raise DataError(
                f"{name} must be ({wanted}), as the policy was made for, got {tuple(value.shape)}"
                + ("; train it with read.colours=false where clouds have no colours" if coloured else "")
            )
        value = value[..., :3] if self._positions(name) else value
        return value.flatten(0, 1) if times else value


def _key(name: str) -> str:
    """Names of parts as torch takes them for modules: no dots, and none of its own."""
    return f"seen_{name.replace('.', '/')}"
