"""A mixture of persons: ideal points worked out by hand, what is stored, and what is refused."""

import pytest
import torch

from robopref.decisions import as_scorer
from robopref.errors import ConfigError, DataError, MismatchError
from robopref.items import Items, context_code
from robopref.learning.checkpoint import load_weights, save_checkpoint
from robopref.rewards.item_embedding import StepEmbedding
from robopref.rewards.mixture import MixtureReward
from robopref.rewards.person_weights import PersonWeights
from robopref.rewards.prototypes import FixedPrototypes, SeenPrototypes
from robopref.rewards.segment import SegmentReward
from tests.geometry import chunks, ropes, tiny_policy


class Given(StepEmbedding):
    """Embeds a step where its array says."""

    def __init__(self, key):
        super().__init__(SegmentReward([key], 2, width=2, outputs=2))
        self.key = key

    def embed(self, items):
        return items.steps[self.key]


def by_hand(steps, weight=None, codes=(), **more):
    found = {"place": torch.tensor(steps), **{name: torch.tensor(value) for name, value in more.items()}}
    there = torch.ones(found["place"].shape[:3]) if weight is None else torch.tensor(weight)
    return Items(found, there, {"labeler": torch.tensor([context_code(name) for name in codes])} if codes else {})


def persons(**weights):
    found = PersonWeights(2)
    for name, share in weights.items():
        found.put(name, torch.tensor([share, 1 - share]))
    return found


def variant_a(**weights):
    prototypes = FixedPrototypes(2, 2)
    with torch.no_grad():
        prototypes.points.copy_(torch.tensor([[1.0, 0.0], [0.0, 2.0]]))
    return MixtureReward(Given("place"), prototypes, persons(**weights))


def of_steps(names=("ann", "bob"), **settings):
    """A mixture of steps of two numbers, untrained."""
    torch.manual_seed(0)
    items = Items({"state": torch.zeros(1, 1, 1, 2), "action": torch.zeros(1, 1, 1, 1)}, torch.ones(1, 1, 1))
    made = MixtureReward.for_items(items, size=3, width=4, **settings)
    made.meet(names)
    return made


def steps(seed=0):
    torch.manual_seed(seed)
    return Items({"state": torch.randn(4, 2, 3, 2), "action": torch.randn(4, 2, 3, 1)}, torch.ones(4, 2, 3))


def test_variant_a_by_hand():
    reward = variant_a(ann=0.75, bob=0.5)
    # ann: u = .75 (1, 0) + .25 (0, 2) = (.75, .5); items at (1, 1) and (0, 0):
    # -(.25^2 + .5^2) = -.3125 and -(.75^2 + .5^2) = -.8125. bob: u = (.5, 1), -.25 and -1.25.
    items = by_hand([[[[1.0, 1.0]], [[0.0, 0.0]]]] * 2, codes=("ann", "bob"))
    torch.testing.assert_close(reward.score(items).value, torch.tensor([[-0.3125, -0.8125], [-0.25, -1.25]]))


def test_an_item_is_worth_the_sum_of_its_decisions():
    reward = variant_a(bob=0.5)
    # Of two steps at (1, 1) and (0, 0), the second of which counts half, or not at all: -.25 - 1.25 / 2 and -.25.
    items = by_hand([[[[1.0, 1.0], [0.0, 0.0]]] * 2], [[[1.0, 0.5], [1.0, 0.0]]], ("bob",))
    scores = reward.score(items)
    torch.testing.assert_close(scores.value, torch.tensor([[-0.875, -0.25]]))
    torch.testing.assert_close(scores.steps, torch.tensor([[[-0.25, -1.25]] * 2]))


def test_variant_b_by_hand():
    class Seen(Given):
        def embed(self, items):
            return items.steps["seen"]

    # Prototypes are what is seen: (1, 0) and (0, 2) in the first state, (-1, 0) and (0, 0) in the second. With
    # weights .75 and .25 the ideal points are (.75, .5) and (-.75, 0); items at (1, 1) and (0, 0).
    reward = MixtureReward(Given("place"), SeenPrototypes(Seen("seen"), 2), persons(ann=0.75))
    seen = [[[[1.0, 0.0, 0.0, 2.0]]], [[[-1.0, 0.0, 0.0, 0.0]]]]
    items = by_hand([[[[1.0, 1.0]], [[0.0, 0.0]]]] * 2, codes=("ann", "ann"), seen=seen)
    # -(1.75^2 + 1) = -4.0625 and -.75^2 = -.5625.
    torch.testing.assert_close(reward.score(items).value, torch.tensor([[-0.3125, -0.8125], [-4.0625, -0.5625]]))


def test_who_is_not_known_or_not_named_counts_as_the_mean_of_all():
    reward = variant_a(ann=0.75, bob=0.25)
    places = [[[[1.0, 1.0]], [[0.0, 0.0]]]]
    # u = (.5, 1): -.25 and -1.25.
    mean = torch.tensor([[-0.25, -1.25]])
    torch.testing.assert_close(reward.score(by_hand(places)).value, mean)
    torch.testing.assert_close(reward.score(by_hand(places, codes=("cat",))).value, mean)
    reward.choose({"ann": 3.0, "bob": 1.0})
    # .75 * .75 + .25 * .25 = .625: u = (.625, .75), -(.375^2 + .25^2) = -.203125 and -(.625^2 + .75^2) = -.953125.
    torch.testing.assert_close(reward.score(by_hand(places)).value, torch.tensor([[-0.203125, -0.953125]]))
    reward.choose(None)
    torch.testing.assert_close(reward.score(by_hand(places)).value, mean)


def test_persons_who_were_never_chosen_are_refused_with_near_ones():
    reward = variant_a(ann=0.75, bob=0.5)
    with pytest.raises(ConfigError, match=r"unknown person 'anne'.*Did you mean ann"):
        reward.choose({"anne": 1.0})
    with pytest.raises(ConfigError, match=r"share of person 'ann' must be a positive number, got 0"):
        reward.choose({"ann": 0.0})


@pytest.mark.parametrize("variant", ["A", "B"])
def test_gradients_reach_embedding_prototypes_and_those_who_answered(variant):
    reward, items = of_steps(variant=variant), steps()
    codes = torch.full((4,), context_code("ann"))
    reward.score(Items(items.steps, items.weight, {"labeler": codes})).value[:, 0].sum().backward()
    assert all(value.grad is not None and value.grad.abs().sum() > 0 for value in reward.parameters())
    assert reward.persons.free.grad is not None
    assert reward.persons.free.grad[1].abs().sum() == 0  # bob said nothing


def test_one_prototype_leaves_no_persons():
    reward = of_steps(prototypes=1)
    codes = torch.tensor([context_code(name) for name in ("ann", "bob", "ann", "bob")])
    items = steps()
    told = reward.score(Items(items.steps, items.weight, {"labeler": codes})).value
    torch.testing.assert_close(told, reward.score(items).value)


@pytest.mark.parametrize("variant", ["A", "B"])
def test_what_is_stored_comes_back_with_names_and_number_of_prototypes(tmp_path, variant):
    reward, items = of_steps(prototypes=3, variant=variant), steps()
    reward.choose({"bob": 1.0})
    save_checkpoint(tmp_path / "weights.pt", {"module": reward.state_dict()})
    found = of_steps(names=(), variant=variant)
    load_weights(tmp_path / "weights.pt", found)
    assert found.names == ("ann", "bob")
    found.choose({"bob": 1.0})
    torch.testing.assert_close(found.score(items).value, reward.score(items).value)


def test_loading_weights_of_the_same_persons_leaves_parameters_where_optimisers_know_them():
    reward = of_steps()
    free = reward.persons.free
    reward.load_state_dict(of_steps().state_dict())
    assert reward.persons.free is free


@pytest.mark.parametrize(
    "letters", [b'["ann"]', b'["ann", "ann"]', b'["ann", ""]', b'{"ann": 1}', b'["ann", 3]', b"no", b'["a", "b", "c"]']
)
def test_names_that_are_none_are_refused(tmp_path, letters):
    state = of_steps().state_dict()
    state["persons.letters"] = torch.tensor(list(letters), dtype=torch.uint8)
    save_checkpoint(tmp_path / "weights.pt", {"module": state})
    with pytest.raises(MismatchError, match="does not fit this network"):
        load_weights(tmp_path / "weights.pt", of_steps())


def test_nothing_is_learnt_without_knowing_who_answered():
    reward, items = of_steps(), steps()
    with pytest.raises(DataError, match="learns from who answered"):
        reward.standardise(items)
    codes = torch.full((4,), context_code("cat"))
    with pytest.raises(DataError, match="learns from who answered"):
        reward.standardise(Items(items.steps, items.weight, {"labeler": codes}))


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"prototypes": 0}, "prototypes must be 1 or more"), ({"size": 0}, "size must be 1 or more")],
)
def test_sizes_below_one_are_refused(settings, message):
    items = Items({"state": torch.zeros(1, 1, 1, 2)}, torch.ones(1, 1, 1))
    with pytest.raises(ConfigError, match=message):
        MixtureReward.for_items(items, **settings)


def test_prototypes_of_what_is_seen_need_something_seen():
    items = Items({"action": torch.zeros(1, 1, 1, 2)}, torch.ones(1, 1, 1))
    with pytest.raises(ConfigError, match="sees actions alone"):
        MixtureReward.for_items(items, variant="B")


@pytest.mark.parametrize("name", ["", "a" * 201])
def test_a_person_has_a_name(name):
    with pytest.raises(ConfigError, match="name of a person has 1 to 200 letters"):
        PersonWeights(2, [name])


def test_chunks_of_a_policy_are_embedded_as_segments_of_one_and_of_several():
    torch.manual_seed(0)
    items = Items.of_candidates(ropes(4), chunks(4, 3))
    reward = MixtureReward.for_items(items, policy=tiny_policy(), width=8)
    value = reward.score(items).value
    torch.testing.assert_close(as_scorer(reward).score(ropes(4), chunks(4, 3)).value, value)
    seen = {name: part.expand(4, 3, *part.shape[2:]) for name, part in items.steps.items() if name != "action"}
    apart = Items({**seen, "action": items.steps["action"]}, items.weight)
    torch.testing.assert_close(reward.score(apart).value, value, atol=1e-5, rtol=1e-4)
    assert reward.horizon == 1


def test_settings_make_the_same_mixture_again():
    for variant in ("A", "B"):
        reward = of_steps(prototypes=3, variant=variant)
        made = MixtureReward.of(reward.settings)
        made.load_state_dict(reward.state_dict())
        torch.testing.assert_close(made.score(steps()).value, reward.score(steps()).value)
