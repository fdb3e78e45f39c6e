"""What an operator did while a policy was deployed, as records and as lines of a file."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from robopref.data.json_lines import json_object, located, read_places
from robopref.data.labels.feedback_records import require_plain
from robopref.errors import ConfigError, DataError
from robopref.records import Array

EventKind = Literal["accept", "correct", "takeover", "abort", "undo", "reuse", "success", "failure", "passed"]
_ARRAYS = {"candidates": 3, "corrected": 2, "points": 2, "proprio": 1}
_SEEN = ("points", "proprio", "others")
_STEP = ("event", "episode", "step", "candidates")  # what a dataset of events has beside what was seen
_KEPT = ("uint8", "float32")
_LATER = (
    "order",
    "chances",
    "seconds",
    "scene",
)  # left out where they say nothing, so that older events keep their ids
_WHOLE, _SUM = 200, 1e-6  # letters of a scene's name; what chances may add up to beyond 1
_BYTES = 64 << 20  # that a part may take
_LISTS = {
    "shown": ((int,), "whole numbers"), "order": ((int,), "whole numbers"), "chances": ((int, float), "numbers")
}  # fmt: skip
_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("kind", "operator", "scene"), (str,)), **dict.fromkeys(("time", "seconds"), (int, float))
}  # fmt: skip
_NAME = re.compile(r"[A-Za-z_]\w{0,80}", re.ASCII)


@dataclass(frozen=True, eq=False)
class DeploymentEvent:
    """One thing that an operator did about one decision of a deployed policy.

    Attributes:
        kind: ``accept``: let the chunk be executed, having been asked; ``correct``: gave another chunk before it was
            executed; ``takeover``: took control while it was; ``abort``: stopped it; ``undo``: had what it did taken
            back; ``reuse``: asked for it again; ``success`` and ``failure``: said what became of it; ``passed``: did
            nothing about it, but later something that may be due to it.
        time: Seconds since the epoch.
        episode: Number of the episode.
        step: Number of the decision in the episode, from 0.
        candidates: (N, H, A) chunks that were there to choose from, in [-1, 1].
        executed: Index of the candidate that was executed, or was about to be.
        shown: Indices of the candidates that the operator saw, if any.
        corrected: (H, A) what the operator did or asked for instead.
        operator: Name of the operator.
        points: (P, 3) cloud that the decision was made on, m; needed to learn from the event.
        proprio: (D,) proprioception then; needed with `points`.
        others: More that the decision was made on, by name: pictures (h, w, 3) uint8, and vectors, float32. What the
            policy observes is needed to learn from the event.
        order: Indices of the candidates by their place, the one that was offered first.
        chances: Of each candidate in `order` the probability that it came first, where the order was drawn by
            Plackett and Luce's model, which these say all about; empty where it was not drawn, as in greedy runs.
        seconds: From when the decision was there to see until the act; None if that is not known.
        scene: Name of the scene that was set up; what was done in one scene at the same decision can be compared. Empty
            compares only what was done where the very same was seen.

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
    others: Mapping[str, NDArray[Any]] = field(default_factory=dict[str, NDArray[Any]])
    order: tuple[int, ...] = ()
    chances: tuple[float, ...] = ()
    seconds: float | None = None
    scene: str = ""

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
        if self.points is not None and self.proprio is None:
            raise DataError("an event with 'points' has both, 'points' and 'proprio'")
        for name, part in self.others.items():
            if not _NAME.fullmatch(name) or name in (*_SEEN, *_STEP):
                raise DataError(f"event 'others' cannot have a part called {name!r:.80}")
            if part.dtype.name not in _KEPT or not part.size or not np.isfinite(part).all():
                raise DataError(f"event {name!r} must be finite, uint8 or float32, got {part.dtype} {part.shape}")
        if self.points is not None and self.points.shape[1] < 3:
            raise DataError(f"event 'points' must have x, y and z of each point, got {self.points.shape}")
        if not math.isfinite(self.time) or min(self.episode, self.step) < 0 or not self.operator:
            raise DataError(
                "an event needs a finite 'time', 'episode' and 'step' from 0 and an 'operator', got "
                f"{self.time}, {self.episode}, {self.step} and {self.operator!r}"
            )
        self._check_showing(count)

    def _check_showing(self, count: int) -> None:
        if len(set(self.order)) != len(self.order) or not all(0 <= index < count for index in self.order):
            raise DataError(f"event 'order' must name some of {count} candidates once, got {self.order!s:.80}")
        fits = len(self.chances) == len(self.order) and all(0 < chance <= 1 for chance in self.chances)
        if self.chances and not (fits and math.fsum(self.chances) <= 1 + _SUM):
            raise DataError(
                f"event 'chances' must be one for each of {len(self.order)} candidates of 'order', above 0, and add up "
                f"to 1 at most, got {self.chances!s:.80}"
            )
        if self.seconds is not None and not 0 <= self.seconds < math.inf:
            raise DataError(f"event 'seconds' must be finite and from 0, got {self.seconds}")
        if len(self.scene) > _WHOLE:
            raise DataError(f"event 'scene' must be a name of at most {_WHOLE} letters, got {self.scene!r:.80}")

    @cached_property
    def id(self) -> str:
        """Sixteen hexadecimal digits of what happened, by which the same event is recognised."""
        told = {name: value for name, value in self.to_json().items() if name not in _SEEN}
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; what is not known is left out."""
        stored = {one.name: getattr(self, one.name) for one in dataclasses.fields(self)}
        stored["others"] = {name: _packed(part) for name, part in self.others.items()} or None
        return {
            name: value.tolist() if isinstance(value, np.ndarray) else list(value) if name in _LISTS else value
            for name, value in stored.items()
            if value is not None and not (name in _LATER and value in ((), ""))
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> DeploymentEvent:
        """Inverse of `to_json`.

        Raises:
            DataError: A field is missing, unknown or of another type, or has a value that is not allowed.
        """
        fields = dataclasses.fields(cls)
        needed = [one.name for one in fields if one.default is one.default_factory is dataclasses.MISSING]
        wrong = [f"no {name!r}" for name in needed if stored.get(name) is None]
        wrong += [f"unknown {name!r}" for name in stored if name not in {one.name for one in fields}]
        if wrong:
            raise DataError(f"event must have {', '.join(one.name for one in fields)}; got {', '.join(wrong)}")
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
    if name == "others":
        if not isinstance(value, dict):
            raise DataError(f"event 'others' must be an object of parts, got {value!r:.80}")
        return {str(part): _unpacked(str(part), told) for part, told in value.items()}
    if name in _LISTS:
        kind, said = _LISTS[name]
        if not isinstance(value, list) or not all(type(one) in kind for one in value):
            raise DataError(f"event {name!r} must be a list of {said}, got {value!r:.80}")
        for one in value:
            require_plain(f"event {name!r}", one)
        return tuple(value)
    expected = _TYPES.get(name, (int,))
    if not isinstance(value, expected) or isinstance(value, bool):
        raise DataError(f"event {name!r} must be {expected[0].__name__}, got {value!r:.80}")
    require_plain(f"event {name!r}", value)
    return value


def _packed(part: NDArray[Any]) -> dict[str, Any]:
    """A part as JSON that takes little more room than its bytes."""
    return {
        "dtype": part.dtype.name,
        "shape": list(part.shape),
        "base64": base64.b64encode(np.ascontiguousarray(part).tobytes()).decode(),
    }


def _unpacked(name: str, told: Any) -> NDArray[Any]:
    fits = isinstance(told, dict) and set(told) == {"dtype", "shape", "base64"}
    shape: Any = told["shape"] if fits else None
    fits = fits and told["dtype"] in _KEPT and isinstance(told["base64"], str)
    if not fits or not isinstance(shape, list) or not all(type(size) is int and size > 0 for size in shape):
        raise DataError(
            f"event {name!r:.80} must have 'dtype' uint8 or float32, 'shape' and 'base64', got {told!r:.80}"
        )
    kind, count = np.dtype(told["dtype"]), math.prod(shape)
    try:
        content = base64.b64decode(told["base64"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise DataError(f"event {name!r:.80}: its 'base64' is none ({error})") from error
    if len(content) != count * kind.itemsize or len(content) > _BYTES or len(shape) > 4:
        raise DataError(f"event {name!r:.80} of shape {shape!s:.80} has {len(content)} bytes")
    return np.frombuffer(content, kind).reshape(shape)
