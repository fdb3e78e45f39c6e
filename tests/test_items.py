"""What is compared."""

import torch

from robopref.items import Comparisons, Items
from robopref.scores import SuccessTarget


def steps(*lengths: int) -> Items:
    """One question of an item of each length, whose decisions are numbered from 10 times its place."""
    longest = max(lengths)
    numbers = torch.stack([10.0 * place + torch.arange(longest) for place in range(len(lengths))])
    weight = torch.stack([(torch.arange(longest) < length) / length for length in lengths])
    return Items({"number": numbers[None, ..., None]}, weight[None])


def test_a_stretch_of_an_item_is_whole_in_itself_and_counts_as_much() -> None:
    items, firsts = steps(6, 4, 2), list[list[float]]()
    generator = torch.Generator().manual_seed(0)
    for _ in range(60):
        cut = items.cut(3, generator)
        number = cut.part("number")[0, ..., 0]
        assert torch.equal(number, number[:, :1] + torch.arange(3))
        assert torch.allclose(cut.weight.sum(2), items.weight.sum(2))
        assert torch.equal(cut.weight[0, 2] > 0, torch.tensor([True, True, False]))
        firsts.append(number[:, 0].tolist())
    # Of six decisions a stretch of three begins at 0 to 3, of four at 0 or 1; two are all that there are.
    assert [sorted(set(one)) for one in zip(*firsts, strict=True)] == [[0, 1, 2, 3], [10, 11], [20]]


def test_items_that_are_no_longer_stay_whole() -> None:
    items = steps(6, 4)
    assert items.cut(6, torch.Generator()) is items


def test_what_all_items_of_a_question_share_is_cut_for_each() -> None:
    items = Items({"seen": torch.arange(5.0).reshape(1, 1, 5, 1)}, torch.ones(1, 2, 5))
    cut = items.cut(2, torch.Generator().manual_seed(1))
    assert cut.part("seen").shape == (1, 2, 2, 1)
    assert torch.equal(cut.weight, torch.full((1, 2, 2), 2.5))


def test_single_decisions_of_which_no_action_is_known_are_told_apart_by_what_was_seen() -> None:
    target = SuccessTarget(torch.ones(1, 1), torch.ones(1, 1))
    one, two = (
        Comparisons(Items({"state": torch.full((1, 1, 1, 2), at)}, torch.ones(1, 1, 1)), target) for at in (0.0, 1.0)
    )
    assert not torch.equal(one.described()[0], two.described()[0])
