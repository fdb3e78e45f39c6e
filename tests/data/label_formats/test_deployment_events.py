"""What operators did becomes labels, once."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robopref.__main__ import main
from robopref.answers import Answers
from robopref.data.episodes.store import EpisodeStore
from robopref.data.label_formats.deployment_events import add_events, event_labels, is_event_dataset
from robopref.data.labels.assignments import Assignments
from robopref.data.labels.comparisons import candidate_target
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.data.labels.operator_acts import DeploymentEvent, EventKind
from robopref.data.labels.rated_pairs import rated_pairs
from robopref.data.labels.trace_correction import TraceCorrection
from robopref.errors import DataError
from robopref.records import Item, Preference, Rating
from tests.data.labels.test_operator_acts import event

CORRECTION = np.full((2, 4), 0.5, np.float32)


def said(kind: EventKind, **changed: object) -> list[tuple[tuple[int | None, ...], object]]:
    labels = event_labels(event(kind, **changed), "deployed", 7)
    for query, given in labels:
        assert given.query_id == query.id
        assert (given.labeler, given.labeler_version, given.time) == ("operator", f"event {kind}", 1.5)
        assert all(item == Item("deployed", 7, 8, item.candidate) for item in query.items)
    return [(tuple(item.candidate for item in query.items), given.answer) for query, given in labels]


def test_an_event_says_this_and_no_more() -> None:
    # Three candidates, of which 1 was executed; 3 is the correction.
    assert said("accept", shown=(2, 1, 0)) == [((1, 2), Preference(1)), ((1, 0), Preference(1))]
    assert said("accept", shown=(1,)) == said("accept") == [((1,), Rating(1))]
    assert said("correct", corrected=CORRECTION, shown=(0, 1)) == [((3, 1), Preference(1))]
    assert said("takeover", corrected=CORRECTION) == [((3, 1), Preference(1))]
    for kind in ("takeover", "abort", "undo", "failure"):
        assert said(kind, shown=(0, 1)) == [((1,), Rating(0))]
    for kind in ("reuse", "success"):
        assert said(kind, shown=(0, 1)) == [((1,), Rating(1))]


def test_the_same_event_is_one_label(tmp_path: Path) -> None:
    first = [event(shown=(0, 1)), event("correct", corrected=CORRECTION, time=2.0)]
    with FeedbackStore(tmp_path / "labels.sqlite") as database:
        assert add_events(database, tmp_path, "deployed", [*first, first[0]]) == (2, 2)
        assert add_events(database, tmp_path, "deployed", [*first, event("undo")]) == (1, 1)
        assert add_events(database, tmp_path, "deployed", [event("undo"), *first]) == (0, 0)
        store = EpisodeStore.open(tmp_path / "deployed.zarr")
        assert store.array("candidates").shape == (3, 4, 2, 4)
        np.testing.assert_array_equal(store.array("candidates")[1, 3], CORRECTION)
        np.testing.assert_array_equal(store.array("candidates")[0, 3], first[0].candidates[1])
        assert store.array("step").tolist() == [3, 3, 3]
        target = candidate_target(Answers.of(database.queries(), database.feedback()), states=3, candidates=4)
        assert target.p[target.weight > 0].tolist() == [1, 1]
        assert target.weight.nonzero().tolist() == [[0, 1, 0], [1, 3, 1]]


def test_a_writer_that_died_between_candidates_and_labels_is_made_up_for(tmp_path: Path) -> None:
    with FeedbackStore(tmp_path / "other.sqlite") as lost:
        add_events(lost, tmp_path, "deployed", [event()])
    with FeedbackStore(tmp_path / "labels.sqlite") as database:
        assert add_events(database, tmp_path, "deployed", [event()]) == (1, 1)
    assert EpisodeStore.open(tmp_path / "deployed.zarr").steps == 1


def test_people_are_not_asked_about_events_and_cannot_take_them_back(tmp_path: Path) -> None:
    with FeedbackStore(tmp_path / "labels.sqlite") as database:
        add_events(database, tmp_path, "deployed", [event("abort", operator="ann")])
        desk = Assignments(database)
        assert desk.claim("bob") is None
        assert desk.last("ann") is None
        assert desk.untouched() == 0


def test_events_of_other_shapes_are_refused(tmp_path: Path) -> None:
    with FeedbackStore(tmp_path / "labels.sqlite") as database:
        add_events(database, tmp_path, "deployed", [event()])
        with pytest.raises(DataError, match="candidates"):
            add_events(database, tmp_path, "deployed", [event(candidates=np.zeros((3, 3, 4), np.float32))])
        assert len(database.queries()) == 1


def test_events_with_more_or_fewer_candidates_have_a_dataset_of_their_own(tmp_path: Path) -> None:
    few, lone = (event(executed=0, candidates=np.full((count, 2, 4), 0.5, np.float32)) for count in (2, 1))
    with FeedbackStore(tmp_path / "labels.sqlite") as database:
        # Four ratings, and a pair of the two chunks that were rated where the same was seen.
        assert add_events(database, tmp_path, "deployed", [event(), few, lone, event("undo")]) == (5, 5)
        assert add_events(database, tmp_path, "deployed", [lone, few]) == (0, 0)
        sources = {query.items[0].source for query in database.queries()}
        assert sources == {"deployed", "deployed-2", "deployed-1", "deployed-rated"}
    assert EpisodeStore.open(tmp_path / "deployed.zarr").steps == 2
    assert EpisodeStore.open(tmp_path / "deployed-1.zarr").array("candidates").shape == (1, 2, 2, 4)
    assert is_event_dataset(tmp_path, "deployed-2")
    assert not is_event_dataset(tmp_path, "deployed-3")


DRAWN: dict[str, Any] = {"executed": 1, "order": (1, 2, 0), "chances": (0.2, 0.3, 0.5)}


def confidences(database: FeedbackStore) -> dict[str, float]:
    """Of the standing answers, by the kind of event and the candidates."""
    queries = {query.id: query for query in database.queries()}
    return {
        f"{given.labeler_version[6:]} {[item.candidate for item in queries[given.query_id].items]}": given.confidence
        for given in database.feedback()
    }


def test_preferences_count_by_how_probably_their_places_were_drawn(tmp_path: Path) -> None:
    rare, greedy = event(shown=(0, 1, 2), **DRAWN), event("correct", corrected=CORRECTION)
    hasty = event(shown=(0, 1), seconds=0.1, time=4.0, executed=0)
    with FeedbackStore(tmp_path / "labels.sqlite") as database:
        correction = TraceCorrection()
        assert add_events(database, tmp_path, "deployed", [rare, greedy, hasty], correction=correction) == (4, 4)
        # Weights 2.5 and 15/14, see test_trace_correction; 1 where nothing is known; nothing for what came too fast.
        assert confidences(database) == {
            "accept [1, 0]": 1.0,
            "accept [1, 2]": pytest.approx(3 / 7),
            "correct [3, 1]": pytest.approx(0.4),
            "accept [0, 1]": 0.0,
        }
        # In the table that filters see.
        answers = Answers.of(database.queries(), database.feedback())
        assert answers.weight.tolist() == answers.confidence.tolist()
        assert answers.seconds[-1] == 0.1
        # Without a correction, or with less rare ones beside them, answers change, and the old ones are taken back.
        assert add_events(database, tmp_path, "deployed", [rare, greedy, hasty]) == (0, 3)
        assert set(confidences(database).values()) == {1.0}
        assert len(database.retracted()) == 3
        assert add_events(database, tmp_path, "deployed", [rare, greedy, hasty], correction=correction) == (0, 3)
        assert len(database.feedback()) == 4
        assert len(database.retracted()) == 3  # the others, which stand again when they are said again
        assert add_events(database, tmp_path, "deployed", [greedy], correction=correction) == (0, 1)


def rated(level: float, kind: EventKind, time: float, **known: Any) -> DeploymentEvent:
    return event(kind, candidates=np.full((1, 2, 4), level, np.float32), executed=0, time=time, **known)


def test_ratings_of_one_scene_are_compared_in_a_dataset_of_their_own(tmp_path: Path) -> None:
    events = [rated(0.5, "reuse", 1.0), rated(0.25, "undo", 2.0), rated(0.5, "reuse", 3.0)]
    with FeedbackStore(tmp_path / "labels.sqlite") as database:
        assert add_events(database, tmp_path, "deployed", events, correction=TraceCorrection()) == (4, 4)
        store = EpisodeStore.open(tmp_path / "deployed-rated.zarr")
        assert is_event_dataset(tmp_path, "deployed-rated")
        np.testing.assert_array_equal(store.array("candidates")[0, :, 0, 0], [0.5, 0.25])
        np.testing.assert_array_equal(store.array("points")[0], events[0].points)
        (given,) = (one for one in database.feedback() if one.labeler_version == "event rated")
        assert isinstance(given.answer, Preference)
        ((pair,), _) = rated_pairs(events, TraceCorrection())
        assert (given.answer.p, given.confidence, given.time) == (pair.p, pair.confidence, 3.0)
        assert pair.p > 0.5
        mine = Answers.of(database.queries(), database.feedback())
        target = candidate_target(mine[mine.source == "deployed-rated"], states=1, candidates=2)
        assert float(target.p[0, 0, 1]) == pytest.approx(pair.p)
        assert float(target.weight[0, 0, 1]) == pytest.approx(pair.confidence)
        # More of the log: the same pair, another answer.
        grown = [*events, rated(0.25, "reuse", 4.0)]
        assert add_events(database, tmp_path, "deployed", grown, correction=TraceCorrection()) == (1, 2)
        assert EpisodeStore.open(tmp_path / "deployed-rated.zarr").steps == 1
        assert add_events(database, tmp_path, "deployed", grown, correction=TraceCorrection()) == (0, 0)


def test_what_was_let_pass_says_nothing_by_itself(tmp_path: Path) -> None:
    passed, failed = rated(0.5, "passed", 1.0, step=2), rated(0.25, "failure", 2.0)
    assert event_labels(passed, "deployed", 0) == []
    # Four decisions later somebody wanted something else where it was done.
    other = rated(0.75, "success", 3.0, episode=9, step=2)
    with FeedbackStore(tmp_path / "labels.sqlite") as database:
        add_events(database, tmp_path, "deployed", [passed, failed, other], correction=TraceCorrection(discount=0.5))
        assert EpisodeStore.open(tmp_path / "deployed.zarr").steps == 2  # of what says something
        versions = [one.labeler_version for one in database.feedback()]
        assert versions == ["event failure", "event success", *["event rated"] * 3]


def test_an_import_says_what_the_correction_costs_and_what_is_lost_without(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "deployed.jsonl"
    often = [rated(0.5, "reuse" if k < 3 else "undo", float(k)) for k in range(12)]
    few = [rated(0.25, "reuse", 20.0 + k) for k in range(2)]
    greedy = event("undo", time=30.0, points=np.ones((5, 3), np.float32))
    path.write_text("".join(json.dumps(one.to_json()) + "\n" for one in [*often, *few, greedy]))
    words = ["labels", "import", f"run={tmp_path / 'mine'}", f"path={path}", "format=events"]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "traces: 15 acts, 7% of them not correctable" in out
    assert "the other 14 count as much as 14.0 (effective sample size), 0 of all came too fast or too late" in out
    assert "1 pairs of candidates of one scene; counts without a correction turn 100% of these around; 1 rat" in out
    with FeedbackStore(tmp_path / "mine" / "labels.sqlite") as database:
        (corrected,) = (one.answer for one in database.feedback() if one.labeler_version == "event rated")
    assert main([*words, "traces.correct=false"]) == 0
    assert "traces.correct=false: the labels are not corrected" in capsys.readouterr().out
    with FeedbackStore(tmp_path / "mine" / "labels.sqlite") as database:
        (counted,) = (one.answer for one in database.feedback() if one.labeler_version == "event rated")
    assert isinstance(corrected, Preference)
    assert corrected.p < 0.1
    assert counted == Preference(1.0)
    assert main([*words, "traces.discount=2"]) == 1
    assert "discount" in capsys.readouterr().err


@pytest.mark.parametrize("row", [{"state": np.zeros((1, 2))}, {"event": np.full((1, 1), 0.5)}, {"event": np.ones(1)}])
def test_a_dataset_of_something_else_takes_no_events(tmp_path: Path, row: dict[str, Any]) -> None:
    EpisodeStore.create(tmp_path / "deployed.zarr", {}).append(row)
    with FeedbackStore(tmp_path / "labels.sqlite") as database:
        with pytest.raises(DataError, match=r"deployed\.zarr holds something else than events"):
            add_events(database, tmp_path, "deployed", [event()])
        assert not database.queries()


def test_a_refused_file_of_events_leaves_no_candidates_that_the_next_has_to_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, run = tmp_path / "deployed.jsonl", tmp_path / "mine"
    others = [event(candidates=np.zeros((2, length, 4), np.float32)) for length in (2, 5)]
    words = ["labels", "import", f"run={run}", f"path={path}", "format=events"]
    path.write_text("".join(json.dumps(one.to_json()) + "\n" for one in others))
    assert main(words) == 1
    assert "candidates" in capsys.readouterr().err
    assert not (run / "deployed.zarr").exists()
    path.write_text(json.dumps(event().to_json()) + "\n")
    assert main(words) == 0


def test_a_file_of_events_is_imported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "deployed.jsonl"
    path.write_text("".join(json.dumps(one.to_json()) + "\n" for one in (event(), event("undo"), event())))
    words = ["labels", "import", f"run={tmp_path / 'mine'}", f"path={path}", "format=events"]
    assert main(words) == 0
    assert "added 2 queries and 2 answers" in capsys.readouterr().out
    assert main(words) == 0
    assert "added 0 queries and 0 answers" in capsys.readouterr().out
    assert EpisodeStore.open(tmp_path / "mine" / "deployed.zarr").steps == 2


def test_nothing_is_made_for_a_file_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text("{")
    for name in ("evnts", "events", "jsonl"):
        assert main(["labels", "import", f"run={tmp_path / 'mine'}", f"path={path}", f"format={name}"]) == 1
    assert "Did you mean events" in capsys.readouterr().err
    assert not (tmp_path / "mine").exists()
