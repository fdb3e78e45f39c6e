"""A ranking in one call: masked names, drawn orders, scores against ranking, and every kind of reply that is none."""

import json
from collections.abc import Callable
from string import ascii_uppercase
from typing import Any

import pytest

from robopref.answers import Answers
from robopref.errors import ConfigError
from robopref.labelers.judge import Part, RejectedError, Reply, UnavailableError
from robopref.labelers.principle import INCONSISTENT, PrincipleRanker
from robopref.labelers.principle_settings import PrincipleSettings
from robopref.labelers.showing import Showing
from robopref.labelers.vlm import CANNOT_TELL, ERROR, REFUSED, SAME_PICTURES, UNREADABLE
from robopref.principles import under_principle
from robopref.protocols import Labeler
from robopref.records import Abstain, Item, Preference, Query, Ranking
from tests.labelers.asking import GreyPictures, ScriptedJudge, pair, pictures, rating, texts

GREY = GreyPictures([0, 50, 100, 150, 150, 250])


def ranking(*items: int, principle: str = "be bright", name: str = "q") -> Query:
    plain = Query(name, "ranking", tuple(Item("grey", one, one + 1) for one in items), "Look.")
    return under_principle([plain], principle)[0]


def said(ranked: str, scores: dict[str, Any], answer: str = "ranked", **more: Any) -> str:
    fields = {"reasoning": "so", **{f"score_{name}": score for name, score in scores.items()}}
    return json.dumps({**fields, "best_to_worst": ranked, "answer": answer, "confidence": 0.8, **more})


def by_brightness(parts: list[Part]) -> str:
    """What a model says that sees the brightness, and goes by the principle."""
    seen = dict(zip(ascii_uppercase, pictures(parts), strict=False))
    sign = -1 if "be dark" in texts(parts) else 1
    best = sorted(seen, key=lambda name: -sign * seen[name])
    return said(" > ".join(best), {name: 3 + sign * round((seen[name] - 125) / 63) for name in best})


def label(reply: Callable[[list[Part]], Any], query: Query, **settings: Any) -> tuple[Any, ScriptedJudge]:
    judge = ScriptedJudge(reply)
    return PrincipleRanker(judge, GREY, **settings).label(query), judge


def test_all_items_are_ranked_in_one_call_whatever_the_order_in_which_they_are_shown() -> None:
    orders = set()
    for number in range(8):
        given, judge = label(by_brightness, ranking(2, 0, 5, 1, name=f"q{number}"))
        assert given.answer == Ranking((1, 3, 0, 2))
        assert len(judge.asked) == 1
        assert pictures(judge.asked[0][0]) == [[100, 0, 250, 50][place] for place in given.order]
        assert given.confidence == 0.8
        orders.add(given.order)
    assert len(orders) > 3


def test_the_order_belongs_to_question_and_seed_and_names_to_places() -> None:
    first, one = label(by_brightness, ranking(2, 0, 5))
    again, two = label(by_brightness, ranking(2, 0, 5))
    assert first.order == again.order
    assert texts(one.asked[0][0]) == texts(two.asked[0][0])
    assert {label(by_brightness, ranking(2, 0, 5), seed=seed)[0].order for seed in range(6)} != {first.order}
    shown = [part for part in one.asked[0][0] if isinstance(part, str)]
    assert [line.split(",")[0] for line in shown[:3]] == ["Item A", "Item B", "Item C"]
    assert "grey" not in texts(one.asked[0][0]), "names of the dataset are not shown"


def test_what_is_shown_is_task_and_principle_and_another_principle_is_another_question() -> None:
    bright, dark = ranking(0, 2, 5), ranking(0, 2, 5, principle="be dark")
    assert bright.id != dark.id
    given, judge = label(by_brightness, dark)
    assert given.answer == Ranking((0, 1, 2))
    assert "Look.\nPrinciple: be dark" in texts(judge.asked[0][0])
    answers = Answers.of([bright, dark], [label(by_brightness, bright)[0], given])
    assert len(answers) == 6
    assert set(answers.instruction) == {bright.instruction, dark.instruction}
    assert answers.p[:3].tolist() == (1 - answers.p[3:]).tolist()


def test_answers_by_two_principles_are_of_one_labeler_and_those_with_other_settings_are_not() -> None:
    one = PrincipleRanker(ScriptedJudge(by_brightness), GREY)
    assert isinstance(one, Labeler)
    assert one.version == PrincipleRanker(ScriptedJudge(by_brightness), GREY).version
    assert one.version != PrincipleRanker(ScriptedJudge(by_brightness), GREY, seed=1).version
    assert one.version != PrincipleRanker(ScriptedJudge(by_brightness), GREY, showing=Showing("clip")).version


def test_two_items_are_a_preference_and_equal_scores_a_tie() -> None:
    assert label(by_brightness, pair(5, 1))[0].answer == Preference(1.0)
    assert label(by_brightness, pair(1, 5))[0].answer == Preference(0.0)
    assert label(lambda _: said("A > B", {"A": 3, "B": 3}), pair(1, 5))[0].answer == Preference(0.5)


def test_scores_that_contradict_the_ranking_are_asked_about_again() -> None:
    wrong = said("A > B > C", {"A": 2, "B": 5, "C": 1})
    replies = iter([wrong, said("B > A > C", {"A": 2, "B": 5, "C": 1})])
    given, judge = label(lambda _: next(replies), ranking(0, 2, 5))
    assert isinstance(given.answer, Ranking)
    assert given.answer.ranks[given.order[1]] == 0, "B is the best, which stood second"
    assert "A is ranked before B and has the lower score, 2 against 5" in texts(judge.asked[1][0])
    given, judge = label(lambda _: wrong, ranking(0, 2, 5))
    assert given.answer == Abstain(INCONSISTENT)
    assert len(judge.asked) == 2
    assert len(label(lambda _: wrong, ranking(0, 2, 5), repairs=0)[1].asked) == 1


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (said("A > B", {"A": 3, "B": 2, "C": 1}), UNREADABLE),
        (said("A > B > B", {"A": 3, "B": 2, "C": 1}), UNREADABLE),
        (said("A > B > D", {"A": 3, "B": 2, "C": 1}), UNREADABLE),
        (said("A > B > C", {"A": 9, "B": 2, "C": 1}), UNREADABLE),
        (said("A > B > C", {"A": 3, "B": 2}), UNREADABLE),
        (said("A > B > C", {"A": "3", "B": 2, "C": 1}), UNREADABLE),
        (said("A > B > C", {"A": 1, "B": 2, "C": 3}), INCONSISTENT),
        (said("", {"A": 1, "B": 1, "C": 1}, "cannot tell"), CANNOT_TELL),
        ("A is the best of them.", UNREADABLE),
        ("", UNREADABLE),
        ("I'm sorry, but I can't help with that.", REFUSED),
        (Reply("no", refused=True), REFUSED),
        (Reply(said("A > B > C", {"A": 3, "B": 2, "C": 1}), cut=True), UNREADABLE),
        (UnavailableError("busy"), ERROR),
        (RejectedError("too long"), ERROR),
    ],
)
def test_what_is_no_ranking_is_an_abstention_with_its_reason(reply: Any, reason: str) -> None:
    assert label(lambda _: reply, ranking(0, 2, 5))[0].answer == Abstain(reason)


def test_equal_pictures_are_not_asked_about() -> None:
    given, judge = label(by_brightness, ranking(3, 4))
    assert (given.answer, judge.asked) == (Abstain(SAME_PICTURES), [])


def test_questions_of_other_kinds_and_without_a_sentence_are_refused() -> None:
    with pytest.raises(ConfigError, match="a principle ranks 2 to 26 items"):
        label(by_brightness, rating(1))
    with pytest.raises(ConfigError, match="a principle ranks 2 to 26 items"):
        label(by_brightness, ranking(*[0] * 27))
    with pytest.raises(ConfigError, match="does not say what to judge by"):
        label(by_brightness, pair(1, 2, ""))


@pytest.mark.parametrize("settings", [{"repairs": -1}, {"showing": Showing("grid")}, {"name": ""}, {"workers": 0}])
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"labeler\."):
        PrincipleSettings(ScriptedJudge(by_brightness), **settings)
