import numpy as np

from robopref.explanation.example_pairs import shown_pairs
from robopref.explanation.score_test import PairedAnswers


def test_pairs_that_differ_most_are_shown_and_one_that_goes_against() -> None:
    # More is preferred in rows 0, 2 and 4, less in 1 and 5; row 3 is a tie.
    difference = np.array([1.0, -4, 3, 9, 2, -1])[:, None]
    p = np.array([1.0, 1, 1, 0.5, 1, 1])
    answers = PairedAnswers(difference, p, np.ones(6), np.array([0, 1, 2, 3, 2, 5]))
    shown = shown_pairs(answers, 0, 1, 3)
    # Row 4 is of the cluster of row 2, which differs more.
    assert [(one.row, one.preferred, one.agrees) for one in shown] == [(2, 0, True), (0, 0, True), (1, 0, False)]
    assert [one.row for one in shown_pairs(answers, 0, 1, 1)] == [2]
    assert [one.row for one in shown_pairs(answers, 0, -1, 2)] == [1, 2]
