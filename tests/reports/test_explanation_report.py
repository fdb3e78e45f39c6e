import json

import numpy as np

from robopref.answers import Answers
from robopref.evaluation.intervals import Interval
from robopref.explanation.explainer import Inference
from robopref.explanation.grammar import parse_feature
from robopref.explanation.hypothesis_search import Asked, search
from robopref.explanation.proposals import GrammarProposer
from robopref.explanation.rubric import listed_terms
from robopref.explanation.wording import in_words
from robopref.records import Feedback, Item, Preference, Query
from robopref.reports.explanation_report import finding_rows, percent, rubric_rows, with_direction, write_explanation

HOSTILE = "<script>alert(1)</script>"


def asked(tmp_path, **known):
    """Ann wants less of the only array, whoever carries a hostile name wants more of another."""
    rng = np.random.default_rng(0)
    force, speed = rng.normal(size=(2, 480))
    items = [Item(HOSTILE, k, k + 1) for k in range(480)]
    queries = [Query(str(k), "pair", (items[2 * k], items[2 * k + 1]), HOSTILE) for k in range(240)]
    worth = -force + np.where(np.arange(480) // 2 % 2, 1, -1) * speed
    feedback = [
        Feedback(str(k), Preference(float(worth[2 * k] > worth[2 * k + 1])), ("ann", HOSTILE)[k % 2])
        for k in range(240)
    ]

    def lookup(item):
        return {"force": force[[item.start]], "speeds": speed[[item.start]]}

    return Asked(Answers.of(queries, feedback), lookup, folder=tmp_path, instruction=HOSTILE, **known)


def written(tmp_path, data, **known):
    found = search(data, GrammarProposer(), Inference())
    path = write_explanation(tmp_path, found, data, Inference(), **known)
    return found, path.read_text(), json.loads(path.with_suffix(".json").read_text())


def test_the_page_says_what_was_found_and_escapes_what_others_wrote(tmp_path) -> None:
    rubric = tuple(listed_terms(["more mean(force)", "mean(speeds)"], ["force", "speeds"], {}))
    found, page, stored = written(tmp_path, asked(tmp_path, rubric=rubric))
    assert "less mean(force)" in page
    assert "the other way round" in page
    assert "They differ in <code>mean(speeds)</code>" in page
    assert HOSTILE not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<img" not in page  # there is nothing to see of them
    assert page.count("<svg") >= 4  # the weights, and three pairs
    assert "against it" in page
    assert stored["subject"] == "answers"
    assert stored["differences"][0]["feature"] == "mean(speeds)"
    assert len(stored["explanation"]["findings"]) == found.explanation.tested


def test_a_page_of_nothing_says_so(tmp_path) -> None:
    data = asked(tmp_path)
    flips = np.random.default_rng(1).integers(0, 2, 240).astype(float)
    answers = Answers.of(
        [Query(str(k), "pair", (Item("a", 2 * k, 2 * k + 1), Item("a", 2 * k + 1, 2 * k + 2))) for k in range(240)],
        [Feedback(str(k), Preference(flips[k]), "ann") for k in range(240)],
    )
    _, page, stored = written(tmp_path, Asked(answers, data.lookup, folder=tmp_path), reward="implicit")
    assert "Nothing was confirmed" in page
    assert "What the reward implicit goes by" in page
    assert "No rubric is known" in page
    assert (tmp_path / "explanation_implicit.html").exists()
    assert stored["subject"] == "the reward implicit"


def test_shares_are_of_the_answers_that_go_with_a_finding() -> None:
    share = Interval(0.2, 0.1, 0.35, 50)
    assert with_direction(share, -1) == Interval(0.8, 0.65, 0.9, 50)
    assert with_direction(share, 1) is share
    assert percent(share) == "20 % (10 to 35)"
    assert percent(None) == "–"


def test_tables_have_a_row_for_each(tmp_path) -> None:
    found = search(asked(tmp_path), GrammarProposer(), Inference())
    rows = finding_rows(found.explanation.of("confirmed"))
    assert [row[0] for row in rows] == ["preferred", "less mean(force)"]
    assert rubric_rows(found.rubric)[1][:3] == ["nothing", "gone by all the same", "less mean(force)"]


def test_features_are_said_in_words() -> None:
    said = {
        text: in_words(parse_feature(text, ["a", "points"]))
        for text in ("mean(speed(a))", "last(distance(a[0:3], a[3:6]))", "least(nearest(points, a))", "duration()")
    }
    assert list(said.values()) == [
        "mean change from step to step of a", "last distance between a[0:3] and a[3:6]",
        "least distance from the nearest point of points to a", "steps",
    ]  # fmt: skip
