"""The score test of a logistic model of paired differences, by numbers worked out by hand."""

import math

import numpy as np
import pytest

from robopref.explanation.score_test import (
    PairedAnswers,
    fit_weights,
    one_sided,
    score_test,
    share_right,
    two_sided,
    weight_errors,
)


def answers(difference, p, cluster=None, weight=1.0):
    rows = np.asarray(difference, dtype=float)
    rows = rows[:, None] if rows.ndim == 1 else rows
    count = len(rows)
    numbers = np.arange(count) if cluster is None else np.asarray(cluster)
    return PairedAnswers(rows, np.asarray(p, dtype=float), np.full(count, weight), numbers)


FOUR = ([1, 2, -1, 1], [1, 1, 0, 0])


def test_a_score_beside_nothing() -> None:
    found = score_test(answers(*FOUR), [])
    # Residuals p - 1/2 are .5 .5 -.5 -.5, times the differences .5 1 .5 -.5: U = 1.5, V = .25 + 1 + .25 + .25 = 1.75.
    assert found.z[0] == pytest.approx(1.5 / math.sqrt(1.75))
    # The information is a quarter of 1 + 4 + 1 + 1, so one step of Newton's goes 1.5 / 1.75, with variance V / 1.75^2.
    assert found.effect[0] == pytest.approx(1.5 / 1.75)
    assert found.variance[0] == pytest.approx(1 / 1.75)


def test_answers_of_a_cluster_count_as_one() -> None:
    # The first two sum to 1.5: V = 2.25 + .25 + .25.
    assert score_test(answers(*FOUR, cluster=[7, 7, 1, 2]), []).z[0] == pytest.approx(1.5 / math.sqrt(2.75))


def test_a_score_beside_an_accepted_feature() -> None:
    both = np.array([[1.0, 1], [1, 1], [1, -1], [1, -1]])
    found = score_test(answers(both, [1, 1, 1, 0], weight=100.0), [0])
    # Three of four: chance .75, residuals .25 .25 .25 -.75. The second feature is orthogonal to the first, so that
    # U = .25 + .25 - .25 + .75 = 1 and V = 3 / 16 + 9 / 16 = .75, both times their power of the weight.
    assert found.z[1] == pytest.approx(1 / math.sqrt(0.75), rel=1e-4)
    assert found.z[0] == 0


def test_what_is_the_accepted_feature_again_has_no_score() -> None:
    rows = np.random.default_rng(0).normal(size=(50, 1))
    found = score_test(answers(np.hstack([rows, -3 * rows]), np.arange(50) % 2), [0])
    assert found.z.tolist() == [0, 0]
    assert np.isinf(found.variance).all()


def test_a_pair_and_its_swapped_copy_say_the_same() -> None:
    rng = np.random.default_rng(1)
    rows, p = rng.normal(size=(40, 3)), rng.random(40).round(1)
    turn = np.where(rng.random(40) < 0.5, 1.0, -1.0)
    one = score_test(answers(rows, p), [1])
    two = score_test(answers(rows * turn[:, None], np.where(turn > 0, p, 1 - p)), [1])
    np.testing.assert_allclose(one.z, two.z, atol=1e-9)


def test_weights_are_the_log_odds_and_their_errors() -> None:
    data = answers([1, 1, 1, 1], [1, 1, 1, 0], weight=100.0)
    beta = fit_weights(data, [0])
    assert beta[0] == pytest.approx(math.log(3), rel=1e-4)
    # Inverse information 1 / (400 * 3 / 16) = 1 / 75, spread of the slopes 100^2 * (3 / 16 + 9 / 16) = 7500.
    assert weight_errors(data, [0], beta)[0] == pytest.approx(math.sqrt(7500) / 75, rel=1e-3)


def test_answers_that_can_be_separated_leave_finite_weights() -> None:
    rows = np.random.default_rng(2).normal(size=(100, 2))
    beta = fit_weights(answers(rows, rows[:, 0] > 0), [0, 1])
    assert np.isfinite(beta).all()
    assert beta[0] > 10


def test_chances_of_a_score() -> None:
    assert two_sided(-1.959964) == pytest.approx(0.05, rel=1e-5)
    assert one_sided(1.644854) == pytest.approx(0.05, rel=1e-5)
    assert one_sided(-10) == pytest.approx(1)


def test_share_of_decided_answers_that_are_predicted() -> None:
    # The tie does not count, and a margin of zero is half right: (1 + 0 + .5) / 3.
    data = answers([1, 1, 1, 1], [1, 0, 0.5, 1])
    assert share_right(np.array([2.0, 1, 1, 0]), data) == pytest.approx(0.5)
    assert math.isnan(share_right(np.ones(1), answers([1], [0.5])))
