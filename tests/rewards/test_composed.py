"""What rewards are made of is said by them, and found at any depth."""

import torch
from torch import nn

from robopref.decisions import rewards_within
from robopref.protocols import ComposedReward, DrawnReward, lacking
from robopref.rewards.ensemble import EnsembleReward, Peers, SymmetricReward
from tests.geometry import pick_and_place


def test_parts_of_a_composed_reward_are_found_in_their_order() -> None:
    first, second = nn.Linear(1, 1), nn.Linear(1, 1)
    mean = EnsembleReward([first, second])
    whole = SymmetricReward(mean, pick_and_place())
    assert list(rewards_within(whole)) == [whole, mean, first, second]
    assert list(rewards_within(Peers([first, mean])))[1:] == [first, mean, first, second]
    assert not isinstance(first, ComposedReward)
    assert list(rewards_within(None)) == [None]


def test_a_reward_without_draws_says_what_it_lacks() -> None:
    assert lacking(torch.nn.Linear(1, 1), DrawnReward) == ["policy", "draws"]
