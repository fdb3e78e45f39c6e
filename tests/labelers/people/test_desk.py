"""Questions as the labeler sees them, answers as they are stored."""

from pathlib import Path

import pytest

from robopref.errors import DataError
from robopref.labelers.people.desk import Desk
from robopref.labelers.people.questions import shown_order
from robopref.records import Abstain, Preference, Query, Ranking
from tests.labelers.people.desks import feature_questions, make_desk, mixed_queries


@pytest.fixture
def desk(tmp_path: Path, dataset: Path) -> Desk:
    desk = make_desk(tmp_path / "labels.sqlite", dataset)
    desk.assignments.store.add_queries(mixed_queries(8))
    return desk


def the(desk: Desk, kind: str) -> Query:
    return next(query for query in desk.assignments.store.queries() if query.kind == kind)


def test_a_question_holds_what_the_page_shows(desk: Desk) -> None:
    state = desk.next("ann")
    query = desk.assignments.store.queries()[0]
    question = state["question"]
    assert (question["id"], question["kind"], question["instruction"]) == (query.id, "pair", query.instruction)
    assert tuple(question["order"]) == shown_order(query, "ann")
    videos = [f"media/candidates/0-1-{query.items[index].candidate}.mp4" for index in question["order"]]
    assert [item["video"] for item in question["items"]] == videos
    assert state["undo"] is None
    assert state["progress"] == {"wanted": 8, "done": 0, "by_labeler": {}}


def test_an_answer_about_places_becomes_one_about_items(desk: Desk) -> None:
    for labeler in ("ann", "bob", "cleo", "dan"):
        query = the(desk, "pair")
        left_is_first = shown_order(query, labeler) == (0, 1)
        given = desk.read(query, labeler, {"type": "preference", "p": 1}, seconds=2.5, rationale=" it's <b>\nbetter\0 ")
        assert given.answer == Preference(1.0 if left_is_first else 0.0)
        assert given.order == shown_order(query, labeler)
        assert (given.labeler, given.seconds, given.rationale) == (labeler, 2.5, "it's <b>\nbetter")
    query = the(desk, "ranking")
    order = shown_order(query, "ann")
    given = desk.read(query, "ann", {"type": "ranking", "ranks": [0, 1, 2, 3]})
    assert isinstance(given.answer, Ranking)
    assert [given.answer.ranks[item] for item in order] == [0, 1, 2, 3]
    assert desk.read(query, "ann", {"type": "abstain", "reason": "skipped"}).answer == Abstain("skipped")


@pytest.mark.parametrize(
    ("kind", "answer", "message"),
    [
        ("pair", {"type": "ranking", "ranks": [0, 1]}, "must be Preference"),
        ("pair", {"type": "preference", "p": 1.5}, "preference p must be in"),
        ("pair", {"type": "abstain", "reason": "busy"}, "must be one of skipped, cannot tell, bad episode"),
        ("pair", {}, "answer type must be one of"),
        ("ranking", {"type": "ranking", "ranks": [0, 1]}, "has 4 items, got 2 ranks"),
        ("ranking", {"type": "ranking", "ranks": [0, 1, 2, 4]}, "must be below 4"),
        ("similarity", {"type": "similarity", "odd": 3}, "must be 0, 1 or 2"),
        ("rating", {"type": "rating", "value": "good"}, "'value' must be a number"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused(desk: Desk, kind: str, answer: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        desk.read(the(desk, kind), "ann", answer)
    with pytest.raises(DataError, match="text that can be written down"):
        desk.read(the(desk, "pair"), "ann", {"type": "preference", "p": 1}, rationale="\ud800")


@pytest.mark.parametrize(
    ("question", "answer", "message"),
    [
        (0, {"type": "relevance", "direction": 5}, "must be 1, 0 or -1, got 5"),
        (0, {"type": "relevance", "direction": True}, "'direction' must be a whole number"),
        (0, {"type": "relevance", "direction": 0.5}, "'direction' must be a whole number"),
        (0, {"type": "threshold", "value": 0.1}, "must be FeatureRelevance"),
        (1, {"type": "relevance", "direction": 1}, "must be Threshold"),
        (1, {"type": "threshold", "value": 0.5}, "about values from 0.02 to 0.3, got 0.5"),
        (1, {"type": "threshold", "value": 1e999}, "must be finite"),
        (1, {"type": "threshold", "value": 10**400}, "64 bits"),
        (1, {"type": "threshold", "value": "12 cm"}, "'value' must be a number"),
        (1, {"type": "threshold", "value": 0.1, "side": "high"}, "unknown 'side'"),
    ],
)
def test_an_answer_about_a_feature_that_does_not_fit_is_refused(
    desk: Desk, question: int, answer: dict, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        desk.read(feature_questions()[question], "ann", answer)


def test_examples_of_a_feature_are_shown_from_the_least_on(desk: Desk) -> None:
    for query in feature_questions():
        shown = desk.describe(query, "ann")
        assert query.feature is not None
        assert shown["feature"]["values"] == sorted(query.feature.values)
        assert [query.feature.values[index] for index in shown["order"]] == sorted(query.feature.values)
        assert len(shown["items"]) == len(query.items)
    assert desk.read(feature_questions()[1], "ann", {"type": "threshold", "value": 0.1}).order == (1, 3, 2, 0)
