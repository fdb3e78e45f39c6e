"""The scripted teacher: what it knows, and the five ways in which it errs."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from robopref.errors import ConfigError
from robopref.labelers.oracle import Imperfection, ScriptedTeacher
from robopref.protocols import Labeler
from robopref.records import Abstain, Answer, Item, Preference, Query, Ranking, SimilarityTriplet

QUERIES = 2000


def item(candidate: int) -> Item:
    return Item("candidates", 0, 1, candidate)


def pair(name: str = "pair", first: int = 0, second: int = 1) -> Query:
    return Query(name, "pair", (item(first), item(second)))


def ranking(count: int, name: str = "ranking") -> Query:
    return Query(name, "ranking", tuple(item(i) for i in range(count)))


def returning(*value: float) -> Callable[[Item], Any]:
    """One reward an item."""
    return lambda item: np.array([value[item.candidate or 0]])


def answer(query: Query, value: Sequence[float], seed: int = 0, **imperfection: float) -> Any:
    return ScriptedTeacher(returning(*value), Imperfection(**imperfection), seed=seed).label(query).answer


def share_first(value: Sequence[float], **imperfection: float) -> float:
    """How often the first of two items wins."""
    teacher = ScriptedTeacher(returning(*value), Imperfection(**imperfection))
    answers = [teacher.label(pair(f"pair-{k}")).answer for k in range(QUERIES)]
    assert {a.p for a in answers if isinstance(a, Preference)} <= {0.0, 1.0}
    return sum(a.p for a in answers if isinstance(a, Preference)) / QUERIES


def within(got: float, expected: float) -> bool:
    """Within four standard errors of a binomial share."""
    return abs(got - expected) < 4 * math.sqrt(expected * (1 - expected) / QUERIES)


def test_a_perfect_teacher_prefers_the_larger_return() -> None:
    assert answer(pair(), [1.0, 0.5]) == Preference(1.0)
    assert answer(pair(), [0.5, 1.0]) == Preference(0.0)
    assert answer(pair(), [0.5, 0.5]) == Preference(0.5)
    assert answer(ranking(4), [0.1, 0.9, -0.5, 0.3]) == Ranking((2, 0, 3, 1))
    assert answer(ranking(4), [0.1, 0.9, 0.1, 0.9]) == Ranking((1, 0, 1, 0))


def test_feedback_says_who_answered_what() -> None:
    teacher = ScriptedTeacher(returning(1, 0), seed=3, name="coach")
    assert isinstance(teacher, Labeler)
    feedback = teacher.label(pair("q-7"))
    assert (feedback.query_id, feedback.labeler, feedback.confidence) == ("q-7", "coach", 1.0)
    assert feedback.labeler_version == teacher.version
    assert feedback.time > 1.7e9


def test_the_version_names_settings_and_seed() -> None:
    def version(seed: int = 0, **imperfection: float) -> str:
        return ScriptedTeacher(returning(1, 0), Imperfection(**imperfection), seed=seed).version

    assert version(mistake=0.1) == version(mistake=0.1)
    assert len({version(), version(1), version(mistake=0.1), version(equal=0.1)}) == 4


@pytest.mark.parametrize(("rationality", "expected"), [(1.0, 0.622459), (4.0, 0.880797), (0.01, 0.50125)])
def test_rationality_is_a_bradley_terry_choice(rationality: float, expected: float) -> None:
    # Returns 2 and 1 on a scale of 2: sigmoid(rationality * 0.5).
    assert within(share_first([2.0, 1.0], rationality=rationality, scale=2.0), expected)
    assert within(share_first([1.0, 2.0], rationality=rationality, scale=2.0), 1 - expected)


def test_rationality_is_relative_to_the_scale() -> None:
    kwargs = {"rationality": 1.5}
    small = share_first([0.002, 0.001], scale=0.001, **kwargs)
    assert small == share_first([2.0, 1.0], scale=1.0, **kwargs)
    # sigmoid(1.5) = 0.817574; without the scale, a difference of 0.001 is next to nothing.
    assert within(small, 0.817574)
    assert within(share_first([0.002, 0.001], **kwargs), 0.5)


def test_large_differences_do_not_overflow() -> None:
    with np.errstate(all="raise"):
        assert share_first([1e9, -1e9], rationality=10.0) == 1
        assert share_first([-1e9, 1e9], rationality=10.0) == 0


def test_mistakes_reverse_answers() -> None:
    assert within(share_first([1.0, 0.0], mistake=0.2), 0.8)
    assert share_first([1.0, 0.0], mistake=1.0) == 0
    # Rational choice and mistake are independent: 0.622459 * 0.7 + 0.377541 * 0.3 = 0.548984.
    assert within(share_first([0.5, 0.0], rationality=1.0, mistake=0.3), 0.548984)


def test_what_no_return_answers_is_refused() -> None:
    with pytest.raises(
        ConfigError, match="for a scripted teacher 'rating'; expected one of feature, pair, ranking, similarity"
    ):
        ScriptedTeacher(returning(1.0, 0.5, 0.0)).label(Query("odd", "rating", (item(0),)))
    with pytest.raises(ConfigError, match="nothing says by what features"):
        ScriptedTeacher(returning(1.0, 0.5, 0.0)).label(triple())


def triple(name: str = "odd") -> Query:
    return Query(name, "similarity", (item(0), item(1), item(2)))


def odd_by(features: list[list[float]], name: str = "odd", **how: float) -> Answer:
    imperfection = Imperfection(**how)
    teacher = ScriptedTeacher(
        returning(0.0, 0.0, 0.0), imperfection, alike=lambda one: np.array(features[one.candidate or 0])
    )
    return teacher.label(triple(name)).answer


def test_of_three_the_odd_one_is_that_without_which_the_others_are_nearest() -> None:
    assert odd_by([[0, 0], [3, 4], [0, 1]]) == SimilarityTriplet(1)
    assert odd_by([[9, 0], [3, 4], [3, 3]]) == SimilarityTriplet(0)
    # |01| = 5, |02| = 1: nearer by less than 5 is no difference to this teacher.
    assert odd_by([[0, 0], [3, 4], [0, 1]], equal=5.0) == Abstain("no two of them are most alike")
    assert odd_by([[0], [1], [2]]) == Abstain("no two of them are most alike")


def test_mistakes_and_doubt_name_another_odd_one() -> None:
    said = [odd_by([[0], [9], [1]], f"odd-{k}", mistake=1.0) for k in range(200)]
    assert {SimilarityTriplet(0), SimilarityTriplet(2)} == set(said)
    doubtful = [odd_by([[0], [2], [1.1]], f"odd-{k}", rationality=1.0) for k in range(QUERIES)]
    # Squared distances of the others .81, 1.21, 4: chances in proportion .4449, .2982, .0183.
    assert within(doubtful.count(SimilarityTriplet(0)) / QUERIES, 0.4449 / 0.7614)


def test_mistakes_do_not_decide_ties() -> None:
    assert answer(pair(), [1.0, 1.0], mistake=1.0) == Preference(0.5)


def test_mistakes_swap_neighbours_of_a_ranking() -> None:
    assert answer(ranking(2), [1.0, 0.0], mistake=1.0) == Ranking((1, 0))
    # Ranks (0, 1, 2): items 0 and 1 swap to (1, 0, 2), then items 1 and 2 to (1, 2, 0).
    assert answer(ranking(3), [3.0, 2.0, 1.0], mistake=1.0) == Ranking((1, 2, 0))
    some = ScriptedTeacher(returning(1, 0), Imperfection(mistake=0.2))
    wrong = [some.label(ranking(2, f"ranking-{k}")).answer == Ranking((1, 0)) for k in range(QUERIES)]
    assert within(sum(wrong) / QUERIES, 0.2)


def test_skip_abstains_if_nothing_is_good_enough() -> None:
    assert isinstance(answer(pair(), [0.3, 0.1], skip=0.3), Abstain)
    assert answer(pair(), [0.31, 0.1], skip=0.3) == Preference(1.0)
    assert isinstance(answer(ranking(3), [0.3, 0.1, 0.2], skip=0.3), Abstain)
    assert answer(ranking(3), [0.1, 0.31, 0.2], skip=0.3) == Ranking((2, 0, 1))


def test_equal_is_a_tie_and_no_abstention() -> None:
    tie, skipped = answer(pair(), [0.5, 0.5]), answer(pair(), [0.5, 0.5], skip=0.5)
    assert tie == Preference(0.5)
    assert isinstance(skipped, Abstain)
    assert skipped.reason


def test_equal_ties_what_is_closer() -> None:
    assert answer(pair(), [0.5, 0.375], equal=0.25) == Preference(0.5)
    assert answer(pair(), [0.375, 0.5], equal=0.25) == Preference(0.5)
    assert answer(pair(), [0.5, 0.25], equal=0.25) == Preference(1.0)
    # From best to worst 1, 0.875, 0.5, 0.25: the first two are closer than 0.25, the others are not.
    assert answer(ranking(4), [0.25, 1.0, 0.5, 0.875], equal=0.25) == Ranking((2, 0, 1, 0))


def test_myopia_by_hand() -> None:
    # First item 4, 0, 0; second 0, 0, 1.5. With myopia 0.5: 4 * 0.25 = 1 against 1.5; without, 4 against 1.5.
    rewards = {0: np.array([4.0, 0, 0]), 1: np.array([0, 0, 1.5])}

    def prefer(myopia: float) -> Any:
        teacher = ScriptedTeacher(lambda item: rewards[item.candidate or 0], Imperfection(myopia=myopia))
        return teacher.label(pair()).answer

    assert prefer(1.0) == Preference(1.0)
    assert prefer(0.5) == Preference(0.0)
    # 4 * m^2 = 1.5 at m = 0.612372
    assert prefer(0.62) == Preference(1.0)
    assert prefer(0.6) == Preference(0.0)


def test_rankings_of_a_noisy_teacher_are_plackett_luce() -> None:
    teacher = ScriptedTeacher(returning(1.0, 0.0, 0.0), Imperfection(rationality=2.0, scale=2.0))
    ranks = [teacher.label(ranking(3, f"ranking-{k}")).answer.ranks for k in range(QUERIES)]  # type: ignore[union-attr]
    assert all(sorted(rank) == [0, 1, 2] for rank in ranks)
    # e / (e + 2) = 0.576117 for the first place; within a pair, sigmoid(1) = 0.731059.
    assert within(sum(rank[0] == 0 for rank in ranks) / QUERIES, 0.576117)
    assert within(sum(rank[0] < rank[1] for rank in ranks) / QUERIES, 0.731059)
    assert within(sum(rank[1] < rank[2] for rank in ranks) / QUERIES, 0.5)


def test_answers_do_not_depend_on_what_was_asked_before() -> None:
    noisy = Imperfection(rationality=0.5, mistake=0.2)
    queries = [pair(f"pair-{k}") for k in range(50)] + [ranking(3, f"ranking-{k}") for k in range(50)]

    def answers(order: list[Query], seed: int = 0) -> dict[str, Any]:
        teacher = ScriptedTeacher(returning(1.0, 0.5, 0.0), noisy, seed=seed)
        return {query.id: teacher.label(query).answer for query in order}

    forward = answers(queries)
    assert answers(queries[::-1]) == forward
    assert answers(queries[40:60]) == {query.id: forward[query.id] for query in queries[40:60]}
    assert answers(queries, seed=1) != forward


def test_asking_twice_gives_the_same_answer() -> None:
    teacher = ScriptedTeacher(returning(1.0, 0.5), Imperfection(rationality=0.1))
    assert len({teacher.label(pair()).answer for _ in range(20)}) == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mistake": -0.1}, "mistake must be in"),
        ({"mistake": 1.1}, "mistake must be in"),
        ({"mistake": math.nan}, "mistake must be in"),
        ({"myopia": 0.0}, "myopia must be in"),
        ({"myopia": 1.5}, "myopia must be in"),
        ({"rationality": 0.0}, "must be positive"),
        ({"rationality": -1.0}, "must be positive"),
        ({"rationality": math.nan}, "must be positive"),
        ({"scale": 0.0}, "must be positive"),
        ({"scale": math.nan}, "must be positive"),
        ({"equal": -0.1}, "equal not negative"),
        ({"equal": math.nan}, "equal not negative"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Imperfection(**settings)
    with pytest.raises(ConfigError, match=message):
        replace(Imperfection(), **settings)
