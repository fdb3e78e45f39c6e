"""Beam search: the best sequence of chunks, found with a few executions."""

import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from robopref.errors import ActionError, ConfigError
from robopref.interaction import Dynamics, Outcome
from robopref.protocols import Policy
from robopref.ranking.chunk_judges import ScoredChunks, SearchedPlan
from robopref.ranking.search import BeamSearch
from robopref.records import Observation
from robopref.scores import NoiseDraw, Scores

LEFT, RIGHT = 0.0, 1.0
# Where each way leads, and what it is worth. Right is the better first step, left the better first two.
#   start -L 1-> a -L 5-> (c)    start -R 2-> b -L 1-> (d)
#                a -R 0-> (e)                 b -R 3-> (f), the task is over there
WAYS = {
    (0, LEFT): (1, 1.0), (0, RIGHT): (2, 2.0),
    (1, LEFT): (3, 5.0), (1, RIGHT): (5, 0.0),
    (2, LEFT): (4, 1.0), (2, RIGHT): (6, 3.0),
    (3, LEFT): (7, -4.0), (3, RIGHT): (8, -4.0),
}  # fmt: skip


def observed(places: Sequence[int]) -> Observation:
    place = torch.tensor(places, dtype=torch.float32)
    return Observation(place[:, None, None].expand(-1, 2, 3), place[:, None])


class Tree:
    """Candidates, worth and dynamics of the tree above; places that it does not name stay where they are."""

    def __init__(self, over: Sequence[int] = (), worth: dict[tuple[int, float], float] | None = None) -> None:
        self.over, self.worth, self.executed = over, worth or {}, list[tuple[int, float]]()

    def sample(self, observation: Observation, n: int, *, generator: torch.Generator) -> Tensor:
        return torch.arange(n).float().expand(len(observation.proprio), n)[..., None, None]

    def score(self, observation: Observation, actions: Tensor, *, draw: NoiseDraw | None = None) -> Scores:
        places = observation.proprio[:, 0].int().tolist()
        rows = [
            [self.worth.get((place, way), WAYS.get((place, way), (place, 0.0))[1]) for way in ways]
            for place, ways in zip(places, actions[..., 0, 0].tolist(), strict=True)
        ]
        return Scores(torch.tensor(rows))

    def advance(self, states: Sequence[int], chunks: Tensor) -> Outcome:
        ways = list(zip(states, chunks[:, 0, 0].tolist(), strict=True))
        self.executed += ways
        after = [WAYS.get(way, (way[0], 0.0))[0] for way in ways]
        over = torch.tensor([place in self.over for place in after])
        return Outcome(list(after), observed(after), torch.zeros(len(after)), over)


def search(tree: Tree, *, beams: int, depth: int, candidates: int = 2) -> list[SearchedPlan]:
    planner = BeamSearch(tree, ScoredChunks(tree), tree, beams=beams, candidates=candidates, depth=depth)
    return planner.search(0, observed([0]), generator=torch.Generator().manual_seed(0))


def told(plan: SearchedPlan) -> tuple[str, float, int]:
    return "".join("LR"[int(chunk[0, 0])] for chunk in plan.chunks), plan.value, plan.state


def test_the_tree_is_what_a_search_expects() -> None:
    assert isinstance(Tree(), Policy)
    assert isinstance(Tree(), Dynamics)


def test_one_beam_is_greedy_and_misses_the_best_plan() -> None:
    # 2 for going right, then 3.
    (best,) = search(Tree(), beams=1, depth=2)
    assert told(best) == ("RR", 5.0, 6)


def test_two_beams_find_it() -> None:
    # LL is worth 1 + 5 = 6, RR 2 + 3 = 5.
    plans = search(Tree(), beams=2, depth=2)
    assert [told(plan) for plan in plans] == [("LL", 6.0, 3), ("RR", 5.0, 6)]
    assert not plans[0].over


def test_depth_one_is_best_of_n() -> None:
    assert [told(plan) for plan in search(Tree(), beams=4, depth=1)] == [("R", 2.0, 2), ("L", 1.0, 1)]


def test_a_wide_beam_keeps_every_plan_best_first() -> None:
    plans = [told(plan) for plan in search(Tree(), beams=10, depth=2)]
    assert plans == [("LL", 6.0, 3), ("RR", 5.0, 6), ("RL", 3.0, 4), ("LR", 1.0, 5)]


@pytest.mark.parametrize(("beams", "depth"), [(1, 3), (2, 2), (3, 3), (10, 2)])
def test_only_what_is_kept_is_executed(beams: int, depth: int) -> None:
    tree = Tree()
    search(tree, beams=beams, depth=depth)
    assert len(tree.executed) <= beams * depth
    # Of ways kept: one beam goes right at the start and never tries left.
    assert beams > 1 or (0, LEFT) not in tree.executed


def test_a_finished_plan_keeps_its_place_while_others_go_on() -> None:
    # RR ends at 5; LL has 6 after two decisions and loses 4 in the third.
    plans = search(Tree(over=(6,)), beams=2, depth=3)
    assert [(told(plan), plan.over) for plan in plans] == [(("RR", 5.0, 6), True), (("LLL", 2.0, 7), False)]
    # Not finished, it has to go on, and gains nothing.
    assert told(search(Tree(), beams=2, depth=3)[0]) == ("RRL", 5.0, 6)


def test_a_finished_plan_gives_way_to_better_ones() -> None:
    # R is over at once with 2; LL and LR with 6 and 4 take both places.
    plans = search(Tree(over=(2,), worth={(1, RIGHT): 3.0}), beams=2, depth=2)
    assert [told(plan) for plan in plans] == [("LL", 6.0, 3), ("LR", 4.0, 5)]


def test_plans_and_what_is_seen_stay_together_when_some_finish() -> None:
    # Of the plans kept after one decision the better one, R, is over: what is seen next belongs to L.
    tree = Tree(over=(2,))
    plans = search(tree, beams=2, depth=2)
    assert [told(plan) for plan in plans] == [("LL", 6.0, 3), ("R", 2.0, 2)]
    assert tree.executed == [(0, RIGHT), (0, LEFT), (1, LEFT)]


def test_a_search_ends_when_all_plans_have() -> None:
    tree = Tree(over=(1, 2))
    plans = search(tree, beams=3, depth=5)
    assert [(told(plan)[0], plan.over) for plan in plans] == [("R", True), ("L", True)]
    assert len(tree.executed) == 2


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_score_that_is_not_finite_plans_nothing(bad: float) -> None:
    with pytest.raises(ActionError, match="the reward gave a score that is not finite"):
        search(Tree(worth={(1, LEFT): bad}), beams=2, depth=2)


@pytest.mark.parametrize("settings", [{"beams": 0}, {"candidates": 0}, {"depth": -1}])
def test_numbers_that_cannot_be_are_refused(settings: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="beams, candidates and depth >= 1"):
        BeamSearch(Tree(), ScoredChunks(Tree()), Tree(), **settings)


def chosen(tree: Tree, *, beams: int = 2, depth: int = 2, keep: int | None = None) -> tuple[int, list[float]]:
    """Which of the candidates left and right is taken at the start, and their scores."""
    ranker = BeamSearch(tree, ScoredChunks(tree), tree, beams=beams, candidates=2, depth=depth)
    candidates = torch.tensor([LEFT, RIGHT])[None, :, None, None]
    choice = ranker.choose([0], observed([0]), candidates, keep=keep)
    assert choice.action.item() == candidates[0, choice.index].item()
    return int(choice.index), choice.scores.value[0].tolist()


def test_the_first_chunk_of_the_best_plan_is_taken() -> None:
    tree = Tree()
    # LL is worth 6 and RR 5, though right is the better first step.
    assert chosen(tree) == (0, [6.0, 5.0])
    # The second chunks are scored where they start, and not executed.
    assert sorted(tree.executed) == [(0, LEFT), (0, RIGHT)]


def test_candidates_that_no_kept_plan_begins_with_come_below() -> None:
    # Greedily right, worth 5; left lies one and its place below.
    assert chosen(Tree(), keep=1) == (1, [3.0, 5.0])
    tree = Tree()
    assert chosen(tree, depth=1) == (1, [1.0, 2.0])
    assert tree.executed == []


@pytest.mark.parametrize(("beams", "depth"), [(1, 3), (2, 2), (4, 3), (10, 1)])
def test_no_more_is_simulated_than_is_said(beams: int, depth: int) -> None:
    tree = Tree()
    chosen(tree, beams=beams, depth=depth)
    assert len(tree.executed) <= BeamSearch(tree, ScoredChunks(tree), tree, beams=beams, depth=depth).simulated


def test_states_are_searched_one_by_one() -> None:
    tree = Tree()
    ranker = BeamSearch(tree, ScoredChunks(tree), tree, beams=2, candidates=2, depth=2)
    candidates = torch.tensor([LEFT, RIGHT])[None, :, None, None].expand(2, -1, -1, -1)
    # From 1 left is worth 5, then -4 either way, which takes both places: 1. Right lies one and its place below.
    assert ranker.choose([0, 1], observed([0, 1]), candidates).scores.value.tolist() == [[6.0, 5.0], [1.0, -1.0]]


def test_what_cannot_be_searched_with_is_refused() -> None:
    remembering, judge = Tree(), Tree()
    remembering.history = 2  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match="the last 2 observations, is not known"):
        BeamSearch(remembering, ScoredChunks(Tree()), Tree())
    judge.observes = ("after.points",)  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match="adds up what a reward says of actions, and this one judges outcomes"):
        ScoredChunks(judge)
