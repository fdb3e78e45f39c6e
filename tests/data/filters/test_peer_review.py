"""Answers that the other members of a reward can make sense of."""

import pytest
import torch

from robopref.data.filters.peer_review import PeerReview
from robopref.errors import ConfigError

# The first member finds the first item of the pairs better by 2, 1, -1 and 3, the second one by 1, 2, -3 and -2; the
# answers say that the first is better, the first, the second and the first.
MARGINS = torch.tensor([[2.0, 1.0], [1.0, 2.0], [-1.0, -3.0], [3.0, -2.0]])
TOLD = torch.tensor([1.0, 1.0, 0.0, 1.0])


def test_each_member_learns_from_what_the_other_finds_easiest() -> None:
    # Margins in the sense of the answers: the first member's are 2, 1, 1, 3, the second's 1, 2, 3, -2. A quarter, one
    # of the four, is left out: for the first member the fourth, for the second one, as the first finds the second and
    # the third equally hard, the later of these.
    weights = PeerReview(noise=0.25).weigh(MARGINS, TOLD, 1.0)
    assert weights.tolist() == [[1, 1], [1, 1], [1, 0], [0, 1]]


def test_the_share_that_is_left_out_rises() -> None:
    review = PeerReview(noise=0.49, ramp=0.5)
    # Of four pairs 4 (1 - 0.49 done / 0.5) are kept, rounded: 4, 3.02, 2.04 and, after the ramp, 2.04.
    kept = [review.weigh(MARGINS, TOLD, done).sum(0).tolist() for done in (0.0, 0.25, 0.5, 0.9)]
    assert kept == [[4, 4], [3, 3], [2, 2], [2, 2]]


def test_of_three_members_two_review_the_third() -> None:
    # Divergences are log(1 + exp(-m)) of the margins in the sense of the answer. Of the first pair they are 0.127,
    # 0.127 and 2.127; of the second 0.693 each. The first member hears of 0.127 + 2.127 against 1.386, and keeps the
    # second; the third of 0.254 against 1.386, and keeps the first.
    margins = torch.tensor([[2.0, 2.0, -2.0], [0.0, 0.0, 0.0]])
    weights = PeerReview(noise=0.4, ramp=0.1).weigh(margins, torch.ones(2), 1.0)
    assert weights.tolist() == [[0, 0, 1], [1, 1, 0]]


def test_a_tie_is_easy_where_members_see_none_better() -> None:
    margins = torch.tensor([[0.1, 0.1], [3.0, 3.0], [-2.0, -2.0]])
    weights = PeerReview(noise=0.34, ramp=0.1).weigh(margins, torch.tensor([0.5, 0.5, 0.0]), 1.0)
    assert weights.tolist() == [[1, 1], [0, 0], [1, 1]]


def test_without_wrong_answers_all_count() -> None:
    assert PeerReview(noise=0.0).weigh(MARGINS, TOLD, 1.0).all()


@pytest.mark.parametrize("noise", [0.5, -0.1, float("nan"), "guessed"])
def test_a_share_of_wrong_answers_is_below_a_half(noise: float) -> None:
    with pytest.raises(ConfigError, match=r"filter\.peer_review\.noise must be in \[0, 0\.5\) or estimated"):
        PeerReview(noise=noise)


@pytest.mark.parametrize("ramp", [0.0, 1.1, float("nan")])
def test_a_ramp_is_a_share_of_the_training(ramp: float) -> None:
    with pytest.raises(ConfigError, match=r"filter\.peer_review\.ramp"):
        PeerReview(ramp=ramp)


def test_one_member_has_no_peers() -> None:
    with pytest.raises(ConfigError, match="there is one"):
        PeerReview(noise=0.1).weigh(MARGINS[:, :1], TOLD, 1.0)


def test_an_estimate_takes_the_place_of_the_setting() -> None:
    generator = torch.Generator().manual_seed(0)
    margins = 8 * torch.randn(4000, generator=generator)
    wrong = torch.rand(4000, generator=generator) < 0.3
    p = torch.where(wrong, margins < 0, margins > 0).float()
    review = PeerReview()
    assert review.estimated
    with pytest.raises(ConfigError, match="fit_members"):
        review.weigh(MARGINS, TOLD, 0.0)
    settled, line = review.settled(margins, p)
    assert not settled.estimated
    assert settled.noise == pytest.approx(float(wrong.float().mean()), abs=0.01)
    assert line.startswith(f"{settled.noise:.0%} of the answers seem wrong (")
    assert "of 4000 that they did not learn from" in line
    assert "nothing" not in line
    coins = (torch.rand(4000, generator=generator) < 0.5).float()
    settled, line = review.settled(margins, coins)
    assert settled.noise > 0.45
    assert line.endswith("; they may say nothing at all")
