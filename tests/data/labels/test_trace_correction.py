"""Which acts count, and how much."""

from typing import Any

import numpy as np
import pytest

from robopref.data.labels.trace_correction import TraceCorrection
from robopref.errors import ConfigError
from tests.data.labels.test_operator_acts import event

DRAWN: dict[str, Any] = {"executed": 1, "order": (1, 2, 0), "chances": (0.2, 0.3, 0.5)}


def test_a_preference_is_weighed_by_the_places_of_both() -> None:
    correction, one = TraceCorrection(), event(shown=(0, 1, 2), **DRAWN)
    # 1 was at the first place and 0 at the last: .075 against .3, and .5 / .2.
    assert correction.pair_weight(one, 1, 0) == pytest.approx(2.5)
    # 1 and 2: .2 * .3 / .8 = .075 against .3 * .2 / .7 = .0857143: .466667, and .5 / .466667.
    assert correction.pair_weight(one, 1, 2) == pytest.approx(15 / 14)
    assert TraceCorrection(clip=2).pair_weight(one, 1, 0) == 2


def test_a_correction_to_another_candidate_has_that_ones_place() -> None:
    other = event("correct", corrected=event().candidates[0], **DRAWN)
    assert TraceCorrection().pair_weight(other, 3, 1) == pytest.approx(2.5)
    # By hand it had none: what was offered came first at .2 of a third, 1 / .6.
    by_hand = event("correct", corrected=np.full((2, 4), 0.5, np.float32), **DRAWN)
    assert TraceCorrection().pair_weight(by_hand, 3, 1) == pytest.approx(1 / 0.6)


def test_what_was_offered_greedily_cannot_be_corrected() -> None:
    correction = TraceCorrection()
    for greedy in (event(), event(order=(1, 0, 2))):
        assert correction.pair_weight(greedy, 1, 0) is None
        assert correction.offered_weight(greedy) is None
    # Nor what has no place in the order.
    assert correction.pair_weight(event(order=(1, 2), chances=(0.4, 0.4)), 1, 0) is None
    assert correction.pair_weight(event(order=(1, 2), chances=(0.4, 0.4)), 0, 1) is None


def test_where_nothing_was_chosen_there_is_nothing_to_correct() -> None:
    alone = event(candidates=np.zeros((1, 2, 4), np.float32), executed=0)
    assert TraceCorrection().offered_weight(alone) == 1
    # What was taken over was planned among others, of which nothing is said.
    taken = event("takeover", candidates=np.zeros((1, 2, 4), np.float32), executed=0)
    assert TraceCorrection().offered_weight(taken) is None
    # An operator had chosen it.
    assert TraceCorrection().offered_weight(event("abort", **{**DRAWN, "executed": 0})) == 1


def test_what_comes_too_fast_or_too_late_says_nothing() -> None:
    correction = TraceCorrection(fastest=0.3, slowest=60)
    assert [correction.timely(event(seconds=seconds)) for seconds in (0.29, 0.3, 60.0, 60.1, None)] == [
        False, True, True, False, True,
    ]  # fmt: skip
    # A chunk may take longer than that before somebody stops it.
    assert correction.timely(event("abort", seconds=100.0))
    assert not correction.timely(event("abort", seconds=0.1))


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"clip": 0.5}, "clip"), ({"clip": float("inf")}, "clip"), ({"fastest": -1.0}, "fastest"),
     ({"fastest": 5.0, "slowest": 5.0}, "slowest=5"), ({"discount": 1.5}, "discount"), ({"pairs": 0}, "pairs")],
)  # fmt: skip
def test_a_correction_that_makes_no_sense_is_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        TraceCorrection(**settings)
