"""Ratings of one scene become soft preferences."""

from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

from robopref.data.labels.operator_acts import DeploymentEvent
from robopref.data.labels.rated_pairs import rated_pairs, win_probability
from robopref.data.labels.trace_correction import TraceCorrection
from tests.data.labels.test_operator_acts import event

CORRECTION = TraceCorrection()


def rated(level: float, kinds: str, **known: Any) -> list[DeploymentEvent]:
    """Acts about one candidate: ``+`` asked for it again, ``-`` stopped it."""
    chunk = np.full((1, 2, 4), level, np.float32)
    return [
        event("reuse" if kind == "+" else "undo", candidates=chunk, executed=0, time=100 * level + k, **known)
        for k, kind in enumerate(kinds)
    ]


def test_rates_are_compared_and_not_counts() -> None:
    # Three of twelve against two of two.
    events = rated(0.5, "+++---------") + rated(0.25, "++")
    ((pair,), alone), ((naive,), _) = rated_pairs(events, CORRECTION), rated_pairs(events, None)
    assert alone == 0
    assert [chunk[0, 0] for chunk in pair.chunks] == [0.5, 0.25]
    # The scene's rate is 5 / 14 = .357143, and counts as two observations.
    one, two = (3 + 2 * 5 / 14) / 14, (2 + 2 * 5 / 14) / 4  # .265306 and .678571
    spread = one * (1 - one) / 15 + two * (1 - two) / 5  # .0129946 + .0436224 = .0566171
    assert pair.p == pytest.approx(NormalDist().cdf((one - two) / spread**0.5))
    assert pair.p == pytest.approx(0.0412, abs=1e-4)  # -.413265 / .237944 = -1.73682
    assert pair.confidence == pytest.approx(1 - 2 * pair.p)
    # Three are more than two.
    assert (naive.p, naive.confidence) == (1.0, 1.0)
    assert (pair.operator, pair.time, pair.id) == ("operator", 61.0, naive.id)


def test_a_rate_is_self_normalised_and_its_count_that_of_kish() -> None:
    # Offered first at .2 of three: weight 5/3; alone: weight 1. (5/3 * 1 + 1 * 0) / (8/3) = .625.
    drawn = event(
        "reuse", candidates=np.stack([np.full((2, 4), level, np.float32) for level in (0.5, 0.6, 0.7)]), executed=0,
        order=(0, 1, 2), chances=(0.2, 0.3, 0.5),
    )  # fmt: skip
    events = [drawn, *rated(0.5, "-"), *rated(0.25, "+-")]
    ((pair,), _) = rated_pairs(events, CORRECTION)
    # (8/3) ** 2 / (25/9 + 1) = 64/34 observations; the scene's rate is (5/3 + 1) / (8/3 + 2) = 4/7.
    assert pair.p == pytest.approx(win_probability((0.625, 64 / 34), (0.5, 2), 4 / 7))


def test_credit_is_a_share_of_an_observation() -> None:
    # A failure after it, at half credit: (1 * 1 + .5 * 0) / 1.5 of 1.5 observations; against one of one.
    chunk = np.full((1, 2, 4), 0.5, np.float32)
    events = [
        event("reuse", candidates=chunk, executed=0, step=2), event("failure", step=3, points=None, proprio=None),
        *rated(0.25, "+", step=2, episode=3),
    ]  # fmt: skip
    ((pair,), alone) = rated_pairs(events, CORRECTION)
    assert alone == 1  # of the failure itself nothing was seen
    assert pair.p == pytest.approx(win_probability((2 / 3, 1.5), (1, 1), 2 / 2.5))


def test_what_nothing_tells_apart_is_a_tie_that_counts_nothing() -> None:
    ((pair,), _) = rated_pairs([*rated(0.25, "+-"), *rated(0.5, "+-")], CORRECTION)
    assert (pair.p, pair.confidence) == (0.5, 0.0)
    assert win_probability((1, 3), (1, 2), 1.0) == 0.5  # everything was wanted
    assert rated_pairs([*rated(0.25, "+-"), *rated(0.5, "+-")], None)[0][0].p == 0.5


def test_only_what_was_done_in_one_scene_is_compared() -> None:
    here, there = rated(0.25, "+"), rated(0.5, "-", proprio=np.ones(2, np.float32))
    assert rated_pairs([*here, *there], CORRECTION) == ([], 2)
    # Unless it has a name: then the same decision counts.
    named = rated(0.25, "+", scene="cups"), rated(0.5, "-", scene="cups", proprio=np.ones(2, np.float32))
    assert len(rated_pairs([*named[0], *named[1]], CORRECTION)[0]) == 1
    later = rated(0.5, "-", scene="cups", step=4)
    assert rated_pairs([*named[0], *later], CORRECTION) == ([], 2)
    assert rated_pairs([*here, *rated(0.5, "-", points=None, proprio=None)], CORRECTION) == ([], 2)


def test_pairs_of_a_scene_are_limited_and_stay_the_same() -> None:
    events = [one for level in range(6) for one in rated(level / 10, "+")]
    assert len(rated_pairs(events, CORRECTION)[0]) == 15
    some = [pair.id for pair in rated_pairs(events, TraceCorrection(pairs=4))[0]]
    assert some == [pair.id for pair in rated_pairs(events[::-1], TraceCorrection(pairs=4))[0]]
    assert len(some) == 4


def test_several_operators_are_named_together() -> None:
    events = [*rated(0.25, "+", operator="ann"), *rated(0.5, "-", operator="bob")]
    assert rated_pairs(events, CORRECTION)[0][0].operator == "operators"
