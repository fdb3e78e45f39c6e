import json
import time
from datetime import UTC, datetime

import pytest

from robopref.data.label_formats import label_studio
from robopref.data.label_formats.exchanged_labels import Labels, Naming
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.errors import DataError
from robopref.records import Abstain, Feedback, Preference, Query, Rating
from tests.data.label_formats.records import pair

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
    selected = {"from_name": "preference", "to_name": "preference", "type": "pairwise", "value": {"selected": side}}
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
        (annotation("left", lead_time="long"), "lead_time must be seconds"),
    ],
)
def test_a_damaged_annotation_is_named_with_its_task(tmp_path, changed, complaint):
    with pytest.raises(DataError, match=f"task 1: .*{complaint}"):
        label_studio.read(exported(tmp_path, changed), Naming())


def imported(tmp_path, store, *annotations):
    """Import a project whose second task has these annotations."""
    labels = label_studio.read(exported(tmp_path, *annotations), Naming())
    return store.join(labels.queries, labels.feedback, labels.origins)


def test_an_annotation_that_was_changed_takes_the_place_of_the_earlier_one(tmp_path):
    first = annotation("left", id=1, updated_at="2026-03-09T12:00:00Z")
    later = annotation("right", id=1, updated_at="2026-03-10T12:00:00Z")
    with FeedbackStore(tmp_path / "labels.sqlite") as store:
        assert imported(tmp_path, store, first) == (2, 1)
        assert imported(tmp_path, store, later) == (0, 1)
        assert [given.answer for given in store.feedback()] == [Preference(0)]
        assert [given.answer for given in store.retracted()] == [Preference(1)]
        for again in (later, first):  # an older file brings nothing back
            assert imported(tmp_path, store, again) == (0, 0)
        assert [given.answer for given in store.feedback()] == [Preference(0)]


def test_what_was_skipped_first_and_answered_later_is_answered(tmp_path):
    with FeedbackStore(tmp_path / "labels.sqlite") as store:
        imported(tmp_path, store, annotation(None, id=1, was_cancelled=True))
        imported(tmp_path, store, annotation("left", id=1))
        assert [given.answer for given in store.feedback()] == [Preference(1)]


def test_an_earlier_version_that_came_without_its_name_is_replaced_as_well(tmp_path):
    first, later = annotation("left", id=1), annotation("right", id=1, updated_at="2026-03-10T12:00:00Z")
    with FeedbackStore(tmp_path / "labels.sqlite") as store:
        labels = label_studio.read(exported(tmp_path, first), Naming())
        store.join(labels.queries, labels.feedback)
        assert imported(tmp_path, store, first) == (0, 0)
        imported(tmp_path, store, later)
        assert [given.answer for given in store.feedback()] == [Preference(0)]


def test_an_annotation_in_two_tasks_counts_once(tmp_path):
    path = exported(tmp_path, annotation("left", id=1, updated_at="2026-03-09T12:00:00Z"))
    tasks = json.loads(path.read_text())
    copy = {**tasks[1], "annotations": [annotation("right", id=1, updated_at="2026-03-11T12:00:00Z")]}
    path.write_text(json.dumps([copy, *tasks, copy]))
    labels = label_studio.read(path, Naming())
    assert [given.answer for given in labels.feedback] == [Preference(0)]
    assert sorted(labels.queries, key=QUERIES.index) == QUERIES


def test_two_versions_of_which_none_is_the_later_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"task 1: .*twice, with different answers"):
        label_studio.read(exported(tmp_path, annotation("left", id=1), annotation("right", id=1)), Naming())


def test_people_of_two_servers_with_one_number_are_two(tmp_path):
    both = [annotation("left", id=1, completed_by={"email": name}) for name in ("ann", "bob")]
    assert len(label_studio.read(exported(tmp_path, *both), Naming()).feedback) == 2


@pytest.mark.parametrize(
    ("kind", "value", "answer"),
    [
        ("choices", {"choices": ["left"]}, Preference(1)),
        ("choices", {"choices": ["Right"]}, Preference(0)),
        ("choices", {"choices": ["tie"]}, Preference(0.5)),
    ],
)
def test_choices_are_answers(tmp_path, kind, value, answer):
    chosen = [{"from_name": "which", "to_name": "left", "type": kind, "value": value}]
    (given,) = label_studio.read(exported(tmp_path, annotation(None, result=chosen)), Naming()).feedback
    assert given.answer == answer


@pytest.mark.parametrize(
    ("kind", "value", "complaint"),
    [
        ("choices", {"choices": ["sure"]}, r"left or right or tie, got \['sure'\]"),
        ("choices", {"choices": ["left", "right"]}, r"got \['left', 'right'\]"),
        ("choices", {"choices": []}, r"got \[\]"),
        ("rating", {"rating": 3}, "Pairwise or Choices, got 'rating'"),
        ("pairwise", {"selected": ["tie"]}, r"left or right, got \['tie'\]"),
        ("pairwise", None, r"got \[\]"),
    ],
)
def test_what_is_not_understood_is_no_abstention(tmp_path, kind, value, complaint):
    result = [{"from_name": "x", "type": kind, "value": value}]
    with pytest.raises(DataError, match=f"task 1: .*{complaint}"):
        label_studio.read(exported(tmp_path, annotation(None, result=result)), Naming())


def test_a_comment_is_the_rationale_and_a_second_control_is_left_aside(tmp_path):
    why = {"from_name": "why", "type": "textarea", "value": {"text": ["nearer", "calmer"]}}
    sure = {"from_name": "sure", "type": "choices", "value": {"choices": ["very"]}}
    given = annotation("left")
    (read,) = label_studio.read(
        exported(tmp_path, {**given, "result": [sure, *given["result"], why]}), Naming()
    ).feedback
    assert (read.answer, read.rationale) == (Preference(1), "nearer\ncalmer")


@pytest.mark.parametrize("who", [None, "", {}, {"email": "", "id": None}, {"email": None}])
def test_who_is_not_told_goes_by_the_given_name(tmp_path, who):
    (given,) = label_studio.read(
        exported(tmp_path, annotation("left", completed_by=who)), Naming(labeler="us")
    ).feedback
    assert given.labeler == "us"


def test_times_without_a_zone_are_utc(tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    try:
        naive = annotation("left", created_at="2026-03-09T12:00:00")
        (given,) = label_studio.read(exported(tmp_path, naive), Naming()).feedback
    finally:
        monkeypatch.undo()
        time.tzset()
    assert given.time == NOON


def test_cancelled_annotations_of_their_own_list_are_abstentions(tmp_path):
    path = exported(tmp_path)
    tasks = json.loads(path.read_text())
    tasks[0]["cancelled_annotations"] = 1  # some exports hold their number
    tasks[1]["cancelled_annotations"] = [annotation(None, was_cancelled=True)]
    path.write_text(json.dumps(tasks))
    assert [given.answer for given in label_studio.read(path, Naming()).feedback] == [Abstain("skipped")]


def test_a_file_with_a_mark_of_its_byte_order_is_read(tmp_path):
    path = exported(tmp_path, annotation("left"))
    path.write_text("\ufeff" + path.read_text().replace("\n", "\r\n"), newline="")
    assert len(label_studio.read(path, Naming()).feedback) == 1


def test_exported_answers_name_nobody_whom_the_server_would_have_to_know(tmp_path):
    label_studio.write(tmp_path / "tasks.json", Labels(QUERIES, [Feedback("hopper/1", Preference(1), "ann")]))
    (stored,) = json.loads((tmp_path / "tasks.json").read_text())[1]["annotations"]
    assert "completed_by" not in stored
    assert stored["ground_truth"] is False
    assert isinstance(stored["id"], int)
    assert stored["result"] == annotation("left")["result"]


GIVEN = [
    Feedback("hopper/1", Preference(1), "ann", confidence=0.5, time=NOON, rationale="so", order=(1, 0), seconds=2.5),
    Feedback("hopper/1", Preference(0), "teacher", "v2"),
    Feedback("hopper/1", Preference(0), "teacher", "v2"),
    Feedback("hopper/0", Abstain("bad episode"), "bob", time=NOON, order=(0, 1)),
]


def through_a_server(path, change=lambda task, stored: {}):
    """What is exported from a project that the file was imported to: only some of it is kept there."""
    tasks, number = json.loads(path.read_text()), 0
    for task in tasks:
        for index, stored in enumerate(task["annotations"]):
            number += 1
            kept = {name: stored[name] for name in ("result", "was_cancelled", "ground_truth", "lead_time")}
            given = {
                "id": number, "import_id": stored["id"], "unique_id": f"unique-{number}", "completed_by": 1,
                "created_at": "2026-04-01T08:00:00Z", "updated_at": "2026-04-01T08:00:00Z",
            }  # fmt: skip
            task["annotations"][index] = {**kept, **given, **change(task, stored)}
    path.write_text(json.dumps(tasks))
    return path


def test_answers_that_went_out_come_back_as_they_were(tmp_path):
    with FeedbackStore(tmp_path / "labels.sqlite") as store, FeedbackStore(tmp_path / "new.sqlite") as new:
        store.join(QUERIES, GIVEN)
        for path in (tmp_path / "tasks.json", tmp_path / "server.json"):
            label_studio.write(path, Labels(store.queries(), store.feedback()))
        for path in (tmp_path / "tasks.json", through_a_server(tmp_path / "server.json")):
            labels = label_studio.read(path, Naming())
            for database, added in ((store, 0), (new, len(GIVEN) if path.stem == "tasks" else 0)):
                assert database.join(labels.queries, labels.feedback, labels.origins)[1] == added
                assert sorted(database.feedback(), key=GIVEN.index) == GIVEN


def test_an_exported_answer_that_was_changed_there_replaces_the_one_here(tmp_path):
    with FeedbackStore(tmp_path / "labels.sqlite") as store:
        store.join(QUERIES, GIVEN)
        label_studio.write(tmp_path / "tasks.json", Labels(store.queries(), store.feedback()))
        changed = {"result": annotation("right")["result"], "updated_at": "2026-04-02T08:00:00Z"}
        labels = label_studio.read(
            through_a_server(tmp_path / "tasks.json", lambda _, one: changed if one["lead_time"] else {}), Naming()
        )
        assert store.join(labels.queries, labels.feedback, labels.origins) == (0, 1)
        assert store.retracted() == GIVEN[:1]
        assert [(given.answer, given.labeler) for given in store.feedback()][-1] == (Preference(0), "1")
        assert len(store.feedback()) == len(GIVEN)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"lead_time": float("nan")}, "lead_time must be seconds"),
        ({"lead_time": 10**400}, "lead_time must be seconds"),
        ({"lead_time": True}, "lead_time must be seconds"),
        ({"lead_time": -1}, "lead_time must be seconds"),
        ({"created_at": 3}, "created_at must be a time"),
        ({"updated_at": "soon"}, "updated_at must be a time"),
        ({"created_at": "0001-01-01T00:00:00+14:00"}, "created_at must be a time"),
        ({"completed_by": [1]}, "completed_by must be"),
        ({"completed_by": True}, "completed_by must be"),
        ({"result": "left"}, "result must be a list"),
        ({"result": ["left"]}, "result must be a list"),
        ({"was_cancelled": "no"}, "was_cancelled must be true or false"),
        ({"id": 1.5}, "id must be a number"),
        ({"completed_by": "\ud800"}, "labeler"),
    ],
)
def test_a_wrong_kind_is_named_with_its_task(tmp_path, changes, complaint):
    with pytest.raises(DataError, match=f"task 1: .*{complaint}"):
        label_studio.read(exported(tmp_path, annotation("left", **changes)), Naming())


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ('[{"id": 1, "annotation_id": 2, "preference": "left"}]', "a row of JSON-MIN; export the project as JSON"),
        ('{"id": 1, "task": {}}', "got dict; export the project as JSON"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_other_exports_say_which_one_is_wanted(tmp_path, content, complaint):
    (tmp_path / "other.json").write_text(content)
    with pytest.raises(DataError, match=complaint):
        label_studio.read(tmp_path / "other.json", Naming())
