"""Grades of rollouts: how well it went, on a scale of a few levels, from anything that sensors recorded of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from robopref.errors import ConfigError
from robopref.factories import require_call
from robopref.items import ACTION, Items
from robopref.nets.grade_heads import CumulativeGrades
from robopref.nets.parts_encoder import PartsEncoder
from robopref.nets.pooled_cloud import PooledCloudPart
from robopref.nets.signal_part import SignalPart
from robopref.nets.signal_summary import SignalSummary, SoundSummary
from robopref.nets.sound_part import SoundPart
from robopref.nets.vector_part import VectorPart
from robopref.records import Observation
from robopref.scores import NoiseDraw, Scores
from robopref.sensors import is_sound

LEVELS = 5
_SAMPLES = 512  # of views and signals, of which statistics are taken
_ROWS = 256  # steps of a relabelling whose past is gathered at once

Head = Callable[[int, int], nn.Module]


class OrdinalReward(nn.Module):
    """Says how probable each grade of a rollout is, and what its grade is on average.

    Each decision is encoded from its parts, of any kind that `PartsEncoder` takes. What is known of a rollout is the
    mean and the greatest of each number over its decisions, and the last, so that a single knock is not averaged away
    and the order of what led to it does not matter. A head makes probabilities of that.

    The value is the expected grade, 1 to L. What a decision adds is by how much it changes the grade of what was seen
    so far, ``g(x_1..x_t) - g(x_1..x_{t-1})``: a potential-based reward (Ng et al. 1999) whose sum is the grade.

    Args:
        encoder: From the parts of a decision to a vector.
        head: Makes the head of the numbers that are known of an item and of the levels.
        levels: Grades L, the worst first.
        hidden: Width of the hidden layer.
        dropout: Share of its units that a step of training does not see.
        noise: On vectors in training, beside which there is something else to be seen, in the spread of each recorded
            number: once for a rollout and once more for each decision. Where few rollouts are graded, they could be
            told apart by where they happened, and what was felt would not be learnt.

    Raises:
        ConfigError: There are fewer than three levels, or the noise is negative.
    """

    reach: Tensor

    def __init__(
        self, encoder: PartsEncoder, *, head: Head = CumulativeGrades, levels: int = LEVELS, hidden: int = 64,
        dropout: float = 0.1, noise: float = 1.0,
    ) -> None:  # fmt: skip
        super().__init__()
        if levels < 3:
            raise ConfigError(f"levels must be 3 or more, got {levels}; success and failure are objective=success")
        if not 0 <= noise < float("inf"):
            raise ConfigError(f"noise must be 0 or more, got {noise}")
        self.encoder, self.levels = encoder, levels
        vectors = [name for name in encoder.shapes if isinstance(encoder.part(name), VectorPart)]
        self.noise = dict.fromkeys(vectors if len(vectors) < len(encoder.shapes) else (), noise)
        self.trunk = nn.Sequential(
            nn.LayerNorm(3 * encoder.size), nn.Linear(3 * encoder.size, hidden), nn.SiLU(), nn.Dropout(dropout)
        )
        require_call(head, "head is made of a number of features and of levels", hidden, levels)
        self.head = head(hidden, levels)
        self.register_buffer("reach", torch.ones((), dtype=torch.int64))

    @classmethod
    def for_items(
        cls,
        items: Items,
        *,
        head: Head = CumulativeGrades,
        levels: int = LEVELS,
        width: int = 32,
        hidden: int = 64,
        points: int = 128,
        side: int = 48,
        rate: float = 16000.0,
        course: bool = False,
        dropout: float = 0.1,
        noise: float = 1.0,
    ) -> OrdinalReward:
        """A reward of everything that is known of the decisions of some items.

        Args:
            items: Such as will be graded.
            head: Makes the head of the numbers that are known of an item and of the levels.
            levels: Grades L.
            width: Size of the encoding of each part.
            hidden: Width of the hidden layer.
            points: Points that are looked at of a cloud.
            side: Height and width of the pictures that are looked at, pixels.
            rate: Samples of a sound a second.
            course: Whether it looks at the course of signals and sounds within a decision, which takes many ratings to
                learn from; otherwise at how strong they were at most and on average.
            dropout: Share of hidden units that a step of training does not see.
            noise: On vectors in training, see above.

        Raises:
            ConfigError: A setting is out of range, or a part of a shape that is not looked at.
        """
        shapes = {name: _shape(name, tuple(part.shape[3:])) for name, part in items.steps.items()}
        signal, sound = (SignalPart, SoundPart) if course else (SignalSummary, SoundSummary)
        encoder = PartsEncoder(
            shapes, width=width, points=points, side=side, cloud=partial(PooledCloudPart, width=width, points=points),
            signal=partial(signal, width=width), sound=partial(sound, width=width, rate=rate),
        )  # fmt: skip
        return cls(encoder, head=head, levels=levels, hidden=hidden, dropout=dropout, noise=noise)

    @property
    def keys(self) -> tuple[str, ...]:
        """Arrays of a decision that it looks at."""
        return tuple(self.encoder.shapes)

    @property
    def history(self) -> int:
        """Steps before a step that its reward depends on: as many as the longest rollout that it learnt from had."""
        return int(self.reach)

    def standardise(self, items: Items) -> None:
        """Take mean and spread of what is seen, and how long rollouts are."""
        there = items.weight > 0
        samples: dict[str, Tensor] = {}
        for name, shape in self.encoder.shapes.items():
            rows = items.part(name).expand(*there.shape, *items.part(name).shape[3:])[there]
            some = torch.linspace(0, len(rows) - 1, min(len(rows), _SAMPLES), device=rows.device).long()
            samples[name] = (rows if len(shape) == 1 and not is_sound(name) else rows[some]).reshape(-1, *shape)
        self.encoder.fit(samples)
        self.reach.fill_(there.shape[2])

    def score(self, items: Items, *, draw: NoiseDraw | None = None) -> Scores:
        """Grade items.

        Args:
            items: With the arrays of `keys`; decisions without weight are not there, others count alike.
            draw: Not needed.

        Returns:
            Expected grades (B, K) and the probabilities (B, K, L); what each decision adds, (B, K, T), not in training.

        Raises:
            DataError: An array is missing or has another shape than in training.
        """
        del draw
        there, encoded = items.weight > 0, self._encoded(items)
        if self.training:
            grades = self._graded(_summed_up(encoded, there))
            return Scores(self._expected(grades), grades=grades)
        so_far = self._graded(_summed_up_so_far(encoded, there))
        known = self._expected(so_far)
        last = (there * torch.arange(1, there.shape[2] + 1, device=there.device)).argmax(-1, keepdim=True)
        grades = so_far.gather(2, last[..., None].expand(*last.shape, self.levels))[:, :, 0]
        steps = torch.where(there, known.diff(dim=-1, prepend=torch.zeros_like(known[..., :1])), 0)
        return Scores(self._expected(grades), steps=steps, grades=grades)

    @torch.no_grad()
    def reward(self, steps: Mapping[str, Any], since: NDArray[np.int64] | None = None) -> Tensor:
        """Rewards of steps in a row: by how much each changes the grade of its episode so far.

        Args:
            steps: (R, ...) for each of `keys`.
            since: (R,) how many of the rows just before each belong to its episode; None if each stands for itself.

        Returns:
            (R,); that of the first step of an episode is the grade after it. Of longer episodes than it learnt from, it
            grades the latest steps.

        Raises:
            DataError: An array is missing or has another shape than in training.
        """
        device = self.reach.device
        rows = {
            name: (value := torch.as_tensor(steps[name], device=device)).reshape(
                -1, *self._one(name, value[:, None, None])
            )
            for name in self.keys
        }
        count = len(next(iter(rows.values())))
        encoded = torch.cat([
            self.encoder(Observation.of({name: value[some] for name, value in rows.items()})).vector
            for some in torch.arange(count, device=device).split(_ROWS)
        ])  # fmt: skip
        before = torch.as_tensor(np.zeros(count, np.int64) if since is None else since, device=device)
        back = torch.arange(int(self.reach) - 1, -1, -1, device=device)
        known = list[Tensor]()
        for some in torch.arange(count, device=device).split(_ROWS):
            past = _summed_up(encoded[(some[:, None] - back).clamp(min=0)], back <= before[some, None])
            known.append(self._expected(self._graded(past)))
        grades = torch.cat(known)
        return grades - torch.where(before > 0, grades.roll(1), 0)

    def known(self, items: Items) -> Tensor:
        """What a head is given of items, (B, K, F)."""
        return self.trunk(_summed_up(self._encoded(items), items.weight > 0))

    def _encoded(self, items: Items) -> Tensor:
        """What is seen of each decision, (B, K, T, F); what items of a question share is encoded once."""
        parts = {name: items.part(name) for name in self.keys}
        if self.training:
            parts |= {name: self._blurred(name, parts[name]) for name, noise in self.noise.items() if noise}
        shape = torch.broadcast_shapes(*(part.shape[:3] for part in parts.values()))
        rows = {
            name: part.expand(*shape, *part.shape[3:]).reshape(-1, *self._one(name, part))
            for name, part in parts.items()
        }
        encoded = self.encoder(Observation.of(rows)).vector.unflatten(0, shape)
        return encoded.expand(*items.weight.shape, -1)

    def _blurred(self, name: str, part: Tensor) -> Tensor:
        """A vector (B, K, T, ...) with noise."""
        vector = part.flatten(3) if part.ndim > 3 else part[..., None]
        spread = self.noise[name] * cast(VectorPart, self.encoder.part(name)).std
        return (vector + spread * (torch.randn_like(vector[:, :, :1]) + torch.randn_like(vector))).reshape(part.shape)

    def _graded(self, known: Tensor) -> Tensor:
        return self.head(self.trunk(known))

    def _expected(self, grades: Tensor) -> Tensor:
        return (grades.exp() * torch.arange(1, self.levels + 1, device=grades.device)).sum(-1)

    def _one(self, name: str, part: Tensor) -> tuple[int, ...]:
        """Shape of a part of one decision."""
        return _shape(name, tuple(part.shape[3:]))


def _shape(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Actions, also chunks of them, are vectors, and so is a single number."""
    return (int(np.prod(shape)),) if name == ACTION or not shape else shape


def _summed_up(encoded: Tensor, there: Tensor) -> Tensor:
    """Mean, greatest and last (..., 3 F) of (..., T, F), of those decisions that are there, (..., T)."""
    seen = there[..., None]
    mean = (encoded * seen).sum(-2) / seen.sum(-2).clamp(min=1)
    greatest = encoded.masked_fill(~seen, -torch.inf).amax(-2)
    last = (there * torch.arange(1, there.shape[-1] + 1, device=there.device)).argmax(-1)
    end = encoded.gather(-2, last[..., None, None].expand(*last.shape, 1, encoded.shape[-1]))[..., 0, :]
    return torch.cat([mean, greatest, end], dim=-1)


def _summed_up_so_far(encoded: Tensor, there: Tensor) -> Tensor:
    """The same of every beginning, (..., T, 3 F)."""
    seen = there[..., None]
    mean = (encoded * seen).cumsum(-2) / seen.cumsum(-2).clamp(min=1)
    greatest = encoded.masked_fill(~seen, -torch.inf).cummax(-2).values
    return torch.cat([mean, greatest, encoded], dim=-1)
