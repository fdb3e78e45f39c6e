"""Ratings of one scene become soft preferences."""

from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

from robopref.data.labels.operator_acts import DeploymentEvent
from robopref.data.labels.outcome_credit import RatedChunk
from robopref.data.labels.rated_pairs import RatingTally, prior_strength, rated_pairs, win_probability
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
    # The scene's rate is 5 / 14 = .357143, and counts as one observation: of .357143 * .642857 = .229592 a share of
    # 2 / 14 and 12 / 14 is chance, .0327988 and .196793; (2/3 + 12 * .107143 ** 2 + 2 * .642857 ** 2 - .229592) /
    # (2 + 11 * .0327988 + .196793) = 1.401361 / 2.557580 = .547925, and .5 is the most.
    one, two = (3 + 5 / 14) / 13, (2 + 5 / 14) / 3  # .258242 and .785714
    spread = one * (1 - one) / 14 + two * (1 - two) / 4  # .0136824 + .0420918 = .0557742
    assert pair.p == pytest.approx(NormalDist().cdf((one - two) / spread**0.5))
    assert pair.p == pytest.approx(0.01276, abs=1e-5)  # -.527473 / .236166 = -2.233484
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
    # (8/3) ** 2 / (25/9 + 1) = 64/34 observations; the scene's rate is (.625 * 64/34 + 1) / (64/34 + 2) = .560606.
    # It counts as 4.12387: .246327 of which .126896 and .119431 are chance, (2/3 + .0078054 + .0073462 - .246327) /
    # (2 + .882353 * .126896 + .119431) = .435492 / 2.231398 = .195165.
    assert pair.p == pytest.approx(win_probability((0.625, 64 / 34), (0.5, 2), 0.560606, 4.12387), abs=1e-5)


def test_credit_is_a_share_of_an_observation() -> None:
    # A failure after it, at half credit: (1 * 1 + .5 * 0) / 1.5 of 1.5 observations; against one of one.
    chunk = np.full((1, 2, 4), 0.5, np.float32)
    events = [
        event("reuse", candidates=chunk, executed=0, step=2), event("failure", step=3, points=None, proprio=None),
        *rated(0.25, "+", step=2, episode=3),
    ]  # fmt: skip
    ((pair,), alone) = rated_pairs(events, CORRECTION)
    assert alone == 1  # of the failure itself nothing was seen
    # The scene's rate of .8 counts as 2.544186: (2/3 + 1.5 * .133333 ** 2 + .2 ** 2 - .16) / (2 + .5 * .16 * .4) =
    # .573333 / 2.032 = .282152.
    assert pair.p == pytest.approx(win_probability((2 / 3, 1.5), (1, 1), 0.8, 2.544186), abs=1e-5)


def test_what_nothing_tells_apart_is_a_tie_that_counts_nothing() -> None:
    ((pair,), _) = rated_pairs([*rated(0.25, "+-"), *rated(0.5, "+-")], CORRECTION)
    assert (pair.p, pair.confidence) == (0.5, 0.0)
    assert win_probability((1, 3), (1, 2), 1.0) == 0.5  # everything was wanted
    assert rated_pairs([*rated(0.25, "+-"), *rated(0.5, "+-")], None)[0][0].p == 0.5


def test_candidates_that_differ_no_more_than_by_chance_are_expected_to_be_alike() -> None:
    def tallies(*rates: tuple[int, int]) -> list[RatingTally]:
        one = RatedChunk(event(), event().candidates[0], 1.0, 1.0, 1.0, "ann", 0.0)
        return [RatingTally(one, wanted, shown, shown) for wanted, shown in rates]

    assert prior_strength([]) == pytest.approx(2)
    # Each wanted at half of its showings: no more alike could they be.
    assert prior_strength([tallies((5, 10), (10, 20), (3, 6))] * 9) == pytest.approx(999)
    assert prior_strength([tallies((10, 10), (0, 10))] * 9) == pytest.approx(1)
    # Beta(2, 2) has a strength of 4.
    rng = np.random.default_rng(0)
    drawn = [[(int(rng.binomial(n, rng.beta(2, 2))), n) for n in (4, 10, 30, 10, 7)] for _ in range(400)]
    assert prior_strength([tallies(*one) for one in drawn]) == pytest.approx(4, rel=0.15)


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
