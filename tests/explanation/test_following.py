import numpy as np
import pytest

from robopref.explanation.following import follower_shares, share_following
from robopref.explanation.score_test import PairedAnswers


def answers(difference, p, cluster):
    return PairedAnswers(np.array(difference, float)[:, None], np.array(p, float), np.ones(len(p)), np.array(cluster))


def test_the_share_is_of_decided_answers_to_pairs_that_differ() -> None:
    # Of six, one is a tie and one is of items that are alike; three of the other four are for the item with more.
    found = share_following(answers([1, -2, 1, 1, 0, 3], [1, 0, 0, 1, 1, 0.5], range(6)), 0)
    assert found is not None
    assert (found.mean, found.n) == (0.75, 4)
    # The exact interval of three successes of four.
    assert found.low == pytest.approx(0.1941, abs=1e-3)
    assert found.high == pytest.approx(0.9937, abs=1e-3)


def test_answers_that_depend_on_each_other_widen_the_interval() -> None:
    rng = np.random.default_rng(0)
    difference, cluster = rng.normal(size=100), np.arange(100) // 10
    p = np.sign(difference) * np.where(cluster < 6, 1, -1) > 0
    alone = share_following(answers(difference, p, range(100)), 0)
    together = share_following(answers(difference, p, cluster), 0)
    assert alone is not None
    assert together is not None
    assert together.mean == alone.mean == 0.6
    assert together.high - together.low > 2 * (alone.high - alone.low)


def test_nothing_is_said_where_nothing_was_decided() -> None:
    assert share_following(answers([1, 0], [0.5, 1], range(2)), 0) is None


def test_labelers_with_few_answers_are_left_out() -> None:
    data = answers([1] * 14, [1] * 12 + [0] * 2, range(14))
    (ann,) = follower_shares(data, 0, np.array(["ann"] * 11 + ["bob"] * 3, dtype=object))
    assert (ann.name, ann.share.mean, ann.share.n) == ("ann", 1.0, 11)
