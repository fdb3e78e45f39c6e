"""A new person is fitted to a few answers, and nothing else moves."""

import numpy as np
import pytest
import torch

from robopref.errors import ConfigError
from robopref.items import Comparisons, Items, context_code
from robopref.learning.fit import FitConfig
from robopref.learning.new_person import PersonOfMixture, fit_person
from robopref.learning.preference import train_reward
from robopref.learning.prototype_count import held_out_losses
from robopref.learning.reward_members import RewardFit
from robopref.objectives.pairwise import bradley_terry, pair_agreement
from robopref.rewards.mixture import MixtureReward
from robopref.scores import PairTarget

FIT = FitConfig(steps=150, learning_rate=1e-2, ema=0)


def answers(signs, pairs=40, seed=0):
    """Each person has compared numbers, and wants large or small ones."""
    rng = np.random.default_rng(seed)
    steps = torch.as_tensor(rng.standard_normal((pairs * len(signs), 2, 1, 2)), dtype=torch.float32)
    sign = torch.tensor(list(signs.values())).repeat_interleave(pairs)
    p = torch.full((len(steps), 2, 2), 0.5)
    p[:, 0, 1] = (sign * (steps[:, 0, 0, 0] - steps[:, 1, 0, 0]) > 0).float()
    weight = torch.zeros(len(steps), 2, 2)
    weight[:, 0, 1] = 1
    codes = torch.tensor([context_code(name) for name in signs]).repeat_interleave(pairs)
    return Comparisons(Items({"state": steps}, torch.ones(len(steps), 2, 1), {"labeler": codes}), PairTarget(p, weight))


def untrained(data, names, prototypes=2):
    torch.manual_seed(0)
    made = MixtureReward.for_items(data.items, prototypes=prototypes, size=4, width=16)
    made.meet(names)
    return made


@pytest.fixture(scope="module")
def mixture():
    signs = {"ann": 1.0, "bob": -1.0, "cat": 1.0, "dan": -1.0}
    data = answers(signs)
    return train_reward(untrained(data, signs), data, bradley_terry, FIT, seed=0)


def test_opposite_wishes_are_learnt_side_by_side(mixture):
    fresh = answers({"ann": 1.0, "bob": -1.0}, seed=1)
    assert pair_agreement(mixture.score(fresh.items), fresh.target) > 0.9
    weights = mixture.persons.every()[:, 0] > 0.5
    assert weights.tolist() in ([True, False, True, False], [False, True, False, True])


def test_a_new_person_is_fitted_and_nothing_else_moves(mixture):
    before = {name: value.clone() for name, value in mixture.state_dict().items() if "persons" not in name}
    known = mixture.persons.every().detach()
    found = fit_person(mixture, "eve", answers({"eve": -1.0}, pairs=5), bradley_terry, FIT, seed=0)
    assert mixture.names == ("ann", "bob", "cat", "dan", "eve")
    torch.testing.assert_close(mixture.persons.of({"eve": 1.0}), found)
    torch.testing.assert_close(mixture.persons.every()[:4], known)
    for name, value in before.items():
        assert torch.equal(value, mixture.state_dict()[name]), name
    assert all(value.requires_grad for value in mixture.parameters())
    mixture.choose({"eve": 1.0})
    fresh = answers({"eve": -1.0}, seed=2)
    bare = Items(fresh.items.steps, fresh.items.weight)
    assert pair_agreement(mixture.score(bare), fresh.target) > 0.9
    mixture.choose(None)


def test_the_gradient_of_a_new_person_by_hand(mixture):
    person = PersonOfMixture(mixture)
    data = answers({"eve": 1.0}, pairs=3)
    person.score(data.items).value[:, 0].sum().backward()
    assert [name for name, value in person.named_parameters() if value.grad is not None] == ["change"]
    # With v_k = dr / dw_k, the softmax gives w_k (v_k - sum_j w_j v_j), which sums to zero.
    weights = person.weights.detach().requires_grad_()
    person.mixture.score_for(data.items, weights[None]).value[:, 0].sum().backward()
    slope = weights.grad
    assert slope is not None
    assert person.change.grad is not None
    expected = weights.detach() * (slope - (weights.detach() * slope).sum())
    torch.testing.assert_close(person.change.grad, expected)
    assert person.change.grad.sum().abs() < 1e-4


def test_a_person_begins_with_the_mean_of_all(mixture):
    torch.testing.assert_close(PersonOfMixture(mixture).weights, mixture.persons.mean())


def test_the_number_of_prototypes_shows_on_held_out_answers():
    signs = {"ann": 1.0, "bob": -1.0, "cat": 1.0, "dan": -1.0}
    data = answers(signs)
    losses = held_out_losses(
        lambda count: untrained(data, signs, count), [1, 2], data, RewardFit(bradley_terry, FIT), seed=0
    )
    # Opposite wishes leave one prototype at chance, log 2.
    assert losses[1] > 0.6 > 0.4 > losses[2]


def test_numbers_of_prototypes_below_one_are_refused():
    data = answers({"ann": 1.0}, pairs=2)
    for counts in ([], [0, 1]):
        with pytest.raises(ConfigError, match="numbers of prototypes to try"):
            held_out_losses(lambda _: untrained(data, ["ann"]), counts, data, RewardFit(bradley_terry, FIT), seed=0)
    with pytest.raises(ConfigError, match="too few to hold some out"):
        held_out_losses(lambda _: untrained(data, ["ann"]), [1], data, RewardFit(bradley_terry, FIT), seed=0)
