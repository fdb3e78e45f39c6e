"""Small tables of answers to try filters on."""

from collections.abc import Sequence

from robopref.answers import Answers
from robopref.records import Feedback, Item, Preference, Query

A, B, C = (Item("run", 0, 1, k) for k in range(3))
AB, BA, BC = (Query(name, "pair", items) for name, items in (("ab", (A, B)), ("ba", (B, A)), ("bc", (B, C))))
ASKED_OTHERWISE = Query("ab quickly", "pair", (A, B), "be quick")


def say(query: Query, p: float, labeler: str = "ann", **known: object) -> Feedback:
    """An answer, known by its version to be of a model."""
    return Feedback(query.id, Preference(p), labeler, **{"labeler_version": "v1", **known})  # type: ignore[arg-type]


def table(feedback: Sequence[Feedback]) -> Answers:
    return Answers.of([AB, BA, BC, ASKED_OTHERWISE], feedback)
