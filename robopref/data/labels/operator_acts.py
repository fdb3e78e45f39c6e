"""What an operator did while a policy was deployed, as records and as lines of a file."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from robopref.data.json_lines import json_object, located, read_places
from robopref.data.labels.feedback_records import require_plain
from robopref.errors import ConfigError, DataError
from robopref.records import Array

EventKind = Literal["accept", "correct", "takeover", "abort", "undo", "reuse", "success", "failure"]
_ARRAYS = {"candidates": 3, "corrected": 2, "points": 2, "proprio": 1}
_SEEN = ("points", "proprio")


@dataclass(frozen=True, eq=False)
class DeploymentEvent:
    """One thing that an operator did about one decision of a deployed policy.

    Attributes:
        kind: ``accept``: let the chunk be executed, having been asked; ``correct``: gave another chunk before it was
            executed; ``takeover``: took control while it was; ``abort``: stopped it; ``undo``: had what it did taken
            back; ``reuse``: asked for it again; ``success`` and ``failure``: said what became of it.
        time: Seconds since the epoch.
        episode: Number of the episode.
        step: Number of the decision in the episode, from 0.
        candidates: (N, H, A) chunks that were there to choose from, in [-1, 1].
        executed: Index of the candidate that was executed, or was about to be.
        shown: Indices of the candidates that the operator saw, if any.
        corrected: (H, A) what the operator did or asked for instead.
        operator: Name of the operator.
        points: (P, 3) cloud that the decision was made on, m; needed to learn from the event.
        proprio: (D,) proprioception then; given with `points`.

    Raises:
        DataError: A value does not fit.
    """

    kind: EventKind
    time: float
    episode: int
    step: int
    candidates: Array
    executed: int
    shown: tuple[int, ...] = ()
    corrected: Array | None = None
    operator: str = "operator"
    points: Array | None = None
    proprio: Array | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(EventKind):
            raise DataError(f"event kind must be one of {', '.join(get_args(EventKind))}, got {self.kind!r}")
        for name, dimensions in _ARRAYS.items():
            array = getattr(self, name)
            if array is not None and (array.ndim != dimensions or not array.size or not np.isfinite(array).all()):
                raise DataError(f"event {name!r} must be finite, with {dimensions} dimensions, got {array.shape}")
        count = len(self.candidates)
        if not all(0 <= index < count for index in (self.executed, *self.shown)) or len(set(self.shown)) != len(
            self.shown
        ):
            raise DataError(
                f"event 'executed' and 'shown' must name some of {count} candidates, got {self.executed}, {self.shown}"
            )
        if self.corrected is not None and self.corrected.shape != self.candidates.shape[1:]:
            raise DataError(
                f"event 'corrected' must be {self.candidates.shape[1:]} as the candidates, got {self.corrected.shape}"
            )
        if self.kind == "correct" and self.corrected is None:
            raise DataError("an event of kind 'correct' needs 'corrected', what was asked for instead")
        if (self.points is None) != (self.proprio is None):
            raise DataError("an event has both 'points' and 'proprio', or neither")
        if self.points is not None and self.points.shape[1] < 3:
            raise DataError(f"event 'points' must have x, y and z of each point, got {self.points.shape}")
        if not math.isfinite(self.time) or min(self.episode, self.step) < 0 or not self.operator:
            raise DataError(
                "an event needs a finite 'time', 'episode' and 'step' from 0 and an 'operator', got "
                f"{self.time}, {self.episode}, {self.step} and {self.operator!r}"
            )

    @cached_property
    def id(self) -> str:
        """Sixteen hexadecimal digits of what happened, by which the same event is recognised."""
        told = {name: value for name, value in self.to_json().items() if name not in _SEEN}
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; what is not known is left out."""
        stored = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {
            name: value.tolist() if isinstance(value, np.ndarray) else list(value) if name == "shown" else value
            for name, value in stored.items()
            if value is not None
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> DeploymentEvent:
        """Inverse of `to_json`.

        Raises:
            DataError: A field is missing, unknown or of another type, or has a value that is not allowed.
        """
        fields = dataclasses.fields(cls)
        needed = [field.name for field in fields if field.default is dataclasses.MISSING]
        wrong = [f"no {name!r}" for name in needed if stored.get(name) is None]
        wrong += [f"unknown {name!r}" for name in stored if name not in {field.name for field in fields}]
        if wrong:
            raise DataError(f"event must have {', '.join(field.name for field in fields)}; got {', '.join(wrong)}")
        try:
            return cls(**{name: _read(name, value) for name, value in stored.items() if value is not None})
        except (TypeError, ConfigError) as error:
            raise DataError(f"event: {error}") from error


def read_events(path: Path) -> Iterator[DeploymentEvent]:
    """Read a file of events, one JSON object a line; blank lines are skipped.

    Args:
        path: The file.

    Yields:
        The events, in the order of the file.

    Raises:
        DataError: The file cannot be read, or a line, which is named, is no event.
    """
    for place, line in read_places(path, "a file of deployment events"):
        with located(place):
            event = DeploymentEvent.from_json(json_object(line, "an event as a JSON object"))
        yield event


def _read(name: str, value: Any) -> Any:
    if name in _ARRAYS:
        try:
            with np.errstate(over="ignore"):  # what becomes infinite is refused
                return np.asarray(value, dtype=np.float32)
        except (OverflowError, TypeError, ValueError) as error:
            raise DataError(f"event {name!r} must be an array of numbers ({error})") from error
    if name == "shown":
        if not isinstance(value, list) or not all(type(index) is int for index in value):
            raise DataError(f"event 'shown' must be a list of whole numbers, got {value!r:.80}")
        return tuple(value)
    expected = {"kind": (str,), "operator": (str,), "time": (int, float)}.get(name, (int,))
    if not isinstance(value, expected) or isinstance(value, bool):
        raise DataError(f"event {name!r} must be {expected[0].__name__}, got {value!r:.80}")
    require_plain(f"event {name!r}", value)
    return value
