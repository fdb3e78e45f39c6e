import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from robopref.errors import ConfigError, DataError
from robopref.querying.selectors.information import (
    disagreement,
    entropy,
    mutual_information,
    per_second,
    predictive_information,
)

LOG3 = np.log(3)  # log-odds of 3/4
margins = arrays(np.float64, (3, 4), elements=st.floats(-800, 800))


def binary(p):
    return -(p * np.log(p) + (1 - p) * np.log(1 - p))


def test_two_members_by_hand():
    # They say 3/4 and 1/4: the mean is 1/2, the variance 1/16.
    opposed = np.array([[LOG3], [-LOG3]])
    assert disagreement(opposed) == pytest.approx([1 / 16])
    assert entropy(opposed) == pytest.approx([np.log(2)])
    assert mutual_information(opposed) == pytest.approx([np.log(2) - binary(0.75)])


def test_a_coin_that_everyone_knows_to_be_one_tells_nothing():
    known = np.zeros((5, 1))
    assert entropy(known) == pytest.approx([np.log(2)])
    assert mutual_information(known).tolist() == [0]
    assert disagreement(known).tolist() == [0]


def test_a_question_that_splits_sure_members_tells_one_bit():
    assert mutual_information(np.array([[50.0], [-50.0]])) == pytest.approx([np.log(2)])


def test_what_tells_nothing_of_other_pairs_is_not_worth_asking():
    # Two members contradict each other on the first two pairs alike; four differ on the third for reasons of its own.
    margin = np.array([[LOG3, LOG3, 50], [LOG3, LOG3, -50], [-LOG3, -LOG3, 50], [-LOG3, -LOG3, -50]])
    assert mutual_information(margin).argmax() == 2
    # Both answers alike: (9/16 + 1/16) / 2 = 5/16 each, otherwise 3/16; apart they would be 1/4.
    shared = 2 * (5 / 16 * np.log(5 / 4) + 3 / 16 * np.log(3 / 4))
    assert predictive_information(margin) == pytest.approx([shared / 2, shared / 2, 0])
    assert predictive_information(margin[:, :1]).tolist() == [0]


@given(margins)
def test_measures_stay_within_their_bounds_and_do_not_depend_on_the_order_of_a_pair(values):
    nats = (entropy, mutual_information, predictive_information)
    for measure, most in ((disagreement, 0.25), *((measure, np.log(2)) for measure in nats)):
        got = measure(values)
        assert ((got >= 0) & (got <= most + 1e-12)).all()
        np.testing.assert_allclose(measure(-values), got, atol=1e-12)
    assert (mutual_information(values) <= entropy(values) + 1e-12).all()


def test_what_takes_twice_as_long_is_worth_half():
    assert per_second(np.array([0.6, 0.6]), np.array([3.0, 6.0])).tolist() == pytest.approx([0.2, 0.1])
    with pytest.raises(ConfigError, match="positive"):
        per_second(np.ones(2), np.array([1.0, 0.0]))


def test_margins_of_no_member_are_refused():
    with pytest.raises(DataError, match=r"\(E, N\)"):
        entropy(np.zeros((0, 3)))
