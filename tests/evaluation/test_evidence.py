"""How well a reward orders answers that it was not trained on, questions resampled or counted once."""

import numpy as np
import pytest

from robopref.answers import Answers
from robopref.evaluation.evidence import FEWEST, ordered_rightly
from robopref.evaluation.intervals import clopper_pearson
from robopref.records import Answer, Feedback, Item, Preference, Query, Ranking


def answered(*answers: Answer) -> Answers:
    queries = [
        Query(str(k), "pair" if isinstance(one, Preference) else "ranking",
              tuple(Item("c", k, k + 1, n) for n in range(2 if isinstance(one, Preference) else 3)))
        for k, one in enumerate(answers)
    ]  # fmt: skip
    return Answers.of(queries, [Feedback(query.id, one, "ann") for query, one in zip(queries, answers, strict=True)])


def rankings(count: int, noise: float, seed: int) -> tuple[Answers, dict[Item, float]]:
    """Rankings of 8 in a random order, and a worth that knows it but for noise."""
    rng = np.random.default_rng(seed)
    queries = [Query(str(k), "ranking", tuple(Item("c", k, k + 1, n) for n in range(8))) for k in range(count)]
    ranks = [rng.permutation(8) for _ in queries]
    given = [Feedback(q.id, Ranking(tuple(map(int, order))), "ann") for q, order in zip(queries, ranks, strict=True)]
    worth = {
        item: float(value) for query, order in zip(queries, ranks, strict=True)
        for item, value in zip(query.items, -order + noise * rng.normal(size=8), strict=True)
    }  # fmt: skip
    return Answers.of(queries, given), worth


def test_the_fewest_questions_that_exclude_chance_are_six() -> None:
    assert FEWEST == 6
    found = ordered_rightly(answered(*[Preference(1.0)] * 6), lambda item: -float(item.candidate or 0))
    assert found is not None
    assert (found.share.mean, found.share.low) == (1, pytest.approx(0.025 ** (1 / 6), abs=1e-6))
    assert found.beyond_chance


def test_seven_right_of_ten_pairs_of_twenty_rankings_are_no_chance() -> None:
    answers, worth = rankings(20, noise=4.2, seed=0)
    found = ordered_rightly(answers, worth.__getitem__)
    assert found is not None
    assert found.share.mean == pytest.approx(0.7, abs=0.02)
    assert found.share.n == 20
    assert found.beyond_chance
    assert found.method == "a bootstrap over questions"
    # Counted once each, 13 or 14 of twenty would not do.
    assert clopper_pearson(14, 20, level=0.95).low < 0.5
    assert ordered_rightly(answers, worth.__getitem__) == found


@pytest.mark.parametrize("count", [12, 20])
def test_chance_hardly_ever_passes(count: int) -> None:
    passed = 0
    for seed in range(100):
        answers, worth = rankings(count, noise=1e6, seed=seed)
        found = ordered_rightly(answers, worth.__getitem__)
        assert found is not None
        passed += found.beyond_chance
    assert passed <= 5


def test_few_rankings_and_pairs_alone_count_once_each() -> None:
    # By its number, a candidate is worth more. Of 0 < 1 < 2 all three pairs are right; of 1 < 0 < 2 two; a tie is none.
    told = answered(Ranking((2, 1, 0)), Ranking((1, 2, 0)), Ranking((0, 0, 0)), Preference(0.5), Preference(1.0))
    found = ordered_rightly(told, lambda item: float(item.candidate or 0))
    assert found is not None
    assert found.share.mean == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert (found.share.n, found.share.low) == (3, clopper_pearson(1, 3, level=0.95).low)
    pairs = ordered_rightly(answered(*[Preference(0.0)] * 14, *[Preference(1.0)] * 6), lambda item: item.candidate or 0)
    assert pairs is not None
    assert pairs.share == clopper_pearson(14, 20, level=0.95)
    assert pairs.method == "Clopper and Pearson, each question counted once"


def test_answers_about_one_state_are_one_question() -> None:
    queries = [Query(str(k), "pair", (Item("c", 0, 1, k), Item("c", 0, 1, k + 1))) for k in range(12)]
    told = Answers.of(queries, [Feedback(query.id, Preference(0.0), "ann") for query in queries])
    found = ordered_rightly(told, lambda item: item.candidate or 0)
    assert found is not None
    assert (found.share.mean, found.share.n) == (1, 1)


def test_where_nothing_is_decided_nothing_is_known() -> None:
    assert ordered_rightly(answered(Preference(0.5)), lambda _: 0.0) is None
    equal = ordered_rightly(answered(Preference(0.0)), lambda _: 0.0)
    assert equal is not None
    assert equal.share.mean == 0.5
