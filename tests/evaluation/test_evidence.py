"""How well a reward orders answers that it was not trained on, each question counted once."""

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


def test_the_fewest_questions_that_exclude_chance_are_six() -> None:
    assert FEWEST == 6
    found = ordered_rightly(answered(*[Preference(1.0)] * 6), lambda item: -float(item.candidate or 0))
    assert found is not None
    assert (found.mean, found.low) == (1, pytest.approx(0.025 ** (1 / 6), abs=1e-6))


def test_a_ranking_counts_as_one_question_by_the_share_of_its_pairs() -> None:
    # By its number, a candidate is worth more. Of 0 < 1 < 2 all three pairs are right; of 1 < 0 < 2 two; a tie is none.
    told = answered(Ranking((2, 1, 0)), Ranking((1, 2, 0)), Ranking((0, 0, 0)), Preference(0.5), Preference(1.0))
    found = ordered_rightly(told, lambda item: float(item.candidate or 0))
    assert found is not None
    assert found.mean == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert (found.n, found.low) == (3, clopper_pearson(1, 3, level=0.95).low)


def test_where_nothing_is_decided_nothing_is_known() -> None:
    assert ordered_rightly(answered(Preference(0.5)), lambda _: 0.0) is None
    equal = ordered_rightly(answered(Preference(0.0)), lambda _: 0.0)
    assert equal is not None
    assert equal.mean == 0.5
