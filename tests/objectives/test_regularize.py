"""The value term: pessimism and optimism beside preferences."""

import math
from typing import Any

import pytest

from robopref.errors import ConfigError
from robopref.objectives.pairwise import bradley_terry
from robopref.objectives.regularize import ValueTerm
from tests.objectives.preferences import preferences, scores

TARGET = preferences(3, (0, 1, 1.0, 1.0))


@pytest.mark.parametrize(("sign", "expected"), [(-1, 0.313262 - 0.1 * 2), (1, 0.313262 + 0.1 * 2)])
def test_by_hand(sign: int, expected: float) -> None:
    # -log s(2 - 1) = 0.313262; the mean of (2, 1, 3) is 2.
    loss = ValueTerm(bradley_terry, 0.1, sign=sign)(scores(2, 1, 3), TARGET)
    assert loss.total.item() == pytest.approx(expected, abs=1e-6)
    assert loss.terms["value"].item() == pytest.approx(2)
    assert loss.terms["loss"].item() == pytest.approx(0.313262, abs=1e-6)
    assert loss.terms["accuracy"].item() == 1


def test_preferred_items_count_by_their_share() -> None:
    # Shares won: (1, 0), and the third was never compared: the value is the first's score.
    loss = ValueTerm(bradley_terry, 0.1, over="preferred")(scores(2, 1, 9), TARGET)
    assert loss.terms["value"].item() == pytest.approx(2)
    # A soft answer of 0.75: (0.75 * 2 + 0.25 * 1) / 1 = 1.75
    soft = ValueTerm(bradley_terry, 0.1, over="preferred")(scores(2, 1, 9), preferences(3, (0, 1, 0.75, 1.0)))
    assert soft.terms["value"].item() == pytest.approx(1.75)


@pytest.mark.parametrize("ignored", [math.inf, -math.inf])
def test_items_that_were_never_compared_are_not_preferred(ignored: float) -> None:
    loss = ValueTerm(bradley_terry, 0.1, over="preferred")(scores(2, 1, ignored), TARGET)
    assert loss.total.item() == pytest.approx(0.313262 - 0.2, abs=1e-6)


def test_pessimism_raises_what_was_seen_and_optimism_lowers_it() -> None:
    # The third item is in no pair: what moves it is the term, by strength / 3.
    for sign in (-1, 1):
        given = scores(0, 0, 0)
        ValueTerm(bradley_terry, 0.3, sign=sign)(given, TARGET).total.backward()
        assert given.value.grad[0, 2].item() == pytest.approx(sign * 0.1)
        # The pair: -1/2 and 1/2.
        assert given.value.grad[0, :2].tolist() == pytest.approx([-0.5 + sign * 0.1, 0.5 + sign * 0.1])


def test_optimism_stops_at_the_floor_and_pessimism_does_not() -> None:
    low = scores(0, 0, -6)
    loss = ValueTerm(bradley_terry, 0.3, sign=1, floor=5)(low, TARGET)
    loss.total.backward()
    assert low.value.grad[0, 2] == 0
    assert loss.terms["value"].item() == pytest.approx(-5 / 3)
    low = scores(0, 0, -6)
    ValueTerm(bradley_terry, 0.3, sign=-1, floor=5)(low, TARGET).total.backward()
    assert low.value.grad[0, 2].item() == pytest.approx(-0.1)


def test_the_term_settles_a_common_shift() -> None:
    objective = ValueTerm(bradley_terry, 0.5)
    one, other = (objective(scores(2 + shift, 1 + shift, 3 + shift), TARGET).total.item() for shift in (0, 4))
    assert one - other == pytest.approx(0.5 * 4, abs=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"strength": -0.1}, "strength of the value term must not be negative"),
        ({"strength": math.nan}, "strength of the value term must not be negative"),
        ({"sign": 0}, "sign of the value term must be -1 .* or 1"),
        ({"over": "best"}, "over must be 'all' or 'preferred', got 'best'"),
        ({"floor": 0.0}, "floor must be positive"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ValueTerm(bradley_terry, **{"strength": 0.1, **settings})
