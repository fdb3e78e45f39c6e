"""Search by what dynamics say that chunks earn, beside the best of one decision."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from robopref.errors import ActionError
from robopref.interaction import Outcome
from robopref.ranking.chunk_judges import EarnedChunks
from robopref.ranking.search import BeamSearch
from tests.ranking.test_search import LEFT, RIGHT, WAYS, Tree, observed


class Paid(Tree):
    """The tree of beam search, whose ways earn what they are worth."""

    def advance(self, states: Sequence[int], chunks: Tensor) -> Outcome:
        ways = list(zip(states, chunks[:, 0, 0].tolist(), strict=True))
        earned = torch.tensor([WAYS.get(way, (way[0], 0.0))[1] for way in ways])
        return replace(super().advance(states, chunks), reward=earned)


def chosen(tree: Paid, *, beams: int = 2, depth: int, keep: int | None = None) -> tuple[int, list[float]]:
    planner = BeamSearch(tree, EarnedChunks(), tree, beams=beams, candidates=2, depth=depth)
    begin = torch.tensor([LEFT, RIGHT])[None, :, None, None]
    choice = planner.choose([0], observed([0]), begin, keep=keep)
    return int(choice.index[0]), choice.scores.value[0].tolist()


def test_one_decision_takes_what_earns_most_at_once_and_two_what_earns_most_in_all() -> None:
    assert chosen(Paid(), depth=1) == (1, [1.0, 2.0])
    # Left earns 1 and then 5; right 2 and then 3, of which nobody is left among the best two sequences but one.
    assert chosen(Paid(), depth=2) == (0, [6.0, 5.0])
    # One beam follows right alone, 2 + 3; left comes below, in the order of what it earned alone.
    index, scores = chosen(Paid(), beams=1, depth=2)
    assert (index, scores[1]) == (1, 5.0)
    assert scores[0] < 5.0
    assert chosen(Paid(), depth=2, keep=1) == (index, scores)


def test_what_is_over_is_not_followed_and_keeps_what_it_earned() -> None:
    tree = Paid(over=(1, 2))
    assert chosen(tree, depth=3) == (1, [1.0, 2.0])
    assert tree.executed == [(0, LEFT), (0, RIGHT)]
    tree = Paid(over=(2,))  # 2 and over, beside 1 + 5
    assert chosen(tree, depth=2) == (0, [6.0, 2.0])
    assert (2, LEFT) not in tree.executed


def test_rewards_that_are_not_finite_are_refused() -> None:
    class Broken(Paid):
        def advance(self, states: Sequence[int], chunks: Tensor) -> Outcome:
            return replace(super().advance(states, chunks), reward=torch.full((len(states),), torch.nan))

    with pytest.raises(ActionError, match=r"actions lead .dynamics=. gave a reward that is not finite"):
        chosen(Broken(), depth=1)
