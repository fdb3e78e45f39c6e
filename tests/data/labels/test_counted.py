"""Which of all answers count."""

from dataclasses import replace

import pytest

from robopref.answers import Answers
from robopref.data.filters.agreeing import Agreeing
from robopref.data.filters.by_labeler import ByLabeler
from robopref.data.filters.confident import Confident
from robopref.data.labels.counted import counted
from robopref.errors import ConfigError, DataError, PartError
from robopref.records import Feedback
from tests.data.filters.tables import AB, BC, say, table

PERSON = {"labeler_version": "1", "seconds": 3.0}
ANN, BOB = say(AB, 1.0, "ann", **PERSON), say(BC, 0.0, "bob", **PERSON)
CHECK, OWN = say(AB, 1.0, "attention-check"), say(AB, 0.0, "self:explicit")
TEACHER, MODEL, METRIC = (say(AB, 1.0, name) for name in ("scripted-teacher", "vlm", "metric"))
IMPORTED = [say(AB, 1.0, name, labeler_version="") for name in ("imported", "others")]


def names(answers: Answers) -> list[str]:
    return answers.labeler.tolist()


@pytest.mark.parametrize("alike", [[ANN, BOB], IMPORTED, [TEACHER, TEACHER], [MODEL], [METRIC]])
def test_labelers_of_one_kind_all_count_but_for_checks_and_what_the_learner_said(alike: list[Feedback]) -> None:
    assert names(counted(table([CHECK, *alike, OWN]), {}, "labels")) == [given.labeler for given in alike]


@pytest.mark.parametrize(
    ("mixed", "said"),
    [
        ([ANN, TEACHER, BOB], r"ann,bob \(people\); scripted-teacher \(a scripted teacher\)"),
        ([ANN, IMPORTED[0]], r"ann \(people\); imported \(imported\)"),
        ([MODEL, TEACHER], r"scripted-teacher \(a scripted teacher\); vlm \(models or metrics\)"),
        ([MODEL, METRIC], r"metric,vlm \(models or metrics\)"),
    ],
)
def test_labelers_of_several_kinds_are_not_mixed_silently(mixed: list[Feedback], said: str) -> None:
    everyone = ",".join(sorted({given.labeler for given in mixed}))
    line = rf"^labels\.sqlite holds .*: {said}; say whose count: filter\.by_labeler\.names=\[{everyone}\], or some"
    with pytest.raises(DataError, match=line):
        counted(table([CHECK, *mixed]), {}, "labels.sqlite")


def test_whoever_is_named_counts_whatever_they_are() -> None:
    answers = table([CHECK, ANN, TEACHER, OWN, MODEL])
    everyone = ["ann", "scripted-teacher", "attention-check", "self:explicit"]
    assert names(counted(answers, {"by_labeler": ByLabeler(["ann", "vlm"])}, "labels")) == ["ann", "vlm"]
    assert set(names(counted(answers, {"by_labeler": ByLabeler(everyone)}, "labels"))) == set(everyone)


def test_kinds_are_asked_about_of_what_filters_leave() -> None:
    sure = {"confident": Confident(0.7)}
    assert names(counted(table([ANN, replace(MODEL, confidence=0.5)]), sure, "labels")) == ["ann"]
    with pytest.raises(DataError, match="several kinds"):
        counted(table([ANN, MODEL]), sure, "labels")


def test_filters_are_applied_in_order() -> None:
    one, two = say(AB, 1.0, "ann", **PERSON, confidence=0.5), say(AB, 0.0, "bob", **PERSON)
    terms = {"confident": Confident(0.7), "agreeing": Agreeing("none")}
    assert names(counted(table([one, two]), terms, "labels")) == ["bob"]
    with pytest.raises(DataError, match=r"^filter=\[agreeing,confident\] leaves none of 2 comparisons in labels;"):
        counted(table([one, two]), dict(reversed(terms.items())), "labels")


def test_nothing_is_left_of_nothing() -> None:
    assert len(counted(table([]), {"confident": Confident()}, "labels")) == 0
    assert len(counted(table([CHECK]), {}, "labels")) == 0


class Halving:
    def keep(self, answers: Answers) -> Answers:
        return replace(answers, weight=answers.weight / 2)


class Nonsense:
    def __init__(self, result: object) -> None:
        self.result = result

    def keep(self, answers: Answers) -> object:
        return self.result


def test_a_filter_may_change_weights() -> None:
    assert counted(table([ANN]), {"mine": Halving()}, "labels").weight.tolist() == [0.5]


@pytest.mark.parametrize("column", ["p", "weight"])
@pytest.mark.parametrize("value", [-1.0, float("nan")])
def test_a_filter_that_returns_no_answers_is_reported(column: str, value: float) -> None:
    answers = table([ANN])
    wrong = replace(answers, **{column: answers.p * value})
    with pytest.raises(ConfigError, match=r"filter\.mine must leave weights"):
        counted(answers, {"mine": Nonsense(wrong)}, "labels")  # type: ignore[dict-item]
    with pytest.raises(ConfigError, match=r"filter\.mine must return answers, got list"):
        counted(answers, {"mine": Nonsense([])}, "labels")  # type: ignore[dict-item]


class Broken:
    def keep(self, answers: Answers) -> Answers:
        raise IndexError("too few")


def test_a_filter_that_fails_is_one_line_that_names_it() -> None:
    line = r"^filter\.mine: keep\(answers\) of Broken raised IndexError: too few \(test_counted\.py, line \d+\)"
    with pytest.raises(PartError, match=line):
        counted(table([ANN]), {"mine": Broken()}, "labels")
