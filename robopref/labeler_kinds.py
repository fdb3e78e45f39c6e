"""What kind of labeler answered, as far as a stored answer tells."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from robopref.records import Feedback

Kind = Literal["person", "scripted", "model", "check", "self", "unknown"]

# Names that label databases use for answers that no person gave.
RESERVED: dict[str, Kind] = {
    "scripted-teacher": "scripted", "attention-check": "check", "vlm": "model", "metric": "model",
}  # fmt: skip
# Begins the names of labelers that are part of what learns from them; no person's name holds a colon.
SELF = "self:"
# Kinds that nothing learns from unless they are named.
UNCOUNTED: tuple[Kind, ...] = ("check", "self")
# Versions of a teacher, a digest and a seed, and of a model or metric, which end in a digest.
_SCRIPTED, _MODEL = re.compile(r"[0-9a-f]{8}-\d+"), re.compile(r"(.* )?[0-9a-f]{8}", re.DOTALL)
_EVENT = "event "  # begins the version of what an operator did
_PLAIN, _TOLD = re.compile(r"[\w.@:+-]{1,64}"), 10


def labeler_kinds(feedback: Iterable[Feedback]) -> dict[str, Kind]:
    """The kind of everyone who answered.

    A labeler has one kind, which any of its answers may tell: its name or version, or for a person in which order the
    items were shown or how long it took.

    Args:
        feedback: The answers.

    Returns:
        By name; ``unknown`` for those whose answers do not tell, such as most of files of other projects.
    """
    kinds: dict[str, Kind] = {}
    for given in feedback:
        if kinds.get(given.labeler, "unknown") == "unknown":
            kinds[given.labeler] = _kind(given)
    return kinds


def _kind(given: Feedback) -> Kind:
    version = given.labeler_version
    if given.labeler in RESERVED:
        return RESERVED[given.labeler]
    if given.labeler.startswith(SELF):
        return "self"
    if _SCRIPTED.fullmatch(version):
        return "scripted"
    if _MODEL.fullmatch(version):
        return "model"
    if given.order or given.seconds is not None or version.startswith(_EVENT):
        return "person"
    # Who answers through the protocol of labelers says a version; files of other projects do not.
    return "model" if version else "unknown"


def listed_names(names: Iterable[str]) -> str:
    """Names for a message and, if they are plain, for a setting: apart by commas, odd ones in quotes, at most ten.

    Args:
        names: Of labelers; databases may come from anyone.

    Returns:
        The text.
    """
    there = sorted(set(names))
    told = [name if _PLAIN.fullmatch(name) else repr(name[:64]) for name in there[:_TOLD]]
    return ",".join(told) + (f" and {len(there) - _TOLD} more" if len(there) > _TOLD else "")
