"""What items are to be judged by: a task says what, a principle in words says how."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import replace

from robopref.errors import ConfigError
from robopref.records import Query

_BEFORE = "Principle: "  # the principle of an instruction, in its last line
LONGEST = 500  # letters of a principle
_BETWEEN = re.compile(r"[;.\n]+\s*(?:and\s+)?(?:then\b[\s,:]*)?|[\s,]+(?:and\s+)?then\b[\s,:]*", re.I)


def plain_principle(text: str) -> str:
    """A principle in one line.

    Args:
        text: As it was typed.

    Raises:
        ConfigError: It says nothing, or too much.
    """
    found = " ".join(text.split())
    if not clauses_of(found):
        raise ConfigError(f"a principle says how to judge, such as 'keep the cup upright; then be fast', got {text!r}")
    if len(found) > LONGEST or not found.isprintable():
        raise ConfigError(f"a principle has {LONGEST} printable letters at most, got {len(found)}")
    return found


def judged_by(task: str, principle: str | None) -> str:
    """The instruction of a question: what its labeler sees.

    Args:
        task: What is done; may be empty.
        principle: How it is to be done; None or empty leaves the task alone.
    """
    if not principle:
        return task
    return "\n".join([*([task] if task else []), f"{_BEFORE}{plain_principle(principle)}"])


def principle_in(instruction: str) -> str:
    """The principle that an instruction ends with; an instruction without one is a principle itself."""
    last = instruction.rstrip().rpartition("\n")[2]
    return last.removeprefix(_BEFORE) if last.startswith(_BEFORE) else " ".join(instruction.split())


def clauses_of(principle: str) -> tuple[str, ...]:
    """What a principle asks for, the most important first: parts between semicolons, full stops or ``then``."""
    return tuple(part for one in _BETWEEN.split(principle) if (part := one.strip(" ,:")))


def under_principle(queries: Iterable[Query], principle: str | None) -> list[Query]:
    """Questions about the same items, judged by a principle; each is another question for another instruction.

    Args:
        queries: Questions whose instruction is their task.
        principle: How to judge; None or empty leaves them, and their ids, as they are.

    Returns:
        Them, with the instruction and an id that ends with its hash, so that answers by two principles never meet.
    """
    if not principle:
        return list(queries)
    made: list[Query] = []
    for query in queries:
        instruction = judged_by(query.instruction, principle)
        told = hashlib.sha256(instruction.encode()).hexdigest()[:12]
        made.append(replace(query, id=f"{query.id}/{told}", instruction=instruction))
    return made
