"""Figures of graders, by hand."""

import numpy as np
import pytest

from robopref.errors import DataError
from robopref.evaluation.grade_metrics import grade_report, kendall_tau, pair_accuracy


def sure(*grades: int, levels: int = 5) -> np.ndarray:
    return np.eye(levels)[np.array(grades) - 1]


def test_figures_of_four_rollouts() -> None:
    found = grade_report([5, 4, 2, 1], sure(5, 2, 2, 2), policies=["a", "a", "b", "b"])
    assert (found.count, found.exact, found.within_one) == (4, 0.5, 0.75)
    assert found.error == pytest.approx((0 + 2 + 0 + 1) / 4)
    # Six pairs: 5 beats all three, and the three others are ties that count half.
    assert found.pair_accuracy == pytest.approx((3 + 1.5) / 6)
    assert found.gap == pytest.approx(3.5 - 2)
    assert found.known_gap == pytest.approx(4.5 - 1.5)
    # a by given grades: 5 wins both, 2 ties both.
    assert found.win_rates["a"] == (1, pytest.approx((2 + 1) / 4))
    assert found.tau == 1
    assert found.table[3] == [0, 1, 0, 0, 0]


def test_an_order_without_levels_is_seen_through() -> None:
    """All pairs right, and yet no grade is."""
    found = grade_report([5, 4, 3], sure(3, 2, 1))
    assert (found.pair_accuracy, found.exact, found.error) == (1, 0, 2)


def test_expected_grades_count() -> None:
    found = grade_report([3], np.array([[0, 0, 0.5, 0.5, 0]]))
    assert found.error == pytest.approx(0.5)
    assert np.isnan(found.gap)
    assert found.to_dict()["gap"] is None


def test_rank_agreement_takes_ties_into_account() -> None:
    # Pairs: one concordant, one discordant, one tied in the second: 0 / sqrt(3 * 2).
    assert kendall_tau([1, 2, 3], [1, 2, 1]) == 0
    # Two concordant, none discordant, one tied: 2 / sqrt(3 * 2).
    assert kendall_tau([1, 2, 3], [1, 2, 2]) == pytest.approx(2 / 6**0.5)
    assert np.isnan(kendall_tau([1], [1]))
    assert np.isnan(pair_accuracy(np.ones(2), np.arange(2.0)))


@pytest.mark.parametrize(("known", "given"), [([], sure(1)), ([1, 2], sure(1)), ([6], sure(1)), ([0.5], sure(1))])
def test_what_does_not_match_is_refused(known: list[float], given: np.ndarray) -> None:
    with pytest.raises(DataError):
        grade_report(known, given)
