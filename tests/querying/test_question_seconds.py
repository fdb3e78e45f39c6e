"""How long answers take."""

import pytest

from robopref.asked_features import AskedFeature, FeatureRelevance
from robopref.errors import ConfigError
from robopref.querying.question_seconds import PRIOR_SECONDS, seconds_by_kind
from robopref.records import QUERY_KINDS, Abstain, Answer, Feedback, Query

QUERIES = [Query(str(k), "feature", (), feature=AskedFeature("f", "rope")) for k in range(9)]


MORE = FeatureRelevance(1)


def took(place: int, seconds: float | None, answer: Answer = MORE, version: str = "") -> Feedback:
    return Feedback(str(place), answer, f"ann{version}", version, seconds=seconds)


def test_every_kind_has_a_prior() -> None:
    assert set(PRIOR_SECONDS) == set(QUERY_KINDS)
    assert seconds_by_kind([], []) == pytest.approx(PRIOR_SECONDS)


def test_what_was_measured_is_weighed_against_the_prior_by_hand() -> None:
    # The median of 2, 2, 2, 2 and 500 is 2: (5 log 4 + 5 log 2) / 10 is the logarithm of the root of 8.
    measured = [took(place, 2.0) for place in range(4)] + [took(4, 500.0)]
    ignored = [took(5, None), took(6, 900.0, Abstain("skipped")), took(7, 900.0, version="0123abcd-5")]
    found = seconds_by_kind(QUERIES, [*measured, *ignored])
    assert found["feature"] == pytest.approx(8**0.5)
    assert found["pair"] == pytest.approx(6.0)
    with pytest.raises(ConfigError, match="strength of a prior must be positive"):
        seconds_by_kind([], [], strength=0)
