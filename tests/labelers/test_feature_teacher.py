"""What scripted teachers say of features."""

import numpy as np
import pytest

from robopref.asked_features import AskedFeature, FeatureRelevance, Threshold
from robopref.errors import DataError
from robopref.labelers.feature_teacher import NOT_KNOWN, FeatureTeacher
from robopref.labelers.oracle import Imperfection, ScriptedTeacher
from robopref.records import Abstain, Item, Query

NAMES = ("height", "force", "noise")
DESCRIBED = tuple(
    AskedFeature(name, "rope", low=0.0, high=high) for name, high in zip(NAMES, (2.0, 10.0, 1.0), strict=True)
)
ITEMS = [Item("rope", k, k + 1) for k in range(200)]
VALUES = np.random.default_rng(0).uniform(size=(200, 3)) * [2, 10, 1]


def features(item: Item) -> np.ndarray:
    return VALUES[item.start]


def asked(place: int, kind="feature", side="high") -> Query:
    from dataclasses import replace

    return Query(f"{kind}{place}", kind, (), feature=replace(DESCRIBED[place], side=side))


def teacher(outcome) -> FeatureTeacher:
    return FeatureTeacher(DESCRIBED, features, lambda item: float(outcome(VALUES[item.start])), ITEMS)


def test_what_counts_is_how_much_the_whole_scale_is_worth() -> None:
    # Height is worth 3 * 2 = 6, force -0.5 * 10 = -5, and noise 0.2, which is less than a twentieth of 6.
    knows = teacher(lambda x: 3 * x[0] - 0.5 * x[1] + 0.2 * x[2])
    assert [knows.answer(asked(place)) for place in range(3)] == [
        FeatureRelevance(1), FeatureRelevance(-1), FeatureRelevance(0),
    ]  # fmt: skip


@pytest.mark.parametrize("side", ["low", "high"])
def test_a_limit_is_found_where_the_bad_begins(side: str) -> None:
    beyond = (lambda x: -max(0.0, x - 6.0)) if side == "high" else (lambda x: min(0.0, x - 6.0))
    knows = teacher(lambda x: x[0] + beyond(x[1]))
    found = knows.answer(asked(1, "threshold", side))
    assert isinstance(found, Threshold)
    assert found.value == pytest.approx(6.0, abs=0.26)  # limits are tried every quarter


def test_where_nothing_is_bad_the_limit_is_the_end_of_the_scale() -> None:
    knows = teacher(lambda x: 3 * x[0] + 0.5 * x[1])
    assert knows.answer(asked(1, "threshold", "high")) == Threshold(10.0)


def test_nothing_is_said_of_features_that_explain_nothing() -> None:
    noise = np.random.default_rng(1).normal(size=200)
    knows = FeatureTeacher(DESCRIBED, features, lambda item: float(noise[item.start]), ITEMS)
    assert knows.answer(asked(0)) == Abstain(NOT_KNOWN)
    assert teacher(lambda x: x[0]).answer(Query("q", "feature", (), feature=AskedFeature("other", "rope"))) == Abstain(
        NOT_KNOWN
    )
    with pytest.raises(DataError, match="3 features are told from 5 items, got 4"):
        FeatureTeacher(DESCRIBED, features, lambda _: 0.0, ITEMS[:4])


def test_a_teacher_reverses_as_many_answers_about_features_as_it_is_mistaken() -> None:
    from dataclasses import replace

    knows = teacher(lambda x: 3 * x[0] - 0.5 * x[1])
    erring = ScriptedTeacher(lambda _: np.zeros(1), Imperfection(mistake=0.25), of_features=lambda: knows)
    given = [erring.label(replace(asked(0), id=str(number))).answer for number in range(400)]
    assert given.count(FeatureRelevance(1)) + given.count(FeatureRelevance(-1)) == 400
    assert 70 < given.count(FeatureRelevance(-1)) < 130  # 100 with a standard deviation of 8.7
    limits = [erring.label(replace(asked(1, "threshold"), id=str(number))).answer for number in range(40)]
    assert all(isinstance(one, Threshold) and 0 <= one.value <= 10 for one in limits)
    assert len(set(limits)) > 5


def test_a_teacher_who_knows_of_no_features_says_nothing_of_them() -> None:
    assert ScriptedTeacher(lambda _: np.zeros(1)).label(asked(0)).answer == Abstain(NOT_KNOWN)
