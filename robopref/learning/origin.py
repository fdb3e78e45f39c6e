"""What a training run is made from, so that one of other data or settings is not continued, and which they were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

LABELS = "labels"  # the part that grows while a run goes on
GUARD = "guard"  # and that of labels which are not trained on, but watch
HELD_OUT = "held out"  # and that of those among them which say when to stop
FIRST = "first weights"  # the part that follows from how a model is made
STEPS = "steps"  # the part that a run which goes on changes
_LONGEST = 40  # letters of a value that is said; what is longer, such as a fingerprint, tells nobody anything


class TrainingOrigin(str):
    """What a training run is made from, as text to be compared, with the parts of it by name.

    Attributes:
        parts: Plain words by name.
    """

    __slots__ = ("parts",)
    parts: dict[str, str]

    def __new__(cls, text: str, parts: Mapping[str, object]) -> TrainingOrigin:
        """Take the text, and say what it is made of.

        Args:
            text: The same for the same data and settings only.
            parts: Settings, descriptions and fingerprints by name.
        """
        made = super().__new__(cls, text)
        made.parts = {name: str(value) for name, value in parts.items()}
        return made


def parts_of(origin: str) -> dict[str, str]:
    """The named parts of an origin; of a plain text there are none."""
    return dict(origin.parts) if isinstance(origin, TrainingOrigin) else {}


def settings_of(config: object) -> dict[str, object]:
    """The settings of a dataclass by name."""
    if not is_dataclass(config):
        return {}
    return {field.name: getattr(config, field.name) for field in fields(config)}


def differences(before: Any, parts: Mapping[str, str]) -> str:
    """What differs between a stored origin and the present one.

    Args:
        before: Its parts as they were stored; there may be none.
        parts: Those of the present one.

    Returns:
        Names with the values that they had and have; empty if it cannot be told.
    """
    said: list[str] = []
    for name in differing(before, parts):
        was, value = str(before[name]), parts[name]
        short = max(len(was), len(value)) <= _LONGEST
        said.append(f"{name} was {was}, is {value}" if short else f"other {name}")
    return ", ".join(said)


def differing(before: Any, parts: Mapping[str, str]) -> list[str]:
    """Names of the parts that differ between a stored origin and the present one; arguments as of `differences`."""
    if not isinstance(before, dict):
        return []
    return [name for name, value in parts.items() if before.get(name) is not None and not _same(before[name], value)]


def _same(was: object, value: str) -> bool:
    """Whether two values are the same, as texts or, being 1 and 1.0, as numbers."""
    if str(was) == value:
        return True
    try:
        return max(len(str(was)), len(value)) <= _LONGEST and float(str(was)) == float(value)
    except ValueError:
        return False
