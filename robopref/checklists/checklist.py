"""Checklists: what was asked for, point by point, and which share of it was done.

As in PromptEnhancer (arXiv 2509.04545), whose evaluator scores pictures by 24 key points of their prompt; here by what
simulation knows of a rollout, and by what somebody says who sees it where simulation does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from robopref.checklists.key_point import Requirement
from robopref.checklists.trace import Trace
from robopref.checklists.vocabulary import LONGEST, Vocabulary
from robopref.errors import ConfigError, DataError, unknown_name
from robopref.plain_yaml import plain_yaml, shortened, yaml_file

_FOLDER = "robopref.configs.checklists"
_MOST = 200  # points of a list
_LOOKS = "a checklist looks like {instruction: <sentence>, points: [{key: upright, object: cup}, ...]}"


@dataclass(frozen=True)
class Checklist:
    """What is asked for.

    Attributes:
        requirements: The points.
        instruction: What is to be done, in a sentence; may be empty.
    """

    requirements: tuple[Requirement, ...]
    instruction: str = ""

    def __len__(self) -> int:
        return len(self.requirements)


@dataclass(frozen=True)
class PointShare:
    """How often one point was done.

    Attributes:
        requirement: The point.
        done: Rollouts in which it was.
        known: Rollouts of which it is known.
        asked: Whether somebody who saw them said so, and not simulation.
    """

    requirement: Requirement
    done: int
    known: int
    asked: bool = False

    @property
    def share(self) -> float | None:
        """Of those of which it is known; None if there is none."""
        return self.done / self.known if self.known else None


def verdicts(vocabulary: Vocabulary, requirements: Iterable[Requirement], trace: Trace) -> list[bool | None]:
    """Whether a rollout does each thing that is asked for; None where its trace does not say."""
    return [vocabulary[one.key].satisfied(trace, one.values) for one in requirements]


def score(found: Sequence[bool | None]) -> float | None:
    """Share of points that were done, of those of which it is known; None if there is none."""
    known = [one for one in found if one is not None]
    return sum(known) / len(known) if known else None


def shares(
    vocabulary: Vocabulary,
    checklist: Checklist,
    traces: Sequence[Trace],
    ask: Callable[[int, str], bool | None] | None = None,
) -> list[PointShare]:
    """How often each point of a checklist was done.

    Args:
        vocabulary: Key points.
        checklist: The points.
        traces: Of the rollouts.
        ask: Says yes, no or None of a rollout's place and a question, where simulation does not know; None asks nobody.
    """
    found: list[PointShare] = []
    for one in checklist.requirements:
        point, said = vocabulary[one.key], list[bool]()
        asked = False
        for place, trace in enumerate(traces):
            done = point.satisfied(trace, one.values)
            if done is None and ask is not None:
                done, asked = ask(place, point.asked(one.values)), True
            said += [] if done is None else [done]
        found.append(PointShare(one, sum(said), len(said), asked))
    return found


def mean_share(found: Iterable[PointShare]) -> float | None:
    """Mean over the points of which something is known; None if there is none."""
    known = [one.share for one in found if one.share is not None]
    return sum(known) / len(known) if known else None


def load_checklist(name: str | Path, vocabulary: Vocabulary) -> Checklist:
    """A checklist that comes with robopref, by its name, or that of a YAML file.

    Args:
        name: Name, or path of a YAML file.
        vocabulary: Key points.

    Raises:
        ConfigError: There is none of this name, or it asks for what there is not.
        DataError: The file cannot be read, or is no checklist.
    """
    folder, text = resources.files(_FOLDER), str(name)
    known = sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))
    if text not in known and ("/" in text or text.lower().endswith((".yaml", ".yml"))):
        return checklist_of(yaml_file(text, "checklist", _LOOKS), vocabulary, text)
    if text not in known:
        raise unknown_name("checklist (or path of a YAML file)", text, known)
    return checklist_of(plain_yaml((folder / f"{text}.yaml").read_text(encoding="utf-8")), vocabulary, text)


def checklist_of(content: Any, vocabulary: Vocabulary, where: str) -> Checklist:
    """A checklist as a file says it.

    Args:
        content: ``points``, each with ``key`` and its values or as a clause in words; ``instruction`` may stand beside.
        vocabulary: Key points.
        where: Name of the file, for messages.

    Raises:
        ConfigError: A point asks for what there is not.
        DataError: It is no checklist.
    """
    points = content.get("points") if isinstance(content, Mapping) else None
    if not isinstance(points, list) or not points or set(content) - {"points", "instruction"}:
        raise DataError(f"{where}: {_LOOKS}, got {shortened(content)}")
    if len(points) > _MOST:
        raise DataError(f"{where}: a checklist has {_MOST} points at most, got {len(points)}")
    instruction = content.get("instruction", "")
    told = " ".join(instruction.split()) if isinstance(instruction, str) else ""
    if not isinstance(instruction, str) or len(told) > LONGEST or not told.isprintable():
        got = repr(instruction)[:80]
        raise DataError(f"{where}: instruction must be a sentence of {LONGEST} letters at most, got {got}")
    found: list[Requirement] = []
    for place, said in enumerate(points, 1):
        try:
            found.append(requirement_of(said, vocabulary))
        except ConfigError as error:
            raise ConfigError(f"{where}, point {place}: {error}") from error
    return Checklist(tuple(found), told)


def requirement_of(said: Any, vocabulary: Vocabulary) -> Requirement:
    """A requirement as a mapping with ``key`` and values, or as a clause in words.

    Raises:
        ConfigError: It is none.
    """
    if isinstance(said, str):
        read = vocabulary.read(said)
        if len(read.requirements) != 1 or read.rest:
            raise ConfigError(f"{said!r} asks for no key point; write it as {{key: <name>, <slot>: <value>}}")
        return read.requirements[0]
    if not isinstance(said, Mapping) or not isinstance(said.get("key"), str):
        raise ConfigError(f"a point looks like {{key: upright, object: cup}}, got {shortened(said)}")
    values = {str(name): value for name, value in said.items() if name != "key"}
    return Requirement(said["key"], vocabulary[said["key"]].checked(values))
