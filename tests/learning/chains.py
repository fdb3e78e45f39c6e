"""A label database of a teacher with reasons, a student that errs, and a person who is right."""

from pathlib import Path

from robopref.data.labels.feedback_store import FeedbackStore
from robopref.labelers.vlm import ORDERS_DISAGREE, UNREADABLE
from robopref.reasons import Chain, DimensionFinding
from robopref.records import Abstain, Feedback, Item, Preference, Query

QUERIES = [
    Query(f"q{k}", "pair", (Item("demos", k, k + 2), Item("demos", k + 2, k + 4)), "Open the drawer.") for k in range(4)
]


def chain(order: tuple[int, int], progress: tuple[int, int], contact: tuple[int, int], verdict: float) -> str:
    found = (DimensionFinding("progress", progress, "It moves."), DimensionFinding("contact", contact, "It touches."))
    return Chain(order, found, verdict, 0.9).written()


def both(first: float, second: float) -> str:
    """Chains of both orders with such verdicts."""
    return "\n--\n".join(
        chain(order, (8, 3) if verdict else (3, 8), (6, 4) if verdict else (4, 6), verdict)
        for order, verdict in (((0, 1), first), ((1, 0), second))
    )


FEEDBACK = [
    # The teacher answers two, and cannot tell one.
    Feedback("q0", Preference(1), "teacher", "m 12345678", rationale=both(1, 1)),
    Feedback("q1", Preference(0), "teacher", "m 12345678", rationale=both(0, 0)),
    Feedback("q2", Abstain("cannot tell"), "teacher", "m 12345678", rationale=chain((0, 1), (5, 5), (5, 5), 0.5)),
    # The student is right, wrong, of two minds, and unreadable.
    Feedback("q0", Preference(1), "student", "m 12345678", rationale=both(1, 1)),
    Feedback("q1", Preference(1), "student", "m 12345678", rationale=both(1, 1)),
    Feedback("q2", Abstain(ORDERS_DISAGREE), "student", "m 12345678", rationale=both(1, 0)),
    Feedback("q3", Abstain(UNREADABLE), "student", "m 12345678", rationale="no 'answer' in the reply: {}"),
    # Ann is right, and says why of one.
    Feedback("q0", Preference(1), "ann"),
    Feedback("q1", Preference(0), "ann", rationale=chain((0, 1), (2, 9), (7, 3), 0)),
    Feedback("q2", Preference(1), "ann"),
    Feedback("q3", Preference(0.5), "ann"),
]


def labelled(folder: Path) -> Path:
    """Write the database into a run folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with FeedbackStore(folder / "labels.sqlite") as store:
        store.add_queries(QUERIES)
        store.add_all(FEEDBACK)
    return folder
