"""An instruction, what is around, and what whoever gave it wants beyond what was said."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from robopref.checklists.checklist import requirement_of
from robopref.checklists.key_point import Requirement
from robopref.checklists.vocabulary import LONGEST, Vocabulary
from robopref.errors import ConfigError, DataError, unknown_name
from robopref.files import require_file
from robopref.plain_json import plain_json
from robopref.plain_yaml import shortened

_WORD = re.compile(r"[a-z][a-z'-]*", re.I)
# Words that tell nothing of what is wanted.
_EMPTY = frozenset({
    "a", "all", "an", "and", "at", "be", "before", "by", "for", "from", "get", "go", "in", "into", "is", "it",
    "its", "me", "move", "my", "no", "nothing", "of", "off", "on", "or", "out", "over", "please", "put", "take",
    "than", "that", "the", "their", "them", "then", "there", "these", "this", "to", "up", "where", "with",
    "within", "you", "your",
})  # fmt: skip
_NAMED = re.compile(
    r"\b(?:the|an?|my|your|his|her|their|these|those|some)\s+([a-z][a-z'-]*(?:\s+[a-z][a-z'-]*)?)", re.I
)
_SHORT = frozenset({
    "away", "back", "down", "here", "off", "out", "over", "there", "up", "to", "into", "onto", "on", "in", "at",
    "from", "with", "of",
})  # fmt: skip
_MOST_CUES, _LONGEST = 24, 10_000_000
_FIELDS = ("instruction", "scene", "wanted")


@dataclass(frozen=True)
class Cue:
    """Something that may tell what is wanted.

    Attributes:
        text: A word of the instruction, or a thing that is around with what it is like.
        thing: Which thing; None for a word of the instruction.
    """

    text: str
    thing: str | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """Its words."""
        return tuple(word.lower() for word in _WORD.findall(self.text))


@dataclass(frozen=True)
class Case:
    """An instruction in a scene.

    Attributes:
        instruction: As it was given.
        scene: Things that are around, each with what it is like, the thing last: ``full cup``, ``laptop``.
        wanted: What whoever gave it wants, said or not; empty where nobody knows.

    Raises:
        ConfigError: The instruction says nothing, is too long, or has letters that cannot be shown.
    """

    instruction: str
    scene: tuple[str, ...] = ()
    wanted: tuple[Requirement, ...] = ()

    def __post_init__(self) -> None:
        if not _WORD.search(self.instruction):
            raise ConfigError(
                "an instruction says what is to be done, in English such as 'put the box away', got "
                f"{self.instruction[:80]!r}"
            )
        if len(self.instruction) > LONGEST:
            raise ConfigError(f"an instruction has {LONGEST} letters at most, got {len(self.instruction)}")
        for text in (self.instruction, *self.scene):
            # Others would steer the terminal that they are shown in, or cannot be written at all.
            strange = next((one for one in text if not one.isprintable() and one not in "\n\t\r"), None)
            if strange is not None:
                raise ConfigError(f"{text[:80]!r} has a letter that cannot be shown, {strange!r}")

    @cached_property
    def handled(self) -> str:
        """The thing that is handled: the first that the instruction names."""
        there = {thing_of(entry) for entry in self.scene}
        for word in _WORD.findall(self.instruction):
            for one in (word.lower(), singular_word(word.lower())):
                if one in there:
                    return one
        named = _NAMED.search(self.instruction)
        if named is None:
            return "object"
        words = [word for word in named[1].lower().split() if word not in _SHORT]
        return singular_word(words[-1]) if words else "object"

    @cached_property
    def cues(self) -> tuple[Cue, ...]:
        """What may tell what is wanted: what is around, and words of the instruction."""
        found = [Cue(entry.lower(), thing_of(entry)) for entry in self.scene]
        seen = {word for cue in found for word in cue.words} | set(_EMPTY)
        for word in _WORD.findall(self.instruction):
            plain = word.lower()
            if plain not in seen and singular_word(plain) not in seen:
                found.append(Cue(singular_word(plain) if singular_word(plain) == self.handled else plain))
                seen.add(plain)
        return tuple(dict.fromkeys(found))[:_MOST_CUES]


def thing_of(entry: str) -> str:
    """The thing of an entry of a scene such as ``full cup``: its last word."""
    words = _WORD.findall(entry.lower())
    if not words:
        raise ConfigError(f"a scene lists things, such as [full cup, laptop], got {entry!r}")
    return words[-1]


def singular_word(word: str) -> str:
    """One of some things, by English rules; ``glass`` is no plural."""
    if len(word) < 4 or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    if word.endswith(("sses", "xes", "shes", "ches")):
        return word[:-2]
    return word.removesuffix("s")


def words_of(cases: Iterable[Case]) -> set[str]:
    """Words of what may tell what is wanted in any of some cases."""
    return {word for case in cases for cue in case.cues for word in cue.words}


def load_cases(path: Path, vocabulary: Vocabulary) -> list[Case]:
    """Cases of a file, one JSON object a line: ``instruction``, ``scene`` and ``wanted``.

    Args:
        path: The file.
        vocabulary: Key points.

    Raises:
        DataError: It cannot be read, or a line is no case; the message names the line.
    """
    require_file(path)
    try:
        with path.open(encoding="utf-8-sig") as file:
            text = file.read(_LONGEST + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read cases from {path}: {getattr(error, 'strerror', None) or error}") from error
    if len(text) > _LONGEST:
        raise DataError(f"{path} has more than {_LONGEST:,} letters")
    found: list[Case] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            found.append(case_of(plain_json(line), vocabulary))
        except (ValueError, RecursionError, ConfigError) as error:
            raise DataError(f"{path}, line {number}: {error}") from error
    if not found:
        raise DataError(f"{path} holds no case")
    return found


def case_of(content: Any, vocabulary: Vocabulary) -> Case:
    """A case as a file says it.

    Raises:
        ConfigError: It is none.
    """
    if not isinstance(content, Mapping) or not isinstance(content.get("instruction"), str):
        raise ConfigError(
            'a case looks like {"instruction": "put the cup away", "scene": ["full cup"], "wanted": [...]}, got '
            f"{shortened(content)}"
        )
    for name in content:
        if name not in _FIELDS:
            raise unknown_name("field of a case", str(name)[:80], _FIELDS)
    scene, wanted = content.get("scene", []), content.get("wanted", [])
    if not isinstance(scene, list) or not all(isinstance(one, str) for one in scene) or not isinstance(wanted, list):
        got = f"{shortened(scene)} and {shortened(wanted)}"
        raise ConfigError(f"scene must be a list of names, and wanted a list of points, got {got}")
    for entry in scene:
        thing_of(entry)
    return Case(content["instruction"], tuple(scene), tuple(requirement_of(one, vocabulary) for one in wanted))


def plain_case(case: Case) -> dict[str, Any]:
    """A case as plain values, as `case_of` reads it."""
    return {"instruction": case.instruction, "scene": list(case.scene), "wanted": plain_requirements(case.wanted)}


def plain_requirements(requirements: Iterable[Requirement]) -> list[dict[str, Any]]:
    """Requirements as plain values."""
    return [{"key": one.key, **one.values} for one in requirements]


def unsaid(case: Case, vocabulary: Vocabulary) -> tuple[Case, tuple[Requirement, ...]]:
    """The case without clauses that ask for key points, whose words call for nothing more; and what they ask for."""
    read = vocabulary.read(case.instruction)
    if not read.requirements or not any(_WORD.search(part) for part in read.rest):
        return case, read.requirements
    return Case("; ".join(read.rest), case.scene, case.wanted), read.requirements


def needs(case: Case, vocabulary: Vocabulary, *, known: Sequence[Requirement] = ()) -> dict[Requirement, Cue]:
    """What words of a case call for by the tables of the key points, each with the cue that does.

    Args:
        case: The instruction and what is around.
        vocabulary: Key points.
        known: What is asked for already; nothing is needed that contradicts it, or that says the same again.

    Returns:
        Requirements, none of which contradicts another, in the order of the key points.
    """
    found: dict[Requirement, Cue] = {}
    for name, point in vocabulary.points.items():
        for cue in case.cues:
            words = [word for word in cue.words if word in point.needed]
            if not words or not point.fits(cue.thing, case.handled):
                continue
            made = Requirement(name, point.fillings(point.needed[words[0]], cue.thing, case.handled))
            others = [*known, *found]
            told = [one.key == name and point.things(one.values) == point.things(made.values) for one in others]
            if not any(told) and not any(vocabulary.contradict(made, one) for one in others):
                # What the thing is like is no reason where the thing itself is.
                found[made] = Cue(words[0], cue.thing) if words[0] == cue.thing else cue
    return found
