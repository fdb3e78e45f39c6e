"""One kind of thing that instructions ask for: how it is said, how it is checked, and what a picture is asked."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeGuard

from robopref.checklists.trace import Trace
from robopref.errors import ConfigError, unknown_name

SlotKind = Literal["object", "objects", "thing", "place", "word", "number"]
About = Literal["object", "thing", "any"]
_ABOUT: Sequence[About] = ("object", "thing", "any")
Value = str | float
_THING, _NUMBER = r"[a-z](?:(?! (?:and|then|but) )[a-z0-9' -]){0,40}?", r"\d{1,6}(?:\.\d{1,4})?"
_SLOT = re.compile(r"\{(\w+)\}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,29}")


@dataclass(frozen=True)
class Slot:
    """What a clause leaves open.

    Attributes:
        kind: ``object``: the thing that is handled, ``objects``: several of it, ``thing``: another one, ``place``:
            where it goes, ``word``: one of some words, ``number``.
        words: Those words.
        scale: Of a number, what one of its unit is in metres, seconds, newtons or radians.
    """

    kind: SlotKind
    words: tuple[str, ...] = ()
    scale: float = 1.0

    @property
    def pattern(self) -> str:
        """What is read in its place."""
        if self.kind == "number":
            return _NUMBER
        return "|".join(map(re.escape, self.words)) if self.kind == "word" else _THING


@dataclass(frozen=True)
class Requirement:
    """One thing that is asked for.

    Attributes:
        key: Name of the key point.
        values: What it leaves open, by slot; numbers in the unit of the clause.
    """

    key: str
    values: Mapping[str, Value] = field(default_factory=dict[str, Value])

    def __hash__(self) -> int:
        return hash((self.key, tuple(sorted(self.values.items()))))


@dataclass(frozen=True)
class KeyPoint:
    """A kind of requirement.

    Attributes:
        name: Its name.
        means: What it is about, in words.
        wordings: Clauses that ask for it, with slots in braces; the first is how robopref says it.
        question: What somebody who sees the rollout is asked; yes is good.
        slots: By name.
        choices: Values of the slots of kind ``place``, ``word`` and ``number`` that may be proposed.
        needed: Words that call for it, by the place of the choice.
        about: Of what such words are said: of the ``object``, of another ``thing``, or of ``any``; None takes the thing
            if a slot is one, else the object if a slot is one, else any.
        what: Whether it says what is done, and not how: to add one that nobody wants changes the intent.
        apart: Key points that cannot be asked for at the same time.
        measure: From a trace and the values, but for that which is the limit, to a number, or None if the trace does
            not know; None leaves it to whoever sees the rollout.
        most: The number is to be this at most: a number, or the slot that says it.
        least: At least, likewise.

    Raises:
        ConfigError: A wording or a limit names a slot that there is not, or a choice leaves one open.
    """

    name: str
    means: str
    wordings: tuple[str, ...]
    question: str
    slots: Mapping[str, Slot] = field(default_factory=dict[str, Slot])
    choices: tuple[Mapping[str, Value], ...] = ()
    needed: Mapping[str, int] = field(default_factory=dict[str, int])
    about: About | None = None
    what: bool = False
    apart: tuple[str, ...] = ()
    measure: Callable[..., float | None] | None = None
    most: float | str | None = None
    least: float | str | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ConfigError(f"a key point is called by small letters, digits and _, got {self.name!r}")
        if not self.wordings:
            raise ConfigError(f"key point {self.name} has no wording")
        self._require_wordings()
        self._require_limits()
        self._require_choices()

    def _require_wordings(self) -> None:
        limits = [one for one in (self.most, self.least) if isinstance(one, str)]
        for said in (*self.wordings, self.question, *(f"{{{one}}}" for one in limits)):
            named = _SLOT.findall(said)
            for slot in named:
                if slot not in self.slots:
                    raise unknown_name(f"slot of key point {self.name}", slot, self.slots)
            if len(set(named)) < len(named) or set("{}") & set(_SLOT.sub("", said)):
                raise ConfigError(f"key point {self.name}: braces enclose a slot, each once in a clause, got {said!r}")

    def _require_limits(self) -> None:
        for limit in (self.most, self.least):
            if not (limit is None or isinstance(limit, str) or _is_number(limit)):
                raise ConfigError(f"key point {self.name}: most and least are a number or a slot, got {limit!r}")
        if self.measure is not None and (self.most is None) == (self.least is None):
            raise ConfigError(f"key point {self.name} is measured, and needs most or least, and not both")

    def _require_choices(self) -> None:
        if self.about not in (None, *_ABOUT):
            raise unknown_name(f"about of key point {self.name}", str(self.about), _ABOUT)
        left = sorted(name for name, slot in self.slots.items() if slot.kind in ("place", "word", "number"))
        for choice in self.choices:
            if sorted(choice) != left:
                raise ConfigError(
                    f"key point {self.name}: a choice says {', '.join(left) or 'nothing'}, got {dict(choice)}"
                )
            for name, value in choice.items():
                self._checked(name, value)
        for word, place in self.needed.items():
            if not 0 <= place < len(self.choices):
                raise ConfigError(f"key point {self.name}: {word} needs choice {place} of {len(self.choices)}")

    def said(self, values: Mapping[str, Value], wording: int = 0) -> str:
        """A clause that asks for it."""
        return self.wordings[wording % len(self.wordings)].format(**_shown(values))

    def asked(self, values: Mapping[str, Value]) -> str:
        """The question to somebody who sees the rollout."""
        return self.question.format(**_shown(values))

    def read(self, clause: str) -> dict[str, Value] | None:
        """Values of a clause that asks for it; None if it says something else."""
        for pattern in self._patterns:
            matched = pattern.fullmatch(clause)
            if matched is not None:
                given = {name: " ".join(text.lower().split()) for name, text in matched.groupdict().items()}
                return {name: self._value(name, text) for name, text in given.items()}
        return None

    def checked(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """Values that somebody wrote down.

        Raises:
            ConfigError: One is missing, is none of this key point, or is of the wrong kind.
        """
        for name in values:
            if name not in self.slots:
                raise unknown_name(f"value of key point {self.name}", str(name), self.slots)
        found: dict[str, Value] = {}
        for name in self.slots:
            if name not in values:
                raise ConfigError(f"key point {self.name} needs {name}")
            found[name] = self._checked(name, values[name])
        return found

    def _checked(self, name: str, value: object) -> Value:
        """What somebody wrote down in the place of a slot."""
        slot = self.slots[name]
        if slot.kind == "number":
            if not _is_number(value) or value < 0:
                raise ConfigError(
                    f"{name} of key point {self.name} must be a number of at least 0, got {repr(value)[:80]}"
                )
            return float(value)
        if slot.kind == "word" and isinstance(value, str) and value.lower() not in slot.words:
            raise unknown_name(f"{name} of key point {self.name}", value[:80], slot.words)
        if not isinstance(value, str) or not re.fullmatch(_THING, value, re.I):
            kind = f"one of {', '.join(slot.words)}" if slot.kind == "word" else "the name of a thing"
            raise ConfigError(f"{name} of key point {self.name} must be {kind}, got {repr(value)[:80]}")
        return value.lower()

    def satisfied(self, trace: Trace, values: Mapping[str, Value]) -> bool | None:
        """Whether a rollout does as asked; None if its trace does not say."""
        if self.measure is None:
            return None
        scaled = {name: self.scaled(name, value) for name, value in values.items()}
        bound = self.least if self.most is None else self.most
        limit = float(scaled.pop(bound) if isinstance(bound, str) else bound or 0.0)
        found = self.measure(trace, **scaled)
        if found is None or math.isnan(found):  # what is not known at some moment is no number
            return None
        return found >= limit - 1e-9 if self.most is None else found <= limit + 1e-9

    def scaled(self, name: str, value: Value) -> Value:
        """A value in metres, seconds, newtons or radians, if it is a number."""
        return value if isinstance(value, str) else value * self.slots[name].scale

    def fits(self, thing: str | None, handled: str) -> bool:
        """Whether a word that is said of a thing, or of None in particular, may call for it."""
        kinds = {slot.kind for slot in self.slots.values()}
        about = self.about or ("thing" if "thing" in kinds else "object" if kinds & {"object", "objects"} else "any")
        if about == "thing":
            return thing is not None and thing != handled
        return about == "any" or thing in (None, handled)

    def things(self, values: Mapping[str, Value]) -> list[str]:
        """Things that values name."""
        return [str(value) for name, value in values.items() if self.slots[name].kind in ("object", "objects", "thing")]

    def fillings(self, choice: int, thing: str | None, handled: str) -> dict[str, Value]:
        """Values of a choice, about a thing, where another one is handled."""
        by_kind = {"object": handled, "objects": plural(handled), "thing": thing or handled}
        open_ = {name: by_kind[slot.kind] for name, slot in self.slots.items() if slot.kind in by_kind}
        return {**open_, **self.choices[choice]}

    def _value(self, name: str, text: str) -> Value:
        return float(text) if self.slots[name].kind == "number" else text

    @cached_property
    def _patterns(self) -> list[re.Pattern[str]]:
        return [re.compile(self._pattern(wording), re.I) for wording in self.wordings]

    def _pattern(self, wording: str) -> str:
        parts = _SLOT.split(wording)
        escaped = [
            rf"(?P<{part}>{self.slots[part].pattern})" if place % 2 else re.escape(part).replace(r"\ ", r"\s+")
            for place, part in enumerate(parts)
        ]
        return "".join(escaped)


def plural(thing: str) -> str:
    """Several of a thing, by English rules."""
    if thing.endswith(("s", "x", "sh", "ch")):
        return f"{thing}es"
    return f"{thing[:-1]}ies" if thing.endswith("y") and thing[-2:-1] not in tuple("aeiou") else f"{thing}s"


def _is_number(value: object) -> TypeGuard[int | float]:
    """Whether it is a finite number of a size that can be computed with."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _shown(values: Mapping[str, Value]) -> dict[str, str]:
    return {name: value if isinstance(value, str) else f"{value:g}" for name, value in values.items()}


def slots_of(given: Mapping[str, object]) -> dict[str, Slot]:
    """Slots as a file says them: a kind, or a mapping of what `Slot` has.

    Raises:
        ConfigError: One is none.
    """
    kinds: Sequence[SlotKind] = ("object", "objects", "thing", "place", "word", "number")
    found: dict[str, Slot] = {}
    for name, said in given.items():
        told: dict[Any, Any] = dict(said) if isinstance(said, Mapping) else {"kind": said}
        unknown = set(map(str, told)) - {"kind", "words", "scale"}
        if unknown or told.get("kind") not in kinds:
            raise ConfigError(
                f"slot {name} must be one of {', '.join(kinds)}, or say kind, words and scale; got {said}"
            )
        made = Slot(told["kind"], tuple(map(str, told.get("words", ()))), float(told.get("scale", 1.0)))
        if not _NAME.fullmatch(str(name)):
            raise ConfigError(f"a slot is called by small letters, digits and _, got {str(name)!r}")
        if (made.kind == "word") != bool(made.words) or not 0 < made.scale < math.inf:
            raise ConfigError(f"slot {name}: words are for kind word, and scale is a positive number; got {said}")
        found[str(name)] = made
    return found
