"""What an import says about the correction."""

import math

import pytest

from robopref.data.labels.trace_correction import TraceCorrection
from robopref.data.labels.trace_loss import TraceLoss, act_weight
from tests.data.labels.test_operator_acts import event
from tests.data.labels.test_rated_pairs import rated

CORRECTION = TraceCorrection()


def test_the_effective_sample_is_of_what_can_be_corrected() -> None:
    likely = event("success", executed=1, order=(1, 0, 2), chances=(0.5, 0.3, 0.2))
    rare = event("success", executed=1, order=(1, 0, 2), chances=(0.1, 0.5, 0.4), time=2.0)
    found = TraceLoss.of([likely, rare, rare, event("undo"), event(seconds=0.1, time=3.0), event("passed")], CORRECTION)
    assert (found.acts, found.uncorrectable, found.untimely) == (4, 2, 1)
    # Weights 1 / 1.5 and 1 / .3: (2/3 + 10/3) ** 2 / (4/9 + 100/9) = 16 / (104/9).
    assert found.effective == pytest.approx(144 / 104)


def test_the_weight_of_a_choice_is_the_mean_of_those_of_its_preferences() -> None:
    one = event(shown=(0, 1, 2), executed=1, order=(1, 2, 0), chances=(0.2, 0.3, 0.5))
    assert act_weight(one, CORRECTION) == pytest.approx((2.5 + 15 / 14) / 2)
    assert act_weight(event(shown=(0, 1)), CORRECTION) is None
    other = event("correct", executed=1, order=(1, 2, 0), chances=(0.2, 0.3, 0.5), corrected=one.candidates[0])
    assert act_weight(other, CORRECTION) == pytest.approx(2.5)


def test_pairs_that_counts_turn_around_are_told() -> None:
    # Counts: 3 > 2 > 1; rates 3/12 < 1 and 3/12 < 1, 1 against 1: two of three turn, and one stays.
    found = TraceLoss.of([*rated(0.25, "+++---------"), *rated(0.5, "++"), *rated(0.75, "+")], CORRECTION)
    assert (found.pairs, found.alone) == (3, 0)
    assert found.turned == pytest.approx(2 / 3)
    told = " ".join(found.told(corrected=True))
    assert "15 acts, 0% of them not correctable" in told
    assert "15.0 (effective sample size)" in told
    assert "3 pairs of candidates of one scene; counts without a correction turn 67% of these around" in told
    assert "not corrected" not in told
    assert "traces.correct=false" in found.told(corrected=False)[-1]


def test_of_nothing_nothing_is_told() -> None:
    found = TraceLoss.of([event("passed")], CORRECTION)
    assert math.isnan(found.turned)
    assert found.told(corrected=True) == []
    lone = TraceLoss.of([event("undo")], CORRECTION)
    assert (lone.pairs, lone.alone, lone.effective) == (0, 1, 0.0)
    assert "100% of them not correctable" in lone.told(corrected=True)[0]
