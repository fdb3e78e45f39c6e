"""What acts say of executed candidates, also of those further back."""

import numpy as np
import pytest

from robopref.data.labels.operator_acts import DeploymentEvent
from robopref.data.labels.outcome_credit import RatedChunk, rated_chunks, states_preference
from robopref.data.labels.trace_correction import TraceCorrection
from tests.data.labels.test_operator_acts import event

CORRECTION = TraceCorrection(discount=0.5)


def told(found: list[RatedChunk]) -> list[tuple[int, float, float]]:
    return [(one.event.step, one.value, one.credit) for one in found]


def passed(step: int) -> DeploymentEvent:
    return event("passed", step=step, candidates=np.full((1, 2, 4), step / 10, np.float32), executed=0)


def test_an_outcome_counts_half_for_each_decision_further_back() -> None:
    events = [passed(1), passed(2), event("failure", step=3)]
    # 3 is what it was said of, then 2 ** -1 and 2 ** -2; the first decision was not recorded.
    assert told(rated_chunks(events, CORRECTION)) == [(3, 0.0, 1.0), (2, 0.0, 0.5), (1, 0.0, 0.25)]
    assert told(rated_chunks(events, TraceCorrection(discount=0))) == [(3, 0.0, 1.0)]
    assert told(rated_chunks(events, None)) == [(3, 0.0, 1.0)]
    # Credit of other episodes is theirs.
    other = [event("passed", step=2, episode=9), event("failure", step=3)]
    assert told(rated_chunks(other, CORRECTION)) == [(3, 0.0, 1.0)]


def test_what_was_done_at_a_decision_is_what_is_rated_later() -> None:
    chosen = np.full((2, 4), 0.5, np.float32)
    events = [event("correct", step=2, corrected=chosen), event("success", step=3)]
    found = rated_chunks(events, CORRECTION)
    assert told(found) == [(3, 1.0, 1.0), (2, 1.0, 0.5)]
    np.testing.assert_array_equal(found[1].chunk, chosen)


def test_an_act_faster_than_people_is_about_the_decision_before() -> None:
    events = [passed(1), passed(2), event("abort", step=3, seconds=0.1)]
    assert told(rated_chunks(events, CORRECTION)) == [(2, 0.0, 1.0), (1, 0.0, 0.5)]
    # What is no outcome is about nothing then.
    assert rated_chunks([passed(2), event("undo", step=3, seconds=0.1)], CORRECTION) == []


def test_a_preference_is_no_rating_beside_that_but_one_of_what_led_to_it() -> None:
    by_hand = event("takeover", step=3, corrected=np.full((2, 4), 0.5, np.float32), time=2.0)
    assert told(rated_chunks([passed(2), by_hand], CORRECTION)) == [(2, 0.0, 0.5)]
    # The same take-over is told when it begins and when it ends.
    begun = event("takeover", step=3)
    assert told(rated_chunks([passed(2), begun, by_hand], CORRECTION)) == [(3, 0.0, 1.0), (2, 0.0, 0.5)]
    shown = event(shown=(0, 1))
    assert states_preference(shown)
    assert not states_preference(event(shown=(1,)))
    assert rated_chunks([shown], CORRECTION) == []


def test_ratings_are_weighed_by_how_probably_they_were_offered() -> None:
    drawn = event("reuse", executed=1, order=(1, 0, 2), chances=(0.2, 0.3, 0.5))
    assert rated_chunks([drawn], CORRECTION)[0].weight == pytest.approx(1 / 0.6)
    assert rated_chunks([drawn], None)[0].weight == 1
    assert rated_chunks([event("reuse")], CORRECTION)[0].weight == 1  # which cannot be corrected


def test_the_same_event_twice_is_one() -> None:
    assert len(rated_chunks([event("undo"), event("undo")], CORRECTION)) == 1
