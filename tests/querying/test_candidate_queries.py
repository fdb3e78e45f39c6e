"""Questions about candidates: all of them, and which to ask."""

from itertools import pairwise

import pytest

from robopref.errors import ConfigError
from robopref.protocols import Selector
from robopref.querying.candidate_queries import RandomSelector, candidate_queries
from robopref.records import Item, Query


def numbers(queries: list[Query]) -> list[tuple[int, list[int | None]]]:
    return [(query.items[0].start, [item.candidate for item in query.items]) for query in queries]


def test_rankings_ask_one_question_a_state() -> None:
    queries = candidate_queries("run", 2, 3, instruction="straighter")
    assert numbers(queries) == [(0, [0, 1, 2]), (1, [0, 1, 2])]
    assert {query.kind for query in queries} == {"ranking"}
    assert {query.instruction for query in queries} == {"straighter"}
    assert queries[1].items[2] == Item("run", 1, 2, 2)


def test_pairs_ask_every_pair_once() -> None:
    queries = candidate_queries("run", 2, 4, kind="pair")
    expected = [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]
    assert numbers(queries) == [(state, both) for state in (0, 1) for both in expected]
    assert {query.kind for query in queries} == {"pair"}


def test_a_question_has_one_name_and_a_name_one_question() -> None:
    queries = [
        query
        for source in ("run", "other")
        for kind in ("pair", "ranking")
        for query in candidate_queries(source, 12, 12, kind=kind)
    ]
    assert len({query.id for query in queries}) == len(queries) == 2 * 12 * (66 + 1)
    assert candidate_queries("run", 12, 12) == candidate_queries("run", 12, 12)


def test_more_states_keep_the_names_of_the_first() -> None:
    assert candidate_queries("run", 5, 3)[:2] == candidate_queries("run", 2, 3)


def test_no_states_no_questions() -> None:
    assert candidate_queries("run", 0, 2) == []


@pytest.mark.parametrize("candidates", [1, 0, -1])
def test_comparing_needs_two_candidates(candidates: int) -> None:
    with pytest.raises(ConfigError, match="at least 2 candidates"):
        candidate_queries("run", 3, candidates)


@pytest.mark.parametrize(("budget", "expected"), [(0, 0), (-1, 0), (3, 3), (20, 20), (99, 20)])
def test_at_most_the_budget_is_chosen_in_pool_order(budget: int, expected: int) -> None:
    pool = candidate_queries("run", 20, 2)
    selector = RandomSelector(seed=1)
    assert isinstance(selector, Selector)
    chosen = selector.select(pool, budget)
    assert len(chosen) == expected
    places = [pool.index(query) for query in chosen]
    assert places == sorted(set(places))


def test_a_smaller_budget_is_contained_in_a_larger() -> None:
    pool = candidate_queries("run", 30, 2)
    chosen = [{query.id for query in RandomSelector(2).select(pool, budget)} for budget in range(31)]
    assert all(smaller < larger for smaller, larger in pairwise(chosen))


def test_the_seed_decides() -> None:
    pool = candidate_queries("run", 30, 2)
    assert RandomSelector(0).select(pool, 10) == RandomSelector(0).select(pool, 10)
    assert RandomSelector(0).select(pool, 10) != RandomSelector(1).select(pool, 10)


def test_questions_are_chosen_evenly() -> None:
    pool = candidate_queries("run", 10, 2)
    hits = {query.id: 0 for query in pool}
    for seed in range(600):
        for query in RandomSelector(seed).select(pool, 5):
            hits[query.id] += 1
    # Binomial(600, 0.5): mean 300, standard deviation 12.2.
    assert all(abs(count - 300) < 49 for count in hits.values())
