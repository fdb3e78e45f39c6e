"""Weights of persons on the simplex."""

import math

import pytest
import torch

from robopref.rewards.person_weights import PersonWeights, weights_of_state


def test_weights_by_hand():
    persons = PersonWeights(2, ["ann"])
    with torch.no_grad():
        persons.free.copy_(torch.tensor([[0.1 * math.log(3), 0.0]]))
    # The free numbers count ten times: softmax of (log 3, 0) is (3/4, 1/4).
    torch.testing.assert_close(persons.every(), torch.tensor([[0.75, 0.25]]))


def test_weights_stay_on_the_simplex():
    persons = PersonWeights(4, [f"p{index}" for index in range(9)])
    with torch.no_grad():
        persons.free.mul_(30)
    for found in (persons.every(), persons.mean()[None], persons.of({"p1": 2.0, "p7": 5.0})[None]):
        assert (found >= 0).all()
        torch.testing.assert_close(found.sum(1), torch.ones(len(found)))


def test_who_is_met_again_stays_as_they_are():
    persons = PersonWeights(3, ["ann"])
    persons.put("bob", torch.tensor([0.2, 0.3, 0.5]))
    before = persons.every().detach()
    persons.meet(["bob", "cat"])
    assert persons.names == ("ann", "bob", "cat")
    torch.testing.assert_close(persons.every()[:2], before)
    torch.testing.assert_close(before[1], torch.tensor([0.2, 0.3, 0.5]))


def test_weights_are_read_without_what_they_belong_to():
    persons = PersonWeights(2, ["ann"])
    persons.put("bø b", torch.tensor([0.25, 0.75]))
    found = weights_of_state({f"persons.{key}": value for key, value in persons.state_dict().items()}, "persons.")
    assert list(found) == ["ann", "bø b"]
    assert found["bø b"] == pytest.approx([0.25, 0.75])
    with pytest.raises(ValueError, match="table"):
        weights_of_state({"letters": persons.letters, "free": torch.zeros(3, 2)})
