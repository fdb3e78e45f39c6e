"""All key points that are known, and reading of instructions by them."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, cast

from robopref.checklists.key_point import KeyPoint, Requirement, slots_of
from robopref.errors import ConfigError, unknown_name
from robopref.plain_yaml import plain_yaml, shortened, yaml_file

_FOLDER = "robopref.configs.key_points"
_FIELDS = (
    "means",
    "wordings",
    "question",
    "slots",
    "choices",
    "needed",
    "about",
    "what",
    "apart",
    "measure",
    "most",
    "least",
)
_LIST = (list, tuple)
_SHAPES: dict[str, tuple[Any, str]] = {
    "wordings": (_LIST, "a list of clauses"), "apart": (_LIST, "a list of key points"),
    "choices": (_LIST, "a list of groups of values, each {slot: value}"),
    "slots": (Mapping, "a group {slot: kind}"), "needed": (Mapping, "a group {word: place}"),
}  # fmt: skip
_PARTS = re.compile(r"[;\n]+|[.!?](?=\s|$)")
_WITHIN = re.compile(r",\s*(?:and\s+|then\s+|but\s+)*|\s+and\s+then\s+|\s+(?:and|but|then)\s+")
_FILLERS = re.compile(r"^(?:please|and|then|but|also|always|make sure to|be sure to)\s+", re.I)
LONGEST = 2000  # letters of an instruction that is read


@dataclass(frozen=True)
class ReadInstruction:
    """What an instruction says.

    Attributes:
        text: The instruction.
        requirements: What was read, in its order.
        rest: Clauses that ask for no key point, such as what is to be done at all.
    """

    text: str
    requirements: tuple[Requirement, ...]
    rest: tuple[str, ...]


class Vocabulary:
    """Key points by name.

    Args:
        points: The key points.

    Raises:
        ConfigError: Two have one name, or one is apart from one that there is not.
    """

    def __init__(self, points: Iterable[KeyPoint]) -> None:
        self.points: dict[str, KeyPoint] = {}
        for one in points:
            if one.name in self.points:
                raise ConfigError(f"two key points are called {one.name}")
            self.points[one.name] = one
        for one in self.points.values():
            for other in one.apart:
                if other not in self.points:
                    raise unknown_name(f"key point that {one.name} is apart from", other, self.points)

    def __getitem__(self, name: str) -> KeyPoint:
        if name not in self.points:
            raise unknown_name("key point", name, self.points)
        return self.points[name]

    def read(self, text: str) -> ReadInstruction:
        """Read an instruction clause by clause.

        Args:
            text: Clauses between semicolons, full stops, lines, commas or *and*.

        Raises:
            ConfigError: It says nothing, or more than is read.
        """
        if not text.strip() or len(text) > LONGEST:
            raise ConfigError(f"an instruction has 1 to {LONGEST} letters, got {len(text.strip())}")
        found: list[Requirement] = []
        rest: list[str] = []
        for part in _PARTS.split(text):
            clause = _bare(part)
            whole = self._clause(clause)
            pieces = [clause] if whole else [_bare(piece) for piece in _WITHIN.split(clause)]
            said = [whole] if whole else [self._clause(piece) for piece in pieces]
            if not any(said):
                rest += [clause] if clause else []
                continue
            found += [one for one in said if one is not None]
            rest += [piece for piece, one in zip(pieces, said, strict=True) if one is None and piece]
        return ReadInstruction(text, tuple(dict.fromkeys(found)), tuple(rest))

    def said(self, requirement: Requirement, wording: int = 0) -> str:
        """A clause that asks for it."""
        return self[requirement.key].said(requirement.values, wording)

    def contradict(self, one: Requirement, other: Requirement) -> bool:
        """Whether two requirements cannot both be meant.

        The same is asked for of the same thing in another way, the one is apart from the other, or they name different
        regions for a thing.
        """
        if other.key in self[one.key].apart or one.key in self[other.key].apart:
            return True
        goes = [(some.values.get("object"), some.values.get("region")) for some in (one, other)]
        if all(None not in some for some in goes) and goes[0][0] == goes[1][0] and goes[0][1] != goes[1][1]:
            return True
        point = self[one.key]
        if one.key != other.key or not point.what:
            return False
        return point.things(one.values) == point.things(other.values) and one != other

    def _clause(self, clause: str) -> Requirement | None:
        for point in self.points.values():
            values = point.read(clause) if clause else None
            if values is not None:
                return Requirement(point.name, values)
        return None


@cache
def shipped_vocabulary() -> Vocabulary:
    """The key points that come with robopref, one YAML a family in ``configs/key_points``."""
    files = sorted(
        (entry for entry in resources.files(_FOLDER).iterdir() if entry.name.endswith(".yaml")),
        key=lambda one: one.name,
    )
    return Vocabulary(
        point for file in files for point in family_of(plain_yaml(file.read_text(encoding="utf-8")), file.name)
    )


def vocabulary_with(paths: Sequence[str | Path]) -> Vocabulary:
    """The shipped key points and those of further families.

    Args:
        paths: YAML files as those in ``configs/key_points``. Their measures are imported: give files that you trust.

    Raises:
        ConfigError: A file says something else.
        DataError: A file cannot be read.
    """
    shipped = shipped_vocabulary()
    if not paths:
        return shipped
    made = list(shipped.points.values())
    for path in paths:
        made += family_of(yaml_file(path, "family of key points"), str(path))
    try:
        return Vocabulary(made)
    except ConfigError as error:
        raise ConfigError(f"key_points: {error}") from error


def family_of(content: Any, where: str) -> list[KeyPoint]:
    """Key points of a family, as its file says them.

    Args:
        content: ``module``, in which measures are, and ``points`` by name.
        where: Its name, for messages.

    Raises:
        ConfigError: It is none, or a measure does not exist.
    """
    if not isinstance(content, Mapping) or not isinstance(content.get("points"), Mapping):
        raise ConfigError(
            f"{where}: a family of key points looks like {{module: <module>, points: {{<name>: {{...}}}}}}, got "
            f"{shortened(content)}"
        )
    made: list[KeyPoint] = []
    for name, said in content["points"].items():
        if not isinstance(said, Mapping):
            raise ConfigError(f"{where}: key point {name} must say {', '.join(_FIELDS)}, got {shortened(said)}")
        for field in said:
            if field not in _FIELDS:
                raise unknown_name(f"field of key point {name} in {where}", str(field), _FIELDS)
        try:
            made.append(_point(str(name), said, content.get("module")))
        except (TypeError, ValueError, AttributeError) as error:
            raise ConfigError(f"{where}: key point {name} cannot be read ({error})") from error
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}") from error
    return made


def _point(name: str, said: Mapping[Any, Any], module: Any) -> KeyPoint:
    measure: Any = None
    if said.get("measure") is not None:
        try:
            measure = getattr(importlib.import_module(str(module)), str(said["measure"]))
        except Exception as error:  # it may be anybody's code
            raise ConfigError(
                f"measure {said['measure']} of key point {name}: {type(error).__name__}: {error}"
            ) from error
        if not callable(measure):
            raise ConfigError(f"measure {said['measure']} of key point {name} is no function of {module}")
    for field, (kind, wanted) in _SHAPES.items():
        if field in said and not isinstance(said[field], kind):
            raise ConfigError(f"{field} of key point {name} must be {wanted}, got {shortened(said[field])}")
    return KeyPoint(
        name, str(said.get("means", name)), tuple(map(str, said.get("wordings", ()))), str(said.get("question", "")),
        slots_of(said.get("slots", {})),
        tuple({str(slot): _plain(value) for slot, value in one.items()} for one in said.get("choices", ())),
        {str(word): int(place) for word, place in said.get("needed", {}).items()}, said.get("about"),
        bool(said.get("what", False)),
        tuple(map(str, said.get("apart", ()))), cast(Any, measure), said.get("most"), said.get("least"),
    )  # fmt: skip


def _plain(value: Any) -> str | float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _bare(clause: str) -> str:
    bare, before = " ".join(clause.split()).strip(" ,:"), None
    while bare != before:
        before, bare = bare, _FILLERS.sub("", bare)
    return bare
