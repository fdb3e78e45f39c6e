"""From answers to preference arrays."""

from dataclasses import replace

import pytest
import torch

from robopref.answers import Answers
from robopref.data.labels.comparisons import candidate_target, compared_alone, joined_candidates
from robopref.errors import DataError
from robopref.items import ComparedItems, Comparisons
from robopref.querying.candidate_queries import candidate_queries
from robopref.records import (
    Abstain,
    Answer,
    Feedback,
    Item,
    Observation,
    Preference,
    Query,
    Ranking,
    Rating,
    SimilarityTriplet,
)
from robopref.scores import PairTarget, SuccessTarget


def say(query: Query, answer: Answer, confidence: float = 1.0) -> Feedback:
    return Feedback(query.id, answer, "ann", confidence=confidence)


def gathered(queries: list[Query], feedback: list[Feedback], **sizes: int) -> PairTarget:
    return candidate_target(Answers.of(queries, feedback), **sizes)


def pair(first: Item, second: Item) -> Query:
    return Query("pair", "pair", (first, second))


def item(state: int, candidate: int | None, source: str = "run") -> Item:
    return Item(source, state, state + 1, candidate)


RANKING = candidate_queries("run", 2, 3)
PAIRS = candidate_queries("run", 2, 3, kind="pair")


def test_a_ranking_with_a_tie_becomes_its_pairs() -> None:
    # Item 1 is best, 0 and 2 tie: 0 loses to 1, ties with 2, and 1 beats 2.
    target = gathered(RANKING, [say(RANKING[1], Ranking((1, 0, 1)))], states=2, candidates=3)
    assert target.p.shape == target.weight.shape == (2, 3, 3)
    assert target.p.dtype == target.weight.dtype == torch.float32
    assert target.weight[1].tolist() == [[0, 1, 1], [0, 0, 1], [0, 0, 0]]
    assert target.p[1, [0, 0, 1], [1, 2, 2]].tolist() == [0, 0.5, 1]
    assert target.weight[0].abs().max() == 0


def test_ranks_count_by_order_only() -> None:
    one, other = (
        gathered(RANKING, [say(RANKING[0], Ranking(ranks))], states=2, candidates=3) for ranks in ((0, 1, 2), (0, 5, 9))
    )
    assert torch.equal(one.p, other.p)


def test_a_ranking_says_the_same_as_its_pairs() -> None:
    ranked = gathered(RANKING, [say(RANKING[0], Ranking((2, 0, 1)))], states=2, candidates=3)
    answers = [say(query, Preference(p)) for query, p in zip(PAIRS[:3], (0.0, 0.0, 1.0), strict=True)]
    paired = gathered(PAIRS, answers, states=2, candidates=3)
    assert torch.equal(ranked.p, paired.p)
    assert torch.equal(ranked.weight, paired.weight)


def test_an_abstention_adds_nothing() -> None:
    answers = [say(RANKING[0], Abstain("skipped")), say(RANKING[1], Ranking((0, 1, 2)))]
    with_it = gathered(RANKING, answers, states=2, candidates=3)
    without = gathered(RANKING, answers[1:], states=2, candidates=3)
    assert torch.equal(with_it.p, without.p)
    assert torch.equal(with_it.weight, without.weight)
    assert with_it.weight[0].abs().max() == 0


def test_answers_that_compare_nothing_add_nothing() -> None:
    triplet = Query("odd", "similarity", RANKING[0].items)
    rating = Query("rate", "rating", (Item("another dataset", 99, 200),))
    answers = [say(triplet, SimilarityTriplet(1)), say(rating, Rating(1.0))]
    target = gathered([triplet, rating], answers, states=2, candidates=3)
    assert target.weight.abs().max() == 0


def test_a_tie_counts_and_an_abstention_does_not() -> None:
    target = gathered(PAIRS, [say(PAIRS[0], Preference(0.5))], states=2, candidates=3)
    assert (target.p[0, 0, 1].item(), target.weight[0, 0, 1].item()) == (0.5, 1)
    assert target.weight.sum() == 1


def test_two_answers_are_averaged() -> None:
    answers = [say(PAIRS[1], Preference(1.0)), say(PAIRS[1], Preference(0.5))]
    target = gathered(PAIRS, answers, states=2, candidates=3)
    assert target.p[0, 0, 2].item() == 0.75
    assert target.weight[0, 0, 2].item() == 2


def test_answers_count_by_their_confidence() -> None:
    answers = [say(PAIRS[0], Preference(1.0), 0.75), say(PAIRS[0], Preference(0.0), 0.25)]
    target = gathered(PAIRS, answers, states=2, candidates=3)
    # (1 * 0.75 + 0 * 0.25) / 1
    assert target.p[0, 0, 1].item() == 0.75
    assert target.weight[0, 0, 1].item() == 1


def test_no_confidence_is_no_comparison() -> None:
    target = gathered(PAIRS, [say(PAIRS[0], Preference(1.0), 0.0)], states=2, candidates=3)
    assert target.weight.abs().max() == 0
    assert target.p.isfinite().all()


def test_both_orders_of_a_question_agree() -> None:
    forward, backward = pair(item(0, 0), item(0, 2)), pair(item(0, 2), item(0, 0))
    one = gathered([forward], [say(forward, Preference(0.75))], states=1, candidates=3)
    other = gathered([backward], [say(backward, Preference(0.25))], states=1, candidates=3)
    assert (one.p[0, 0, 2].item(), one.weight[0, 0, 2].item()) == (0.75, 1)
    # Row better than column, wherever the question was put.
    assert (other.p[0, 2, 0].item(), other.weight[0, 2, 0].item()) == (0.25, 1)


def test_no_feedback_is_no_comparison() -> None:
    target = gathered(RANKING, [], states=2, candidates=3)
    assert target.weight.abs().max() == 0
    assert (target.p == 0.5).all()


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (pair(item(0, 0), item(1, 1)), "different states"),
        (pair(item(0, 0), item(0, 1, "other")), "different states"),
        (pair(item(0, 0), item(0, None)), "without a candidate index"),
        (pair(item(2, 0), item(2, 1)), "names state 2"),
        (pair(item(0, 0), item(0, 3)), "candidates 0 and 3"),
        (pair(item(0, -1), item(0, 1)), "candidates -1 and 1"),
        (pair(item(-1, 0), item(-1, 1)), "names state -1"),
    ],
)
def test_questions_that_do_not_fit_the_candidates_are_refused(query: Query, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        gathered([query], [say(query, Preference(1.0))], states=2, candidates=3)
    assert "\n" not in str(caught.value)


def test_an_answer_to_no_question_is_refused() -> None:
    with pytest.raises(DataError, match="query 'lost', which is not among the 2 queries"):
        gathered(RANKING, [Feedback("lost", Abstain("skipped"), "ann")], states=2, candidates=3)


def compared(states: int, candidates: int, points: int, pairs: dict[tuple[int, int, int], float]) -> Comparisons:
    """Candidates that are numbered, of which some are compared."""
    p, weight = torch.full((states, candidates, candidates), 0.5), torch.zeros(states, candidates, candidates)
    for place, value in pairs.items():
        p[place], weight[place] = value, 0.5
    seen = Observation(torch.arange(float(points)).repeat(states, 3, 1).mT, torch.arange(float(states))[:, None])
    chunks = torch.arange(float(candidates)).repeat(states, 1)[..., None, None]
    return Comparisons.of_candidates(seen, chunks, PairTarget(p, weight), None)


def test_only_what_is_compared_is_kept_of_each_state() -> None:
    # Nothing is compared in state 1; in state 0 the candidates 3 and 1, in state 2 the candidate 0 with both others.
    found = compared_alone(compared(3, 4, 2, {(0, 3, 1): 1.0, (2, 0, 1): 1.0, (2, 3, 0): 0.2}))
    assert isinstance(found.target, PairTarget)
    assert found.items.steps["proprio"].flatten().tolist() == [0, 2]
    # As many as in the state with most; what is compared comes first.
    assert found.items.steps["action"].flatten(1).tolist() == [[1, 3, 0], [0, 1, 3]]
    assert found.target.weight.nonzero().tolist() == [[0, 1, 0], [1, 0, 1], [1, 2, 0]]
    assert found.target.p[found.target.weight > 0].tolist() == pytest.approx([1.0, 1.0, 0.2])


def test_candidates_of_several_datasets_are_joined() -> None:
    one, other = compared(2, 3, 5, {(0, 0, 2): 1.0}), compared(1, 2, 3, {(0, 1, 0): 1.0})
    found = joined_candidates([one, other])
    assert isinstance(found.target, PairTarget)
    assert len(found) == 3
    assert found.items.steps["action"].flatten(1).tolist() == [[0, 1, 2], [0, 1, 2], [0, 1, 1]]
    assert found.target.weight.nonzero().tolist() == [[0, 0, 2], [2, 1, 0]]
    # The smaller cloud has some points twice.
    assert found.items.steps["points"][2, 0, 0, :, 0].tolist() == [0, 1, 2, 0, 1]
    assert found.items.alone
    assert joined_candidates([one]) is one


def test_what_succeeds_in_several_datasets_is_joined() -> None:
    one, other = (
        Comparisons(found.items, SuccessTarget(torch.ones(rows, count), torch.full((rows, count), 2.0)), None)
        for found, rows, count in ((compared(2, 3, 5, {}), 2, 3), (compared(1, 2, 5, {}), 1, 2))
    )
    found = joined_candidates([one, other])
    assert isinstance(found.target, SuccessTarget)
    assert found.target.weight.tolist() == [[2, 2, 2], [2, 2, 2], [2, 2, 0]]
    assert found.target.y.tolist() == [[1, 1, 1], [1, 1, 1], [1, 1, 0]]
    assert found.items.steps["action"].flatten(1).tolist() == [[0, 1, 2], [0, 1, 2], [0, 1, 1]]


def test_items_keep_what_answers_call_them_wherever_they_go() -> None:
    names = tuple(Item("rope", state, state + 1, candidate) for state in range(3) for candidate in range(4))
    known = replace(
        compared(3, 4, 2, {(0, 3, 1): 1.0, (2, 0, 1): 1.0, (2, 3, 0): 0.2}),
        called=ComparedItems(names, torch.arange(12).reshape(3, 4)),
    )
    found = compared_alone(known)
    assert found.called is not None
    assert found.called.index.tolist() == [[1, 3, 0], [8, 9, 11]]
    other = replace(compared(1, 2, 2, {(0, 1, 0): 1.0}), called=ComparedItems(names, torch.tensor([[5, 4]])))
    both = joined_candidates([other, found])
    assert both.called is not None
    assert both.called.index.tolist() == [[5, 4, -1], [1, 3, 0], [8, 9, 11]]
    some = both[torch.tensor([2, 0])].to(torch.device("cpu")).called
    assert some is not None
    assert some.index.tolist() == [[8, 9, 11], [5, 4, -1]]
    assert joined_candidates([replace(other, called=None), found]).called is None
