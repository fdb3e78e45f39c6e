"""What items are judged by: sentences, their clauses, and questions that differ by them."""

import pytest

from robopref.errors import ConfigError
from robopref.principles import clauses_of, judged_by, plain_principle, principle_in, under_principle
from robopref.querying.candidate_queries import candidate_queries

UPRIGHT = "keep the cup upright; then be fast"


@pytest.mark.parametrize(
    ("principle", "clauses"),
    [
        (UPRIGHT, ("keep the cup upright", "be fast")),
        ("be gentle, then quick. And then save energy.", ("be gentle", "quick", "save energy")),
        ("be gentle", ("be gentle",)),
        ("strengthen the grip", ("strengthen the grip",)),
        (" ; then", ()),
    ],
)
def test_clauses_come_in_their_order(principle: str, clauses: tuple[str, ...]) -> None:
    assert clauses_of(principle) == clauses


def test_an_instruction_holds_task_and_principle_and_gives_the_principle_back() -> None:
    both = judged_by("Open the drawer.", f"  {UPRIGHT}\n")
    assert both == f"Open the drawer.\nPrinciple: {UPRIGHT}"
    assert principle_in(both) == UPRIGHT
    assert judged_by("", UPRIGHT) == f"Principle: {UPRIGHT}"
    assert judged_by("Open the drawer.", None) == "Open the drawer."
    assert principle_in("Open the drawer.") == "Open the drawer."


@pytest.mark.parametrize("said", ["", " ; ", "fast" * 126, "be\x07fast"])
def test_what_is_no_principle_is_refused(said: str) -> None:
    with pytest.raises(ConfigError, match="a principle"):
        plain_principle(said)


def test_questions_under_two_principles_never_meet_and_those_without_stay() -> None:
    plain = candidate_queries("drawn", 2, 3, kind="pair", instruction="Open the drawer.")
    assert under_principle(plain, None) == plain
    fast, slow = (under_principle(plain, one) for one in ("be fast", "be slow"))
    assert len({query.id for query in (*plain, *fast, *slow)}) == 3 * len(plain)
    assert fast[0].instruction == "Open the drawer.\nPrinciple: be fast"
    assert (fast[0].items, fast[0].kind) == (plain[0].items, "pair")
    assert fast[0].id.startswith(f"{plain[0].id}/")
    other = under_principle(candidate_queries("drawn", 2, 3, kind="pair", instruction="Close it."), "be fast")
    assert other[0].id != fast[0].id, "the task is a part of what was seen"
    assert under_principle(plain, " be  fast ") == fast
