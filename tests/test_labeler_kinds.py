"""What a stored answer tells of who gave it."""

import numpy as np
import pytest

from robopref.labeler_kinds import RESERVED, labeler_kinds, listed_names
from robopref.labelers.metric import MetricLabeler
from robopref.labelers.metric_settings import MetricSettings
from robopref.labelers.oracle import TEACHER, ScriptedTeacher
from robopref.labelers.people.desk import VERSION
from robopref.labelers.people.questions import CHECKER
from robopref.labelers.vlm_settings import VlmSettings
from robopref.records import Feedback, Item, Preference, Query

PAIR = Query("q", "pair", (Item("run", 0, 1), Item("run", 1, 2)))


def answer(labeler: str, version: str = "", **known: object) -> Feedback:
    return Feedback("q", Preference(1.0), labeler, version, **known)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (answer(TEACHER, "of before"), "scripted"),
        (answer(CHECKER), "check"),
        (answer(MetricSettings.name), "model"),
        (answer(VlmSettings.name), "model"),
        (answer("self:explicit", "1", order=(0, 1)), "self"),
        (answer("ann", VERSION, order=(1, 0), seconds=2.0), "person"),
        (answer("ann", seconds=0.0), "person"),  # an annotation of Label Studio
        (answer("operator", "event accept"), "person"),
        (answer("gpt", "openai:gpt t=0.0 n=9 89abcdef", order=(0, 1)), "model"),
        (answer("mine", "v2"), "model"),
        (answer("imported"), "unknown"),
    ],
)
def test_an_answer_tells_the_kind_of_its_labeler(given: Feedback, kind: str) -> None:
    assert labeler_kinds([given]) == {given.labeler: kind}


def test_teachers_and_metrics_are_known_by_any_name() -> None:
    teacher = ScriptedTeacher(lambda item: np.array([float(item.start)]), name="chris")
    metric = MetricLabeler(lambda arrays: 1.0, lambda item: {}, name="length", version="path length")
    assert labeler_kinds([teacher.label(PAIR), metric.label(PAIR)]) == {"chris": "scripted", "length": "model"}


def test_one_answer_tells_the_kind_of_all_of_a_labeler() -> None:
    given = [answer("ann"), answer("ann", VERSION, order=(0, 1)), answer("ann", "v2"), answer("bob")]
    assert labeler_kinds(given) == {"ann": "person", "bob": "unknown"}


def test_reserved_names_are_those_of_the_shipped_labelers() -> None:
    assert set(RESERVED) == {TEACHER, CHECKER, VlmSettings.name, MetricSettings.name}


def test_names_are_listed_so_that_they_can_be_typed_and_odd_ones_be_seen() -> None:
    assert listed_names(["bob", "ann", "bob"]) == "ann,bob"
    assert listed_names(["a,b", "\x1b[31m" + "x" * 100]) == f"'\\x1b[31m{'x' * 59}','a,b'"
    assert listed_names(map(str, range(12))) == "0,1,10,11,2,3,4,5,6,7 and 2 more"
