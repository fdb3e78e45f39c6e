import math

import pytest

from robopref.errors import ConfigError
from robopref.objectives.ties import davidson
from tests.objectives.preferences import preferences, scores


@pytest.mark.parametrize(
    ("p", "chance"),
    [
        # z = 2, ties = 1/3 so nu = 1: chances in proportion e : 1 : 1/e, together 4.0862.
        (1.0, math.e / 4.0862),
        (0.5, 1 / 4.0862),
        (0.0, 1 / (math.e * 4.0862)),
    ],
)
def test_the_loss_by_hand(p, chance):
    loss = davidson(scores(2.5, 0.5), preferences(2, (0, 1, p, 1.0)), ties=1 / 3)
    assert loss.total.item() == pytest.approx(-math.log(chance), rel=1e-4)


def test_a_slight_preference_is_partly_a_tie():
    # p = 0.75 leans by 1/2: half a win, half a tie.
    slight, win, tie = (davidson(scores(1.0, 0.0), preferences(2, (0, 1, p, 1.0))).total for p in (0.75, 1.0, 0.5))
    assert slight.item() == pytest.approx((win.item() + tie.item()) / 2)


def test_equal_items_tie_as_often_as_was_said():
    tie = davidson(scores(1.0, 1.0), preferences(2, (0, 1, 0.5, 1.0)), ties=0.4)
    assert tie.total.item() == pytest.approx(-math.log(0.4))


def test_swapping_a_pair_changes_nothing():
    one = davidson(scores(1.0, 0.2), preferences(2, (0, 1, 1.0, 1.0)))
    two = davidson(scores(0.2, 1.0), preferences(2, (0, 1, 0.0, 1.0)))
    assert one.total.item() == pytest.approx(two.total.item())


def test_a_tie_pulls_scores_together():
    given = scores(1.0, 0.0)
    davidson(given, preferences(2, (0, 1, 0.5, 1.0))).total.backward()
    assert given.value.grad[0, 0] > 0 > given.value.grad[0, 1]


@pytest.mark.parametrize("ties", [0.0, 1.0, -0.2])
def test_a_share_out_of_range_is_refused(ties):
    with pytest.raises(ConfigError, match=r"in \(0, 1\)"):
        davidson(scores(1.0, 0.0), preferences(2, (0, 1, 0.5, 1.0)), ties=ties)
