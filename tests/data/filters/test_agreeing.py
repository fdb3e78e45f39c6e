"""Answers that others do not contradict."""

import pytest

from robopref.data.filters.agreeing import Agreeing
from robopref.errors import ConfigError
from tests.data.filters.tables import AB, ASKED_OTHERWISE, BA, BC, say, table

# Of a and b two answers prefer a, one of them to the swapped question; one prefers b and one is a tie. Of b and c one
# answer prefers each. Under another instruction nobody contradicts.
ANSWERS = table([
    say(AB, 0.75), say(BA, 0.0, "bob"), say(AB, 0.0, "carol", confidence=0.1), say(AB, 0.5, "dave"),
    say(BC, 1.0), say(BC, 0.25, "bob"), say(ASKED_OTHERWISE, 0.0),
])  # fmt: skip


def test_the_majority_stays_with_the_ties_and_a_draw_goes() -> None:
    left = Agreeing("majority").keep(ANSWERS)
    assert [(left.queries[i], p) for i, p in zip(left.query, left.p, strict=True)] == [
        ("ab", 0.75), ("ba", 0.0), ("ab", 0.5), ("ab quickly", 0.0),
    ]  # fmt: skip


def test_nothing_stays_of_a_contradicted_pair() -> None:
    left = Agreeing("none").keep(ANSWERS)
    assert [(left.queries[i], p) for i, p in zip(left.query, left.p, strict=True)] == [("ab quickly", 0.0)]


def test_ties_contradict_nobody() -> None:
    answers = table([say(AB, 1.0), say(AB, 0.5), say(BC, 0.5)])
    assert len(Agreeing("none").keep(answers)) == len(Agreeing("majority").keep(answers)) == 3


def test_what_stays_is_one_of_two() -> None:
    with pytest.raises(ConfigError, match=r"filter\.agreeing\.contradicted must be majority or none, got 'all'"):
        Agreeing("all")  # type: ignore[arg-type]
