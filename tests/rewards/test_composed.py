"""What rewards are made of is said by them, and found at any depth."""

import torch
from torch import nn

from robopref.decisions import rewards_within
from robopref.protocols import ComposedReward, DrawnReward, lacking
from robopref.rewards.derived import with_derived
from robopref.rewards.ensemble import EnsembleReward, Peers, SymmetricReward
from robopref.rewards.segment import SegmentReward
from tests.geometry import pick_and_place, tiny_policy


def test_parts_of_a_composed_reward_are_found_in_their_order() -> None:
    first, second = nn.Linear(1, 1), nn.Linear(1, 1)
    mean = EnsembleReward([first, second])
    whole = SymmetricReward(mean, pick_and_place())
    assert list(rewards_within(whole)) == [whole, mean, first, second]
    assert list(rewards_within(Peers([first, mean])))[1:] == [first, mean, first, second]
    assert not isinstance(first, ComposedReward)
    assert list(rewards_within(None)) == [None]


def test_a_method_called_parts_names_no_rewards() -> None:
    class Own(nn.Linear):
        def parts(self, count: int) -> list[int]:
            return [*range(count)]

    own = Own(1, 1)
    assert list(rewards_within(own)) == [own]


def test_scores_follow_from_a_reward_of_segments() -> None:
    policy = tiny_policy()
    segment = EnsembleReward([SegmentReward.for_policy(policy)])
    assert list(with_derived({"segment": segment}, policy)) == ["segment", "likelihood"]


def test_a_reward_without_draws_says_what_it_lacks() -> None:
    assert lacking(torch.nn.Linear(1, 1), DrawnReward) == ["policy", "draws"]
