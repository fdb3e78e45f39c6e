"""From replies to feedback: what is an answer, and what is none."""

import json
from typing import Any

import pytest

from robopref.errors import ConfigError
from robopref.labelers import vlm
from robopref.labelers.judge import Part, RejectedError, Reply, UnavailableError, Usage
from robopref.labelers.prompts import PAIR_SCHEMA
from robopref.labelers.vlm import Manner, VlmLabeler
from robopref.protocols import Labeler, Pictures
from robopref.records import Abstain, Item, Preference, Query, Rating
from tests.labelers.asking import GreyPictures, ScriptedJudge, pair, pictures, rating, texts

GREY = GreyPictures([0, 50, 100, 100])
ONE = Manner("one_stage")


def said(answer: str, confidence: float = 0.8, reasoning: str = "so") -> str:
    return json.dumps({"reasoning": reasoning, "answer": answer, "rating": 0, "confidence": confidence})


def brighter(parts: list[Part]) -> str:
    one, two = pictures(parts)
    return said("tie" if one == two else "first" if one > two else "second", reasoning=f"{one} against {two}")


def always(reply: Any) -> ScriptedJudge:
    return ScriptedJudge(lambda _: reply)


def label(judge: ScriptedJudge, query: Query, manner: Manner = ONE, **settings: Any) -> Any:
    return VlmLabeler(judge, GREY, manner=manner, **settings).label(query)


def test_it_is_a_labeler_and_needs_pictures() -> None:
    assert isinstance(VlmLabeler(always(""), GREY), Labeler)
    assert isinstance(GREY, Pictures)


def test_both_orders_are_asked_and_the_answer_is_of_the_items_not_of_the_places() -> None:
    judge = ScriptedJudge(brighter)
    assert label(judge, pair(2, 1)).answer == Preference(1.0)
    given = label(judge, pair(1, 2))
    assert given.answer == Preference(0.0)
    assert given.confidence == pytest.approx(0.8)
    assert given.rationale == "50 against 100\n--\n100 against 50"
    assert given.order == ()
    assert [pictures(parts) for parts, _, _ in judge.asked] == [[100, 50], [50, 100], [50, 100], [100, 50]]
    assert "Be bright." in texts(judge.asked[0][0])


def test_one_order_is_recorded_as_shown() -> None:
    judge = ScriptedJudge(brighter)
    given = label(judge, pair(1, 2), Manner("one_stage", orders="given"))
    assert (given.answer, given.order) == (Preference(0.0), (0, 1))
    assert len(judge.asked) == 1


def test_two_stages_describe_first_and_conclude_without_pictures() -> None:
    def reply(parts: list[Part]) -> str:
        return f"I see {pictures(parts)}" if pictures(parts) else said("first")

    judge = ScriptedJudge(reply)
    assert label(judge, pair(1, 2), Manner("two_stage", orders="given")).answer == Preference(1.0)
    (look, no_schema, _), (conclude, schema, _) = judge.asked
    assert no_schema is None
    assert schema == PAIR_SCHEMA
    assert pictures(look) == [50, 100]
    assert pictures(conclude) == []
    assert "I see [50, 100]" in texts(conclude)


def test_a_favoured_place_is_no_preference() -> None:
    assert label(always(said("first")), pair(1, 2)).answer == Abstain(vlm.ORDERS_DISAGREE)
    # Soft: (1 with confidence 0.9, 0 with confidence 0.6) -> mean of 0.95 and 0.2.
    replies = iter([said("first", 0.9), said("first", 0.6)])
    soft = Manner("one_stage", disagreement="soft")
    given = label(ScriptedJudge(lambda _: next(replies)), pair(1, 2), soft)
    assert given.answer.p == pytest.approx(0.575)
    assert given.confidence == pytest.approx(0.75)


def test_a_tie_is_half_and_no_abstention() -> None:
    assert label(always(said("tie")), pair(1, 2)).answer == Preference(0.5)
    replies = iter([said("tie"), said("first")])
    assert label(ScriptedJudge(lambda _: next(replies)), pair(1, 2)).answer == Abstain(vlm.ORDERS_DISAGREE)


@pytest.mark.parametrize(
    ("reply", "reason", "asked"),
    [
        (said("cannot tell"), vlm.CANNOT_TELL, 1),
        (Reply("No.", Usage(), refused=True), vlm.REFUSED, 1),
        ("I'm sorry, but I can't help with that.", vlm.REFUSED, 1),
        (said("Z"), vlm.UNREADABLE, 2),
        ("Zweifellos das zweite Bild.", vlm.UNREADABLE, 2),
        (said("first")[:20], vlm.UNREADABLE, 2),
        ("", vlm.UNREADABLE, 2),
        (UnavailableError("no reply within 60 s"), vlm.ERROR, 1),
        (RejectedError("too long"), vlm.ERROR, 1),
    ],
)
def test_what_is_no_answer_is_an_abstention_with_its_reason(reply: Any, reason: str, asked: int) -> None:
    judge = always(reply)
    given = label(judge, pair(1, 2))
    assert given.answer == Abstain(reason)
    # After the first order ended so, the second could not change it.
    assert len(judge.asked) == asked
    assert label(always(reply), rating(1)).answer == Abstain(reason)


def test_all_reasons_differ() -> None:
    reasons = {
        vlm.CANNOT_TELL, vlm.REFUSED, vlm.UNREADABLE, vlm.ERROR, vlm.ORDERS_DISAGREE, vlm.SAME_PICTURES
    }  # fmt: skip
    assert len(reasons) == 6


def test_a_reply_that_cannot_be_read_is_asked_again_with_what_was_wrong() -> None:
    replies = iter([said("Z"), said("second"), said("first")])
    judge = ScriptedJudge(lambda _: next(replies))
    assert label(judge, pair(1, 2)).answer == Preference(0.0)
    again = judge.asked[1][0]
    assert pictures(again) == [50, 100]
    assert "got 'Z'" in texts(again)
    assert said("Z") in texts(again)
    assert label(always(said("Z")), pair(1, 2), Manner("one_stage", repairs=0)).answer == Abstain(vlm.UNREADABLE)


def test_a_refused_or_empty_description_ends_it() -> None:
    refused = always(Reply("No.", Usage(), refused=True))
    assert label(refused, pair(1, 2), Manner()).answer == Abstain(vlm.REFUSED)
    assert label(always("  "), pair(1, 2), Manner()).answer == Abstain(vlm.UNREADABLE)
    assert len(refused.asked) == 1


def test_equal_pictures_are_not_paid_for() -> None:
    judge = always(said("first"))
    assert label(judge, pair(2, 3)).answer == Abstain(vlm.SAME_PICTURES)
    assert judge.asked == []


def test_ratings_are_in_0_to_1() -> None:
    judge = always(json.dumps({"reasoning": "", "answer": "rated", "rating": 7, "confidence": 0.5}))
    given = label(judge, rating(1))
    assert given.answer == Rating(0.7)
    assert given.confidence == 0.5
    assert pictures(judge.asked[0][0]) == [50]


def test_samples_have_to_agree_or_are_averaged() -> None:
    # Item 0 wins in 3 of 4 replies: shown first twice, then second twice.
    replies = [said("first", 1.0), said("first", 1.0), said("second", 1.0), said("first", 1.0)]
    for disagreement, expected in (("abstain", Abstain(vlm.ORDERS_DISAGREE)), ("soft", Preference(0.75))):
        waiting = iter(replies)
        judge = ScriptedJudge(lambda _, waiting=waiting: next(waiting))
        manner = Manner("one_stage", disagreement=disagreement, samples=2)  # type: ignore[arg-type]
        assert label(judge, pair(1, 2), manner).answer == expected
        assert [sample for _, _, sample in judge.asked] == [0, 1, 0, 1]
        assert manner.requests("pair") == 4


def test_the_version_tells_answers_to_other_questions_apart() -> None:
    versions = {
        VlmLabeler(judge, GREY, task=task, manner=manner).version
        for judge in (always(""), ScriptedJudge(str, name="another"))
        for task in (None, "Be dark.")
        for manner in (Manner(), ONE, Manner(orders="given"))
    }
    assert len(versions) == 12


def test_what_cannot_be_asked_is_an_error() -> None:
    with pytest.raises(ConfigError, match="what to judge by"):
        label(always(""), pair(1, 2, instruction=""))
    ranking = Query("r", "ranking", tuple(Item("grey", k, k + 1) for k in range(3)), "Be bright.")
    with pytest.raises(ConfigError, match="pair, rating"):
        label(always(""), ranking)
    for wrong in ({"orders": "all"}, {"disagreement": "mean"}, {"samples": 0}, {"stages": "three"}):
        with pytest.raises(ConfigError):
            Manner(**wrong)  # type: ignore[arg-type]
    # A wrong key ends everything; it is no abstention.
    with pytest.raises(ConfigError, match="key"):
        label(always(ConfigError("no key")), pair(1, 2))
