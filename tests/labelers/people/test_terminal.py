"""Labelling in a terminal: the same questions, the same database."""

from pathlib import Path

import imageio.v3 as imageio
import pytest

from robopref.asked_features import FeatureRelevance, Threshold
from robopref.labelers.people.questions import of_items, shown_order
from robopref.labelers.people.terminal import TerminalLabeler, parse_answer
from robopref.records import Abstain, Answer, Preference, Query, Ranking, Rating, SimilarityTriplet
from tests.labelers.people.desks import feature_questions, make_desk, mixed_queries

PAIR, RANKING, TRIPLET, RATING = mixed_queries(4)
MATTERS, CLOSE, BARE, FAR, BARE_CLOSE = feature_questions()


@pytest.mark.parametrize(
    ("query", "word", "answer"),
    [
        (PAIR, "1", {"type": "preference", "p": 0.75}),
        (PAIR, "11", {"type": "preference", "p": 1.0}),
        (PAIR, "=", {"type": "preference", "p": 0.5}),
        (PAIR, "22", {"type": "preference", "p": 0.0}),
        (PAIR, "3", None),
        (PAIR, "c", {"type": "abstain", "reason": "cannot tell"}),
        (RANKING, "3>1=2>4", {"type": "ranking", "ranks": [1, 1, 0, 2]}),
        (RANKING, "4321", {"type": "ranking", "ranks": [3, 2, 1, 0]}),
        (RANKING, "4,3,2,1", {"type": "ranking", "ranks": [3, 2, 1, 0]}),
        (RANKING, "432", None),
        (RANKING, "4322", None),
        (RANKING, "5321", None),
        (RANKING, "=4321", None),
        (TRIPLET, "3", {"type": "similarity", "odd": 2}),
        (TRIPLET, "4", None),
        (RATING, "5", {"type": "rating", "value": 1.0}),
        (RATING, "2", {"type": "rating", "value": 0.25}),
        (RATING, "6", None),
        (RATING, "f", {"type": "abstain", "reason": "bad episode"}),
        (MATTERS, "+", {"type": "relevance", "direction": 1}),
        (MATTERS, "-", {"type": "relevance", "direction": -1}),
        (BARE, "0", {"type": "relevance", "direction": 0}),
        (MATTERS, "1", None),
        (CLOSE, "12.5", {"type": "threshold", "value": 0.125}),
        (CLOSE, "1e1", {"type": "threshold", "value": 0.1}),
        (CLOSE, "#2", {"type": "threshold", "value": 0.1}),
        (CLOSE, "#5", None),
        (BARE_CLOSE, "#1", None),
        (CLOSE, "n", {"type": "threshold", "value": 0.02}),
        (FAR, "n", {"type": "threshold", "value": 0.3}),
        (CLOSE, "30.01", {"type": "threshold", "value": 0.3}),  # as rounded as it was shown
        (CLOSE, "31", None),
        (CLOSE, "-1", None),
        (CLOSE, "nan", None),
        (CLOSE, "1e99", None),
        (CLOSE, "c", {"type": "abstain", "reason": "cannot tell"}),
    ],
)
def test_words_are_answers(query: Query, word: str, answer: dict | None) -> None:
    assert parse_answer(word, query, levels=5) == answer


@pytest.mark.slow
def test_a_person_answers_undoes_and_stops(dataset: Path, tmp_path: Path) -> None:
    desk = make_desk(tmp_path / "labels.sqlite", dataset)
    store = desk.assignments.store
    store.add_queries([PAIR, RANKING, TRIPLET, RATING])
    picture, said, seen = tmp_path / "question.png", [], []
    lines = iter(["u", "left", "11 it's straighter", "u", "2", "3124", "1", "s", "never read"])

    def read(prompt: str) -> str:
        seen.append(imageio.imread(picture).shape)
        return next(lines)

    TerminalLabeler(desk, "ann", picture, read, said.append).run()
    answers: dict[str, Answer] = {
        PAIR.id: Preference(0.25), RANKING.id: Ranking((1, 2, 0, 3)), TRIPLET.id: SimilarityTriplet(0),
        RATING.id: Abstain("skipped"),
    }  # fmt: skip
    assert {given.query_id: given.answer for given in store.feedback("ann")} == {
        query.id: of_items(answers[query.id], shown_order(query, "ann")) for query in (PAIR, RANKING, TRIPLET, RATING)
    }
    assert [given.rationale for given in store.retracted()] == ["it's straighter"]
    assert "there is nothing to undo" in said
    assert "'left' is no answer here" in said
    assert said[-1] == "All done. Thank you!"
    assert len(set(seen)) > 1  # the picture grows with the number of items

    store.add_queries([Query("last", "rating", RATING.items)])
    for ending in ("q", None):

        def stop(_: str, ending: str | None = ending) -> str:
            if ending is None:
                raise EOFError
            return ending

        TerminalLabeler(desk, "ann", picture, stop, said.append).run()
    assert len(store.feedback("ann")) == 4
    assert isinstance(desk.read(RATING, "ann", {"type": "rating", "value": 1}).answer, Rating)


def test_features_are_asked_about_in_words_and_with_pictures_of_examples(dataset: Path, tmp_path: Path) -> None:
    desk = make_desk(tmp_path / "labels.sqlite", dataset)
    store, picture, said, prompts = desk.assignments.store, tmp_path / "question.png", [], []
    store.add_queries([MATTERS, BARE_CLOSE])
    lines = iter(["+ not near her face", "99", "12"])

    def read(prompt: str) -> str:
        prompts.append(prompt)
        return next(lines)

    TerminalLabeler(desk, "ann", picture, read, said.append).run()
    assert [given.answer for given in store.feedback()] == [FeatureRelevance(1), Threshold(0.12)]
    assert store.feedback()[0].rationale == "not near her face"
    assert said[0].endswith(f"Hand over the cup. Does the distance to the person matter? See {picture}")
    assert said[1].endswith("The distance to the person: how little is too little?")  # and there is nothing to see
    assert prompts[1].startswith("a number in cm (2.0 cm to 30.0 cm), n nothing of this is too little;")
    assert "'99' is no answer here" in said
    assert picture.exists()
