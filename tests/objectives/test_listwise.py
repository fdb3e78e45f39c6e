"""Plackett-Luce: the likelihood of an ordering, chosen from the best down."""

import math
from itertools import combinations

import pytest
import torch
from torch.nn.functional import cross_entropy

from robopref.objectives.listwise import plackett_luce
from robopref.objectives.pairwise import bradley_terry
from robopref.scores import PairTarget, Scores


def rankings(*lists: tuple[int | None, ...]) -> PairTarget:
    """All pairs of each list of ranks, 0 the best; None was not compared."""
    count = len(lists[0])
    p, weight = torch.full((len(lists), count, count), 0.5), torch.zeros(len(lists), count, count)
    for row, ranks in enumerate(lists):
        for i, j in combinations(range(count), 2):
            first, second = ranks[i], ranks[j]
            if first is not None and second is not None:
                p[row, i, j] = 0.5 + 0.5 * ((second > first) - (second < first))
                weight[row, i, j] = 1
    return PairTarget(p, weight)


def scores(*rows: tuple[float, ...]) -> Scores:
    return Scores(torch.tensor(rows, dtype=torch.float32, requires_grad=True))


def total(given: Scores, target: PairTarget, top: int | None = None) -> float:
    return plackett_luce(given, target, top=top).total.item()


def test_of_three_items_by_hand() -> None:
    # Scores (2, 1, 0) in that order. First stage log(e^2 + e + 1) - 2 = 0.407606,
    # second log(e + 1) - 1 = 0.313262; their mean is 0.360434.
    loss = plackett_luce(scores((2, 1, 0)), rankings((0, 1, 2)))
    assert loss.total.item() == pytest.approx(0.360434, abs=1e-6)
    assert loss.terms["loss"].item() == loss.total.item()
    assert loss.terms["accuracy"].item() == 1
    # The other way round: 2.407606 - 0 and 2.313262 - 1 make 1.860434.
    assert total(scores((2, 1, 0)), rankings((2, 1, 0))) == pytest.approx(1.860434, abs=1e-6)


def test_of_a_tie_at_the_top_by_hand() -> None:
    # One stage: log(e^2 + e + 1) - log(e^2 + e) = 2.407606 - 2.313262 = 0.094344
    assert total(scores((2, 1, 0)), rankings((0, 0, 1))) == pytest.approx(0.094344, abs=1e-6)


def test_tied_items_may_come_in_any_order() -> None:
    target = rankings((1, 0, 1, 2))
    assert total(scores((0.3, 1, -2, 0.1)), target) == pytest.approx(total(scores((-2, 1, 0.3, 0.1)), target), abs=1e-6)


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_of_two_items_is_bradley_terry(p: float) -> None:
    target = PairTarget(torch.tensor([[[0.5, p], [0.5, 0.5]]]), torch.tensor([[[0.0, 1.0], [0.0, 0.0]]]))
    one, other = scores((0.7, -0.4)), scores((0.7, -0.4))
    listwise, pairwise = plackett_luce(one, target).total, bradley_terry(other, target).total
    listwise.backward()
    pairwise.backward()
    assert listwise.item() == pytest.approx(pairwise.item(), abs=1e-6)
    torch.testing.assert_close(one.value.grad, other.value.grad)


def test_an_answer_counts_by_its_weight_and_by_how_sure_it_is_by_hand() -> None:
    # Margins 2 and 1, preferred with 1 and 0.75, weights 1 and 3: log(1 + e^-2) = 0.126928 counts 1 and
    # log(1 + e^-1) = 0.313262 counts 3 * |2 * 0.75 - 1| = 1.5, so (0.126928 + 1.5 * 0.313262) / 2.5 = 0.238728.
    p, weight = torch.full((2, 2, 2), 0.5), torch.zeros(2, 2, 2)
    p[:, 0, 1], weight[:, 0, 1] = torch.tensor([1.0, 0.75]), torch.tensor([1.0, 3.0])
    given = scores((2, 0), (1, 0))
    assert total(given, PairTarget(p, weight)) == pytest.approx(0.238728, abs=1e-6)
    # As a preference for the column item, in the other corner, it says the same.
    turned = PairTarget(1 - p.transpose(1, 2), weight.transpose(1, 2))
    assert total(given, turned) == pytest.approx(0.238728, abs=1e-6)
    # Answers of half the weight count as much beside each other.
    assert total(given, PairTarget(p, weight / 2)) == pytest.approx(0.238728, abs=1e-6)


def test_a_stage_counts_by_the_comparisons_with_who_remains() -> None:
    # First against second was weighed 2, first against third 4, second against third 1: the first stage counts 3.
    target = rankings((0, 1, 2))
    weight = target.weight.clone()
    weight[0, 0, 1], weight[0, 0, 2] = 2, 4
    # (3 * 0.407606 + 0.313262) / 4 = 0.384020
    assert total(scores((2, 1, 0)), PairTarget(target.p, weight)) == pytest.approx(0.384020, abs=1e-6)


def test_neighbours_that_were_not_compared_count_as_their_list() -> None:
    # A beats B surely and C half-heartedly, so the order is A, C, B, and nobody compared C with B. Both stages count
    # (1 + 0.5) / 2, so their mean is that of (2, 1, 0) in order; beside a list that counts 1, it is 0.75 of a list.
    p, weight = torch.full((2, 3, 3), 0.5), torch.zeros(2, 3, 3)
    p[0, 0, 1], p[0, 0, 2], p[1, 0, 1] = 1, 0.75, 1
    weight[0, 0, 1] = weight[0, 0, 2] = weight[1, 0, 1] = 1
    assert total(scores((2, 0, 1)), PairTarget(p[:1], weight[:1])) == pytest.approx(0.360434, abs=1e-6)
    # (0.75 * (0.407606 + 0.313262) + 0.126928) / 2.5 = 0.267032
    assert total(scores((2, 0, 1), (2, 0, 9)), PairTarget(p, weight)) == pytest.approx(0.267032, abs=1e-6)


@pytest.mark.parametrize("shift", [50.0, -50.0, 2e4, -2e4])
def test_a_common_shift_cancels(shift: float) -> None:
    given, target = torch.tensor([[1.0, 0.25, -2.0]]), rankings((1, 0, 2))
    assert total(Scores(given + shift), target) == pytest.approx(total(Scores(given), target), abs=3e-3)


def test_the_order_of_the_items_does_not_matter() -> None:
    order = torch.tensor([2, 0, 3, 1])
    given, target = scores((0.5, -1, 2, 0)), rankings((0, 2, 1, 1))
    full = torch.triu(target.p, 1) + torch.tril(1 - target.p.transpose(1, 2), -1)
    weight = target.weight + target.weight.transpose(1, 2)
    turned = PairTarget(full[:, order][:, :, order], weight[:, order][:, :, order])
    moved = Scores(given.value.detach()[:, order].requires_grad_())
    one, other = plackett_luce(given, target).total, plackett_luce(moved, turned).total
    one.backward()
    other.backward()
    assert one.item() == pytest.approx(other.item(), abs=1e-6)
    torch.testing.assert_close(given.value.grad[:, order], moved.value.grad)


def test_descent_raises_the_best_and_lowers_the_worst() -> None:
    given = scores((0, 0, 0))
    plackett_luce(given, rankings((1, 0, 2))).total.backward()
    # Stages at equal scores: (1/3, 1/3 - 1, 1/3) and (1/2 - 1, 0, 1/2); half their sum is (-1/12, -1/3, 5/12).
    assert given.value.grad[0].tolist() == pytest.approx([-1 / 12, -1 / 3, 5 / 12], abs=1e-6)


def test_top_1_is_the_cross_entropy_of_the_best() -> None:
    given, target = scores((0.5, -1, 2, 0), (1, 2, 3, -1)), rankings((0, 2, 1, 3), (3, 1, 2, 0))
    expected = cross_entropy(given.value, torch.tensor([0, 3])).item()
    assert total(given, target, top=1) == pytest.approx(expected, abs=1e-6)
    assert total(given, target, top=3) == pytest.approx(total(given, target), abs=1e-6)
    assert total(given, target, top=9) == pytest.approx(total(given, target), abs=1e-6)


def test_top_2_stops_after_two_stages() -> None:
    # (2, 1, 0, 0) in that order: log(e^2 + e + 2) - 2 = 0.493812 and log(e + 2) - 1 = 0.551445, mean 0.522628;
    # a third stage would add log 2.
    given, target = scores((2, 1, 0, 0)), rankings((0, 1, 2, 3))
    assert total(given, target, top=2) == pytest.approx(0.522628, abs=1e-6)
    assert total(given, target) == pytest.approx((2 * 0.522628 + math.log(2)) / 3, abs=1e-5)


@pytest.mark.parametrize("ignored", [-1e6, 0.0, 1e6])
def test_items_that_were_not_compared_are_left_out(ignored: float) -> None:
    given = scores((2, ignored, 1, 0))
    loss = plackett_luce(given, rankings((0, None, 1, 2)))
    loss.total.backward()
    assert loss.total.item() == pytest.approx(0.360434, abs=1e-6)
    assert given.value.grad[0, 1] == 0


def test_lists_of_different_length_count_by_their_stages() -> None:
    given = scores((2, 1, 0), (1, 0, 9))
    loss = plackett_luce(given, rankings((0, 1, 2), (0, 1, None)))
    loss.total.backward()
    # (0.407606 + 0.313262 + 0.313262) / 3 = 0.344710
    assert loss.total.item() == pytest.approx(0.344710, abs=1e-6)
    assert given.value.grad.isfinite().all()
    assert given.value.grad[1, 2] == 0


def test_a_tied_list_beside_another_adds_nothing() -> None:
    given = scores((2, 1, 0), (5, 1, 3))
    loss = plackett_luce(given, rankings((0, 1, 2), (0, 0, 0)))
    loss.total.backward()
    assert loss.total.item() == pytest.approx(0.360434, abs=1e-6)
    assert given.value.grad[1].tolist() == [0, 0, 0]


@pytest.mark.parametrize("ranks", [(0, 0, 0), (None, None, None)])
def test_nothing_but_ties_costs_nothing_and_can_be_descended(ranks: tuple[int | None, ...]) -> None:
    given = scores((5, 1, 3))
    loss = plackett_luce(given, rankings(ranks))
    loss.total.backward()
    assert loss.total.item() == 0
    assert given.value.grad.tolist() == [[0, 0, 0]]


def test_one_state_is_a_batch() -> None:
    one = total(scores((0.5, -1, 2)), rankings((0, 2, 1)))
    twice = total(scores((0.5, -1, 2), (0.5, -1, 2)), rankings((0, 2, 1), (0, 2, 1)))
    assert one == pytest.approx(twice, abs=1e-6)


@pytest.mark.parametrize("scale", [1e2, 1e5])
def test_large_scores_keep_finite_gradients(scale: float) -> None:
    given = scores((-scale, scale, 0))
    loss = plackett_luce(given, rankings((0, 1, 2)))
    loss.total.backward()
    # Stages: scale - -scale and scale - scale; mean scale.
    assert loss.total.item() == pytest.approx(scale)
    assert given.value.grad[0].tolist() == pytest.approx([-0.5, 0.5, 0], abs=1e-6)
