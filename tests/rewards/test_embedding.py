"""Rewards on a frozen embedding: what is learnt, what stays, what is stored, and what is refused."""

import pytest
import torch

from robopref.data.filters.peer_review import PeerReview
from robopref.errors import ConfigError, DataError
from robopref.items import Items
from robopref.learning.checkpoint import save_checkpoint
from robopref.learning.fit import FitConfig
from robopref.learning.preference import Batches
from robopref.learning.reward_members import RewardFit, fit_members, save_member
from robopref.learning.stored_models import load_embedding, load_reward, save_embedding
from robopref.objectives.pairwise import bradley_terry
from robopref.rewards.embedding import EmbeddingReward
from robopref.rewards.item_embedding import (
    FrozenEmbedding,
    ProjectedEmbedding,
    StepEmbedding,
    embedding_for_items,
    item_points,
)
from robopref.rewards.mixture import MixtureReward
from robopref.rewards.segment import SegmentReward
from tests.geometry import chunks, ropes, tiny_policy
from tests.learning.test_segment_preference import answered


class Given(StepEmbedding):
    """Embeds a step where its array says."""

    def __init__(self):
        super().__init__(SegmentReward(["place"], 2, width=2, outputs=2))

    def embed(self, items):
        return items.steps["place"]


def at(places, weight=None):
    steps = torch.tensor(places)
    return Items({"place": steps}, torch.ones(steps.shape[:3]) if weight is None else torch.tensor(weight))


def test_items_lie_at_the_weighted_mean_of_their_decisions():
    items = at([[[[0.0, 2.0], [4.0, 6.0]], [[1.0, 1.0], [9.0, 9.0]]]], [[[1.0, 3.0], [1.0, 0.0]]])
    assert item_points(Given(), items).tolist() == [[[3.0, 5.0], [1.0, 1.0]]]


def test_a_linear_head_by_hand():
    reward = EmbeddingReward(Given())
    with torch.no_grad():
        reward.head[0].weight.copy_(torch.tensor([[1.0, -1.0]]))
        reward.head[0].bias.zero_()
    items = at([[[[0.0, 2.0], [4.0, 6.0]], [[3.0, 1.0], [2.0, 0.0]]]])
    # Items lie at (2, 4) and (2.5, .5): centre (2.25, 2.25), mean square (.25^2 + 1.75^2) / 2 = 1.5625 = 1.25^2.
    reward.standardise(items)
    assert reward.frozen.centre.tolist() == [2.25, 2.25]
    assert reward.frozen.spread.item() == pytest.approx(1.25)
    scores = reward.score(items)
    torch.testing.assert_close(scores.steps, torch.tensor([[[-1.6, -1.6], [1.6, 1.6]]]))
    torch.testing.assert_close(scores.value, torch.tensor([[-3.2, 3.2]]))


def items_of_steps(count=4):
    generator = torch.Generator().manual_seed(0)
    steps = {"state": torch.randn(count, 2, 3, 5, generator=generator)}
    return Items(steps, torch.ones(count, 2, 3))


def test_only_the_head_learns_and_nothing_of_the_embedding_moves():
    items = items_of_steps()
    reward = EmbeddingReward(embedding_for_items(items, size=3, width=4), head_width=4).train()
    assert {name.split(".")[0] for name, value in reward.named_parameters() if value.requires_grad} == {"head"}
    assert not reward.frozen.embedding.training
    reward.score(items).value.sum().backward()
    assert all(value.grad is None for value in reward.frozen.parameters())
    assert reward.head[0].weight.grad.abs().sum() > 0


@pytest.mark.parametrize("hidden", [None, 4])
def test_it_is_stored_in_plain_words_and_read_again(tmp_path, hidden):
    items = items_of_steps()
    reward = EmbeddingReward(embedding_for_items(items, size=3, width=4), hidden)
    reward.standardise(items)
    save_member(tmp_path / "weights.pt", reward)
    again = load_reward(tmp_path / "weights.pt")
    assert isinstance(again, EmbeddingReward)
    torch.testing.assert_close(again.score(items).value, reward.score(items).value)


def test_an_embedding_is_stored_and_others_are_refused(tmp_path):
    items, path = items_of_steps(), tmp_path / "weights.pt"
    embedding = embedding_for_items(items, size=3, width=4)
    save_embedding(path, embedding)
    torch.testing.assert_close(load_embedding(path, lambda: embedding).embed(items), embedding.embed(items))
    save_member(path, SegmentReward.for_items(items))
    with pytest.raises(DataError, match="holds a SegmentReward, not a StepEmbedding"):
        load_embedding(path, lambda: embedding)
    content = {"kind": "EmbeddingReward", "settings": {"embedding": {"keys": [1]}, "head_width": None}, "module": {}}
    save_checkpoint(path, content)
    with pytest.raises(DataError, match="is damaged"):
        load_reward(path)


def test_a_trained_embedding_takes_the_place_of_the_untrained_one():
    items = items_of_steps()
    trained = embedding_for_items(items, size=3, width=4)
    reward = EmbeddingReward.for_items(items, embedding=lambda some, policy: embedding_for_items(some, size=3, width=4))
    reward.begin_with(trained)
    torch.testing.assert_close(reward.frozen.embedding.embed(items), trained.embed(items))
    with torch.no_grad():
        next(trained.parameters()).add_(1.0)
    assert not torch.allclose(reward.frozen.embedding.embed(items), trained.embed(items))
    with pytest.raises(ConfigError, match=r"has coordinates: 2, the reward 3"):
        reward.begin_with(embedding_for_items(items, size=2))
    other = Items({"place": items.steps["state"]}, items.weight)
    with pytest.raises(ConfigError, match=r"looks at place, the reward state"):
        reward.begin_with(embedding_for_items(other, size=3))


def test_chunks_of_a_policy_are_scored_in_their_states():
    policy = tiny_policy()
    items = Items.of_candidates(ropes(2), chunks(2, 3))
    reward = EmbeddingReward.for_items(items, policy=policy, embedding=lambda some, policy: embedding_for_items(
        some, policy=policy, size=3, width=8, hidden=16))  # fmt: skip
    reward.standardise(items)
    assert reward.horizon == policy.shape[0]
    assert not reward.of_steps
    assert reward.score(items).value.shape == (2, 3)
    assert reward.score(items).steps.shape == (2, 3, 1)


def test_a_mixture_learns_linear_coordinates_of_the_embedding():
    items = items_of_steps()
    trained = embedding_for_items(items, size=3, width=4)
    mixture = MixtureReward.on_embedding(
        items, size=2, embedding=lambda some, policy: embedding_for_items(some, size=3, width=4)
    )
    mixture.begin_with(trained)
    assert isinstance(mixture.embedding, ProjectedEmbedding)
    again = MixtureReward.of(mixture.settings)
    again.load_state_dict(mixture.state_dict())
    torch.testing.assert_close(again.score(items).value, mixture.score(items).value)
    torch.testing.assert_close(again.embedding.frozen.embedding.embed(items), trained.embed(items))
    with pytest.raises(ConfigError, match="embeds by itself"):
        MixtureReward.for_items(items).begin_with(trained)


def test_settings_out_of_range_are_refused():
    with pytest.raises(ConfigError, match="head_width must be 1 or more"):
        EmbeddingReward(Given(), head_width=0)
    with pytest.raises(ConfigError, match="size must be 1 or more, got 0"):
        embedding_for_items(items_of_steps(), size=0)
    assert FrozenEmbedding(Given()).train().training is False


def test_several_at_once_are_for_filters_that_compare_them():
    data, made = answered(8), []

    def make(member):
        made.append(member)
        return EmbeddingReward(embedding_for_items(data.items, size=3, width=4))

    with pytest.raises(ConfigError, match=r"train these 2 one by one, or give batches\.filters"):
        fit_members(make, [0, 1], data, RewardFit(bradley_terry, FitConfig(2, 1e-2)), seed=0)
    assert made == []
    fit = RewardFit(bradley_terry, FitConfig(2, 1e-2), Batches(4, filters=(PeerReview(noise=0.2),)))
    assert len(fit_members(make, [0, 1], data, fit, seed=0).members) == 2
