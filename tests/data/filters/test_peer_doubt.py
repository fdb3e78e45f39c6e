"""Answers by how likely the other members of a reward find them right."""

import math

import pytest
import torch

from robopref.data.filters.peer_doubt import PeerDoubt
from robopref.errors import ConfigError

# The second member finds the first item better by log 3, so that it expects that answer with probability 3/4; the first
# member finds both alike, and expects either with 1/2.
MARGINS = torch.tensor([[0.0, math.log(3)], [0.0, math.log(3)]])
TOLD = torch.tensor([1.0, 0.0])


def test_a_weight_is_the_chance_that_an_answer_is_right() -> None:
    # A fifth is wrong. For the first member, of "the first is better": 0.8 * 3/4 / (0.8 * 3/4 + 0.2 * 1/4) = 12/13; of
    # "the second is better": 0.8 * 1/4 / (0.8 * 1/4 + 0.2 * 3/4) = 4/7. For the second member, of either: 4/5.
    weights = PeerDoubt(noise=0.2, ramp=0.1).weigh(MARGINS, TOLD, 1.0)
    assert weights.flatten().tolist() == pytest.approx([12 / 13, 4 / 5, 4 / 7, 4 / 5])


def test_doubt_rises_and_ties_are_not_doubted() -> None:
    doubt = PeerDoubt(noise=0.4, ramp=0.5)
    assert doubt.weigh(MARGINS, TOLD, 0.0).tolist() == [[1, 1], [1, 1]]
    # A quarter through, half of the doubt: a fifth is taken to be wrong, as above.
    assert doubt.weigh(MARGINS, TOLD, 0.25)[1, 0] == pytest.approx(4 / 7)
    assert doubt.weigh(MARGINS, torch.tensor([0.5, 0.5]), 1.0).tolist() == [[1, 1], [1, 1]]


def test_margins_without_end_give_weights_with_one() -> None:
    weights = PeerDoubt(noise=0.3, ramp=0.1).weigh(torch.tensor([[1e4, -1e4]]), torch.tensor([1.0]), 1.0)
    assert weights.tolist() == [[0, 1]]


def test_one_member_has_no_peers_and_an_estimate_is_made_before() -> None:
    with pytest.raises(ConfigError, match="there is one"):
        PeerDoubt(noise=0.1).weigh(MARGINS[:, :1], TOLD, 1.0)
    with pytest.raises(ConfigError, match="fit_members"):
        PeerDoubt().weigh(MARGINS, TOLD, 1.0)
    settled, line = PeerDoubt().settled(torch.tensor([9.0, -9.0, 9.0, 9.0]), torch.tensor([1.0, 0.0, 1.0, 1.0]))
    assert settled == PeerDoubt(noise=0.0)
    assert "filter.peer_doubt.noise= sets another share" in line


@pytest.mark.parametrize("settings", [{"noise": 0.5}, {"noise": "some"}, {"ramp": 0.0}, {"ramp": 2.0}])
def test_settings_out_of_range_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=r"filter\.peer_doubt\."):
        PeerDoubt(**settings)
