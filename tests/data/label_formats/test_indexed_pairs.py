import pickle

import numpy as np
import pytest

from robopref.data.label_formats.exchanged_labels import Labels, Naming
from robopref.data.label_formats.indexed_pairs import PairFiles, index_pairs, read_indexed
from robopref.errors import DataError
from robopref.records import Abstain, Feedback, Item, Preference, Query, Ranking
from tests.data.label_formats.records import pair

NAMING = Naming("hopper", "ann", 100)


def files(folder, first, second, label):
    paths = PairFiles(*(folder / name for name in ("first", "second", "label")))
    for path, numbers in zip((paths.first, paths.second, paths.label), (first, second, label), strict=True):
        path.write_bytes(pickle.dumps(numbers))
    return paths


def answers(queries, *ps):
    return Labels(queries, [Feedback(q.id, Preference(p), "ann") for q, p in zip(queries, ps, strict=True)])


def test_codes_are_first_better_second_better_and_tie(tmp_path):
    labels = read_indexed(files(tmp_path, np.array([5, 6, 7]), np.array([1, 2, 3]), [0, 1, -1]), NAMING)
    assert [given.answer.p for given in labels.feedback] == [1, 0, 0.5]
    assert labels.queries[1].items == (Item("hopper", 6, 106), Item("hopper", 2, 102))
    assert labels.feedback[1] == Feedback("hopper/1", Preference(0), "ann")


def test_shares_are_probabilities(tmp_path):
    labels = read_indexed(files(tmp_path, [5, 6], [1, 2], np.array([[1.0, 0.0], [0.25, 0.75]])), NAMING)
    assert [given.answer.p for given in labels.feedback] == [1, 0.25]


def test_pairs_beyond_the_labelled_ones_are_left_out(tmp_path):
    assert len(read_indexed(files(tmp_path, [5, 6], [1, 2], [0]), NAMING).queries) == 1


@pytest.mark.parametrize("label", [2, 0.5, -2, [0.5, 0.7]])
def test_an_unknown_code_is_named_with_its_row(tmp_path, label):
    with pytest.raises(DataError, match="row 0: a label must be"):
        read_indexed(files(tmp_path, [5], [1], [label]), NAMING)


def test_files_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(DataError, match="as many first steps"):
        read_indexed(files(tmp_path, [5, 6], [1], [0]), NAMING)
    with pytest.raises(DataError, match="no more labels"):
        read_indexed(files(tmp_path, [5], [1], [0, 1]), NAMING)
    with pytest.raises(DataError, match="whole numbers"):
        read_indexed(files(tmp_path, [5.5], [1], [0]), NAMING)


def test_the_length_has_to_come_from_somewhere(tmp_path):
    with pytest.raises(DataError, match="length=<steps>"):
        read_indexed(files(tmp_path, [5], [1], [0]), Naming("hopper"))


def test_abstentions_and_unanswered_questions_are_left_out():
    queries = [pair(k, 10 * k, 50) for k in range(3)]
    given = [Feedback(queries[0].id, Abstain("skipped"), "ann"), Feedback(queries[1].id, Preference(0), "ann")]
    pairs = index_pairs(Labels(queries, given), "test")
    assert (pairs.first.tolist(), pairs.second.tolist(), pairs.label) == ([10], [50], [1])


def test_what_the_format_cannot_hold_is_refused():
    query = pair(0, 0, 50)
    with pytest.raises(DataError, match=r"cannot hold a preference of 0.75, .*hopper/0"):
        index_pairs(answers([query], 0.75), "test")
    ranking = Query("r", "ranking", query.items)
    with pytest.raises(DataError, match="pairs only, got an answer to ranking query 'r'"):
        index_pairs(Labels([ranking], [Feedback("r", Ranking((0, 1)), "ann")]), "test")
    candidates = Query("c", "pair", (Item("rope", 0, 1, 0), Item("rope", 0, 1, 1)))
    with pytest.raises(DataError, match="compares candidates"):
        index_pairs(answers([candidates], 1), "test")
    with pytest.raises(DataError, match=r"one length, got \[10, 20\]"):
        index_pairs(answers([query, pair(1, 0, 50, length=20)], 1, 1), "test")
    with pytest.raises(DataError, match=r"one dataset, got \['ant', 'hopper'\]"):
        index_pairs(answers([query, pair(1, 0, 50, source="ant")], 1, 1), "test")
    with pytest.raises(DataError, match="no answered pair"):
        index_pairs(Labels([query], []), "test")


@pytest.mark.parametrize("start", [1e300, 2.0**62, -1, 0.5])
def test_first_steps_are_whole_numbers_that_can_be_counted(start, tmp_path):
    with pytest.raises(DataError, match="expected first steps, whole numbers from 0"):
        read_indexed(files(tmp_path, np.array([start]), np.array([0]), [0]), Naming("demos", length=3))
