"""What people wrote with their answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from robopref.labeler_kinds import Kind, labeler_kinds
from robopref.quality.reason_quality import told_answer
from robopref.records import Feedback

_WHO: tuple[Kind, ...] = ("person", "unknown")  # files of other projects do not always tell
_LONGEST = 2000  # letters, as many as the page takes


@dataclass(frozen=True)
class WrittenWords:
    """What somebody wrote with an answer.

    Attributes:
        query: Id of the question.
        labeler: Who.
        answer: In words.
        said: In one line; it may speak of places, which are those at which this person was shown the items.
    """

    query: str
    labeler: str
    answer: str
    said: str


def written_words(feedback: Sequence[Feedback]) -> list[WrittenWords]:
    """What people wrote, the latest first; models' reasons are none of it.

    Args:
        feedback: The answers, in the order in which they were given.
    """
    kinds = labeler_kinds(feedback)
    return [
        WrittenWords(given.query_id, given.labeler, told_answer(given), said)
        for given in reversed(feedback)
        if kinds[given.labeler] in _WHO and (said := in_one_line(given.rationale))
    ]


def in_one_line(text: str, longest: int = _LONGEST) -> str:
    """Words of anybody without line breaks, and without what would steer a terminal.

    Args:
        text: The words.
        longest: Letters that are kept.
    """
    words = " ".join(text[: 2 * longest].split())
    return "".join(letter for letter in words if letter.isprintable())[:longest]
