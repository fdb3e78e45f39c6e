import math

import pytest
import torch

from robopref.errors import ConfigError
from robopref.objectives.similarity import distances, odd_agreement, odd_one_out, triplet

# On a line at 0, 3 and 4: |01| = 3, |02| = 4, |12| = 1.
LINE = torch.tensor([[[0.0], [3.0], [4.0]]])
ONE = torch.ones(1)


def odd(*index: int) -> torch.Tensor:
    return torch.tensor(index)


def test_distances_are_those_of_the_two_others():
    torch.testing.assert_close(distances(LINE), torch.tensor([[1.0, 4.0, 3.0]]))


@pytest.mark.parametrize(
    ("index", "both", "one"),
    [
        # 1 and 2 are alike: 1 - 3 + 0.5 and 1 - 4 + 0.5 are negative.
        (0, 0.0, 0.0),
        # 0 and 2: anchor 0 gives 4 - 3 + 0.5, anchor 2 gives 4 - 1 + 0.5.
        (1, 1.5 + 3.5, 1.5),
        # 0 and 1: anchor 0 gives 3 - 4 + 0.5 < 0, anchor 1 gives 3 - 1 + 0.5.
        (2, 2.5, 0.0),
    ],
)
def test_the_hinge_by_hand(index, both, one):
    assert triplet(LINE, odd(index), ONE, margin=0.5).total.item() == pytest.approx(both, abs=1e-5)
    assert triplet(LINE, odd(index), ONE, margin=0.5, symmetric=False).total.item() == pytest.approx(one, abs=1e-5)


def test_the_likelihood_by_hand():
    # Squared distances of the others 1, 16 and 9, at a temperature of 4.
    chances = [math.exp(-square / 4) for square in (1, 16, 9)]
    for index in range(3):
        loss = odd_one_out(LINE, odd(index), ONE, temperature=4.0)
        assert loss.total.item() == pytest.approx(-math.log(chances[index] / sum(chances)), rel=1e-5)


def test_weights_are_shares_of_the_mean():
    both, index = LINE.repeat(2, 1, 1), odd(0, 1)
    assert triplet(both, index, torch.tensor([3.0, 1.0]), margin=0.5).total.item() == pytest.approx(5.0 / 4, abs=1e-5)
    assert triplet(both, index, torch.tensor([1.0, 0.0]), margin=0.5).terms["accuracy"] == 1


def test_an_embedding_that_tells_nothing_apart_is_right_as_often_as_chance():
    near = torch.tensor([[1.0, 1.0, 1.0], [1.0, 1.0, 2.0]])
    assert odd_agreement(near, odd(0, 2), torch.ones(2)).item() == pytest.approx(1 / 6)


def test_the_order_of_the_items_does_not_matter():
    points = torch.randn(20, 3, 4, generator=torch.Generator().manual_seed(0))
    index, order = torch.arange(20) % 3, torch.tensor([2, 0, 1])
    moved = torch.argsort(order)[index]  # item k is at place argsort(order)[k]
    for loss in (triplet, odd_one_out):
        torch.testing.assert_close(
            loss(points[:, order], moved, torch.ones(20)).total, loss(points, index, torch.ones(20)).total
        )


@pytest.mark.parametrize("loss", [triplet, odd_one_out])
def test_equal_items_have_a_finite_gradient(loss):
    points = torch.zeros(2, 3, 2, requires_grad=True)
    loss(points, odd(0, 1), torch.ones(2)).total.backward()
    assert points.grad is not None
    assert bool(points.grad.isfinite().all())


def test_settings_out_of_range_are_refused():
    with pytest.raises(ConfigError, match="margin must be positive"):
        triplet(LINE, odd(0), ONE, margin=0.0)
    with pytest.raises(ConfigError, match="temperature must be positive"):
        odd_one_out(LINE, odd(0), ONE, temperature=0.0)
