import json
from datetime import UTC, datetime

import pytest

from robopref.data.formats import label_studio
from robopref.data.formats.labels import Labels, Naming
from robopref.errors import DataError
from robopref.types import Abstain, Feedback, Preference, Query, Rating
from tests.data.formats.records import pair

QUERIES = [pair(0, 0, 50), pair(1, 10, 60)]
NOON = datetime(2026, 3, 9, 12, tzinfo=UTC).timestamp()


def exported(tmp_path, *annotations):
    """As Label Studio exports a project after people have answered."""
    label_studio.write(tmp_path / "tasks.json", Labels(QUERIES, []))
    tasks = json.loads((tmp_path / "tasks.json").read_text())
    tasks[1] = {"id": 7, **tasks[1], "annotations": list(annotations), "predictions": []}
    (tmp_path / "export.json").write_text(json.dumps(tasks))
    return tmp_path / "export.json"


def annotation(side, **changes):
    selected = {"from_name": "preference", "to_name": "left,right", "type": "pairwise", "value": {"selected": side}}
    return {
        "completed_by": {"id": 10, "email": "ann@example.com"}, "lead_time": 4.288, "was_cancelled": False,
        "created_at": "2026-03-09T12:00:00.000000Z", "result": [selected] if side else [], **changes,
    }  # fmt: skip


def test_answers_given_in_label_studio_come_back(tmp_path):
    labels = label_studio.read(exported(tmp_path, annotation("right")), Naming())
    assert labels.queries == QUERIES
    assert labels.feedback == [
        Feedback("hopper/1", Preference(0), "ann@example.com", time=NOON, order=(0, 1), seconds=4.288)
    ]


@pytest.mark.parametrize(
    ("changed", "answer"),
    [
        (annotation("left"), Preference(1)),
        (annotation("left", was_cancelled=True), Abstain("skipped")),
        (annotation(None), Abstain("nothing selected")),
    ],
)
def test_no_selection_is_an_abstention(tmp_path, changed, answer):
    (given,) = label_studio.read(exported(tmp_path, changed), Naming()).feedback
    assert given.answer == answer


@pytest.mark.parametrize(("who", "labeler"), [(3, "3"), ({"id": 4}, "4"), ({"email": "bob"}, "bob")])
def test_annotators_are_named_by_what_is_known_of_them(tmp_path, who, labeler):
    (given,) = label_studio.read(exported(tmp_path, annotation("left", completed_by=who)), Naming()).feedback
    assert given.labeler == labeler


def test_what_is_written_is_read_again(tmp_path):
    given = [
        Feedback("hopper/1", Preference(1), "ann", time=NOON, order=(0, 1), seconds=2.5),
        Feedback("hopper/1", Preference(0), "bob", time=NOON + 0.25, order=(0, 1)),
        Feedback("hopper/0", Abstain("skipped"), "bob", time=NOON, order=(0, 1)),
    ]
    label_studio.write(tmp_path / "tasks.json", Labels(QUERIES, given))
    labels = label_studio.read(tmp_path / "tasks.json", Naming())
    assert labels.queries == QUERIES
    assert sorted(labels.feedback, key=given.index) == given


def test_what_pairwise_cannot_hold_is_refused(tmp_path):
    with pytest.raises(DataError, match="cannot hold a tie, the answer to query 'hopper/0'"):
        label_studio.write(tmp_path / "t", Labels(QUERIES, [Feedback("hopper/0", Preference(0.5), "ann")]))
    rating = Query("r", "rating", QUERIES[0].items[:1])
    with pytest.raises(DataError, match="pairs only, got rating query 'r'"):
        label_studio.write(tmp_path / "t", Labels([rating], [Feedback("r", Rating(1), "ann")]))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("no json", "not JSON"),
        ("{}", "a list of tasks, got dict"),
        ('[{"data": {"text1": "a"}}]', "task 0: expected a task made by robopref"),
        ("[3]", "task 0: expected a task made by robopref"),
        ('[{"data": {"query": {"id": 3}}}]', "query must have"),
    ],
)
def test_other_files_are_explained(tmp_path, content, complaint):
    (tmp_path / "other.json").write_text(content)
    with pytest.raises(DataError, match=complaint):
        label_studio.read(tmp_path / "other.json", Naming())


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        (annotation("both"), r"left or right, got \['both'\]"),
        (annotation("left", created_at="noon"), "created_at must be a time"),
        (annotation("left", lead_time="long"), "lead_time seconds"),
    ],
)
def test_a_damaged_annotation_is_named_with_its_task(tmp_path, changed, complaint):
    with pytest.raises(DataError, match=f"task 1: .*{complaint}"):
        label_studio.read(exported(tmp_path, changed), Naming())
