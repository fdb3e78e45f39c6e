import json
import re
from dataclasses import replace

import numpy as np
import pytest

from robopref.errors import DataError
from robopref.quality.label_quality import label_quality
from robopref.records import Abstain, Feedback, Item, Preference, Query, Rating
from robopref.reports.label_report import agreement_rows, answer_rows, trust_rows, write_quality


def people(seed=0, names=("ann", "bob <b>")):
    """Forty pairs that two people answer from noisy strengths of twenty items, some of them twice."""
    rng = np.random.default_rng(seed)
    items = [Item("rope", 10 * k, 10 * k + 10) for k in range(20)]
    pairs = [rng.choice(20, 2, replace=False).tolist() for _ in range(40)]
    queries = [Query(f"q{k}", "pair", tuple(items[i] for i in pair)) for k, pair in enumerate(pairs)]
    given = []
    for name in names:
        for k, (i, j) in [*enumerate(pairs), *enumerate(pairs[:10])]:
            z = 0.3 * (i - j) + rng.normal()
            answer = Abstain("skipped") if rng.random() < 0.05 else Preference(1.0 if z > 0.2 else 0.5 * (z > -0.2))
            order = (0, 1) if rng.random() < 0.5 else (1, 0)
            given.append(Feedback(f"q{k}", answer, name, order=order, seconds=float(rng.lognormal(1, 0.6))))
    return queries, given


def test_the_page_needs_nothing_else_and_escapes_names(tmp_path):
    write_quality(tmp_path, *people())
    html = (tmp_path / "labels.html").read_text()
    assert not re.search(r"(src|href)=\"(?!data:|#)", html)
    assert "<b>" not in re.sub(r'<div class="tile"><b>', "", html)
    assert "bob &lt;b&gt;" in html
    for title in ("Answers to pairs", "Position bias", "Consistency", "Time of an answer", "Agreement", "Ask again"):
        assert title in html


def test_the_numbers_are_beside_the_page(tmp_path):
    quality, _, _ = write_quality(tmp_path, *people())
    stored = json.loads((tmp_path / "labels.json").read_text())
    assert stored["agreement"][0]["alpha"]["mean"] == quality.agreement[0].alpha.mean
    assert [one["name"] for one in stored["labelers"]] == ["ann", "bob <b>"]


def test_a_table_has_one_row_a_labeler_and_dashes_for_what_is_not_known():
    queries, given = people()
    quality = label_quality(queries, [Feedback(one.query_id, one.answer, "eve") for one in given[:3]])
    for rows, unknown in ((answer_rows(quality), "seconds"), (trust_rows(quality), "shown first")):
        assert len(rows) == 2
        named = dict(zip(rows[0], rows[1], strict=True))
        assert (named["labeler"], named[unknown]) == ("eve", "–")


def test_three_people_get_the_range_of_their_kappas():
    rows = agreement_rows(label_quality(*people(names=("ann", "bob", "cyd"))))
    assert rows[1][0] == "pair"
    assert "3 pairs of labelers" in rows[1][4]


def test_a_page_without_pairs_can_be_written(tmp_path):
    query = Query("a", "rating", (Item("rope", 0, 1),))
    write_quality(tmp_path, [query], [Feedback("a", Rating(1), "ann")])
    assert "No question was answered by two labelers" in (tmp_path / "labels.html").read_text()


def test_what_people_wrote_is_on_the_page_and_beside_it(tmp_path):
    queries, feedback = people()
    wrote = [replace(feedback[0], rationale="<b>too fast</b>", seconds=1.0), *feedback[1:]]
    write_quality(tmp_path, queries, wrote)
    page = (tmp_path / "labels.html").read_text()
    assert "What people wrote" in page
    assert "&lt;b&gt;too fast" in page
    assert json.loads((tmp_path / "labels.json").read_text())["written"][0]["said"] == "<b>too fast</b>"


def test_a_database_without_answers_is_refused(tmp_path):
    with pytest.raises(DataError, match="no answer"):
        write_quality(tmp_path, people()[0], [])


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match="missing"):
        write_quality(tmp_path / "missing", *people())
