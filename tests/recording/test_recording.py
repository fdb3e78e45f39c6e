"""What is written down of a run, and what is left of it when the process is killed."""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robopref.data.episodes.replay_layout import ReplayLayout
from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.operator_acts import read_events
from robopref.errors import DataError
from robopref.motion import Event, Step
from robopref.recording.episode_writer import EpisodeWriter
from robopref.recording.event_log import EventLog
from robopref.recording.journal import Journal, read_journal
from robopref.recording.lines import LineFile
from robopref.recording.operator_feedback import OperatorFeedback
from robopref.recording.timing import Timing
from robopref.runtime.control_loop import ControlPace
from tests.runtime.parts import Bench
from tests.runtime.test_control_loop import PATIENT

ROOT = Path(__file__).parents[2]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def recorded(tmp_path: Path) -> Any:
    one = Bench(ControlPace(4, 0.1), limits=PATIENT, rate=50.0)
    writer = EpisodeWriter(tmp_path / "episodes.zarr", {"task": "point"})
    log, timing = EventLog(tmp_path / "events.jsonl", "mine", clock=one.clock), Timing()
    one.runtime.subscribers += [writer, log, timing]
    tallies = [one.run(commands=10), one.run(commands=5)]
    log.close()
    one.close()
    return one, tmp_path, tallies, timing


def test_every_episode_is_in_the_store_as_it_was_executed(recorded: Any) -> None:
    one, folder, _, _ = recorded
    store = EpisodeStore.open(folder / "episodes.zarr")
    assert store.episode_ends.tolist() == [10, 15]
    assert not list(folder.glob("*.journal"))
    episode, steps = store.episode(0), one.witness.steps[:10]
    np.testing.assert_array_equal(episode["action"], [step.action for step in steps])
    np.testing.assert_array_equal(episode["raw_action"], [step.raw for step in steps])
    np.testing.assert_array_equal(episode["command"], one.robot.trail[:10])
    np.testing.assert_array_equal(episode["points"], [step.reading.observation.points for step in steps])
    assert episode["truncated"].tolist() == [False] * 9 + [True]
    assert not episode["terminated"].any()
    np.testing.assert_allclose(np.diff(episode["time"]), np.diff([step.reading.time for step in steps]), atol=1e-9)
    # Where a step led is where the next one began.
    np.testing.assert_array_equal(episode["next_progress"][:-1], episode["progress"][1:])
    np.testing.assert_allclose(episode["margin"], [step.plan.margin for step in steps], atol=1e-7)


def test_recordings_say_what_they_are_marked_with(tmp_path: Path) -> None:
    marks: dict[str, Any] = {}
    one = Bench(ControlPace(4, 0.1), limits=PATIENT, rate=50.0)
    writer = EpisodeWriter(tmp_path / "episodes.zarr", {}, marks)
    log = EventLog(tmp_path / "events.jsonl", clock=one.clock, marks=marks)
    one.runtime.subscribers += [writer, log]
    for ranked in (True, False):
        marks |= {"start": 3, "ranked": ranked}
        one.run(commands=2)
    log.close()
    one.close()
    store = EpisodeStore.open(tmp_path / "episodes.zarr")
    assert store.array("start").tolist() == [3] * 4
    assert store.array("ranked").tolist() == [True, True, False, False]
    told = [line for line in lines(tmp_path / "events.jsonl") if line["kind"] == "episode"]
    assert [(line["start"], line["ranked"]) for line in told] == [(3, True), (3, False)]


def test_the_log_tells_raw_and_executed_actions_and_why_it_ended(recorded: Any) -> None:
    one, folder, _, _ = recorded
    told = lines(folder / "events.jsonl")
    assert {line["run"] for line in told} == {"mine"}
    kinds = [line["kind"] for line in told]
    assert [kinds.count(kind) for kind in ("armed", "running", "episode", "end")] == [2, 2, 2, 2]
    steps = [line for line in told if line["kind"] == "step"]
    assert [step["command"] for step in steps] == [*range(10), *range(5)]
    assert [step["episode"] for step in steps] == [0] * 10 + [1] * 5
    np.testing.assert_allclose(steps[3]["raw"], one.witness.steps[3].raw)
    np.testing.assert_allclose(steps[3]["sent"], one.robot.trail[3])
    assert [line["cause"] for line in told if line["kind"] == "end"] == ["10 commands", "5 commands"]


def test_stages_are_timed_in_little_memory(recorded: Any) -> None:
    one, timing = recorded[0], recorded[3]
    summary = timing.summary()
    assert {"observe", "execute", "tick", "sample", "filter", "rank", "plan", "period"} <= summary.keys()
    times = np.array([step.reading.time for step in one.witness.steps])
    gaps = np.sort(np.concatenate([np.diff(times[:10]), np.diff(times[10:])]))
    assert gaps[5] * 0.95 <= summary["period"]["median"] <= gaps[7] * 1.05  # the seventh of 13
    assert summary["tick"]["n"] == 15
    for share in (0.01, 0.5, 0.99):
        probe = Timing()
        probe._add({"x": 0.0})
        for value in np.linspace(0.001, 0.1, 1000):
            probe._add({"x": float(value)})
        assert probe.quantile("x", share) == pytest.approx(0.001 + 0.099 * share, rel=0.05)


@pytest.mark.slow
def test_a_killed_recording_is_taken_up_to_its_last_step(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.recording.crash", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = 0
        for line in process.stdout:
            said = int(line)
            if said >= 40:
                process.send_signal(signal.SIGKILL)
                break
        said = max([said, *(int(line) for line in process.stdout.read().split())])
    assert process.returncode == -signal.SIGKILL
    assert len(list(tmp_path.glob("*.journal"))) == 1
    assert len(EpisodeStore.open(tmp_path / "episodes.zarr")) == 0  # readable as it is
    writer = EpisodeWriter(tmp_path / "episodes.zarr", {})
    # A step is written when it is known where it led, so of those that were said the last is not there.
    assert writer.recovered >= said - 1 >= 39
    episode = EpisodeStore.open(tmp_path / "episodes.zarr").episode(0)
    assert episode["truncated"].tolist() == [False] * (writer.recovered - 1) + [True]
    logged = [line for line in lines(tmp_path / "events.jsonl") if line["kind"] == "step"]
    np.testing.assert_allclose(episode["command"], [line["sent"] for line in logged][: writer.recovered])
    assert len(logged) >= said - 1
    assert EpisodeWriter(tmp_path / "episodes.zarr", {}).recovered == 0


ROW = {"action": np.arange(3, dtype=np.float32), "terminated": np.bool_(False), "truncated": np.bool_(False)}


def journal(path: Path, count: int, **header: Any) -> Path:
    made = Journal(path, {key: np.asarray(value) for key, value in ROW.items()}, header)
    for number in range(count):
        made.append({key: np.asarray(value) for key, value in (ROW | {"action": ROW["action"] + number}).items()})
    made.close()
    return path


@pytest.mark.parametrize("cut", [1, 5, 16, 17, 18, 33, 34])
def test_a_journal_cut_anywhere_gives_its_whole_records(tmp_path: Path, cut: int) -> None:
    path = journal(tmp_path / "a", 4)
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    _, arrays = read_journal(path)
    # A record has 4 bytes of checksum, 12 of action and 2 of flags.
    assert len(arrays["action"]) == 4 - -(-cut // 18)
    np.testing.assert_array_equal(arrays["action"], [ROW["action"] + n for n in range(len(arrays["action"]))])


def test_a_damaged_record_ends_a_journal(tmp_path: Path) -> None:
    path = journal(tmp_path / "a", 4)
    content = bytearray(path.read_bytes())
    content[-18 - 3] ^= 1  # in the third record
    path.write_bytes(content)
    assert len(read_journal(path)[1]["action"]) == 2
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(DataError, match="is not a journal"):
        read_journal(path)


@pytest.mark.parametrize(
    ("layout", "says"),
    [
        ({"action": ["|O", [3]]}, "action holds no numbers"),
        ({"action": ["<U3", []]}, "action holds no numbers"),
        ({"action": [[["a", "|O"]], [3]]}, "is not a journal"),
        ({"action": ["<f4", [-1]]}, "is not a journal"),
        ({"action": ["<f4", [10**30]]}, "is not a journal"),
        ({"action": ["<f4", [2]]}, "none of its steps is as it was written"),
        ({}, "none of its steps is as it was written"),
    ],
)
def test_a_journal_of_another_layout_is_refused_and_kept(tmp_path: Path, layout: dict[str, Any], says: str) -> None:
    path = journal(tmp_path / "e.zarr.1.journal", 3)
    header, _, records = path.read_bytes().partition(b"\n")
    told = json.loads(header)
    told["layout"] = {key: value for key, value in told["layout"].items() if key != "action"} | layout
    path.write_bytes(json.dumps(told).encode() + b"\n" + records)
    with pytest.raises(DataError, match=says):
        EpisodeWriter(tmp_path / "e.zarr", {})
    assert path.exists()


@pytest.mark.parametrize("change", ["no action", "no terminated", "no truncated", "terminated", "truncated"])
def test_a_journal_without_what_steps_have_is_refused_and_kept(tmp_path: Path, change: str) -> None:
    row = {key: np.asarray(value) for key, value in ROW.items() if key != change.removeprefix("no ")}
    if not change.startswith("no "):
        row[change] = np.zeros(2, bool)
    made = Journal(tmp_path / "e.zarr.1.journal", row, {})
    made.append(row)
    made.close()
    with pytest.raises(DataError, match="holds no steps of a robot"):
        EpisodeWriter(tmp_path / "e.zarr", {})
    assert made.path.exists()


def test_a_journal_is_taken_up_once_also_if_its_removal_failed(tmp_path: Path) -> None:
    path = journal(tmp_path / "e.zarr.1.journal", 3, name="mine")
    left = path.read_bytes()
    assert EpisodeWriter(tmp_path / "e.zarr", {}).recovered == 3
    path.write_bytes(left)  # killed between the append and the removal
    journal(tmp_path / "e.zarr.2.journal", 3, name="another of the same content")
    writer = EpisodeWriter(tmp_path / "e.zarr", {})
    assert writer.recovered == 3
    assert len(writer.store) == 2
    assert not list(tmp_path.glob("*.journal"))


def test_an_append_that_was_not_completed_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal(tmp_path / "e.zarr.1.journal", 3, name="mine")

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as context:
        context.setattr(ReplayLayout, "_commit", fail)
        with pytest.raises(DataError, match="No space left"):
            EpisodeWriter(tmp_path / "e.zarr", {})
    assert EpisodeWriter(tmp_path / "e.zarr", {}).recovered == 3


@pytest.mark.parametrize("episode", [0, 1, 7])
def test_a_journal_with_the_number_of_its_episode_is_compared_with_that(tmp_path: Path, episode: int) -> None:
    """As versions wrote them that gave journals no name, while another process appended the episode of that number."""
    store = EpisodeStore.create(tmp_path / "e.zarr", {})
    for _ in range(2):
        store.append({key: np.asarray(value)[None] for key, value in ROW.items()} | {"truncated": np.array([True])})
    journal(tmp_path / "e.zarr.1.journal", 1, episode=episode)  # the same content
    assert EpisodeWriter(tmp_path / "e.zarr", {}).recovered == (1 if episode == 7 else 0)
    journal(tmp_path / "e.zarr.2.journal", 3, episode=episode)
    writer = EpisodeWriter(tmp_path / "e.zarr", {})
    assert writer.recovered == 3
    assert not list(tmp_path.glob("*.journal"))


def test_two_programs_that_record_into_one_store_lose_nothing(tmp_path: Path) -> None:
    path, benches = tmp_path / "e.zarr", [Bench(ControlPace(4, 0.1), limits=PATIENT, rate=100.0) for _ in range(2)]
    for one in benches:
        one.runtime.subscribers.append(EpisodeWriter(path, {"task": "point"}))
    first, second = benches
    first.witness.on_step = lambda step: second.run(commands=5) if step.number == 2 else None  # type: ignore[method-assign]
    first.run(commands=7)
    for one in benches:
        one.close()
    assert EpisodeStore.open(path).episode_ends.tolist() == [5, 12]
    assert not list(tmp_path.glob("*.journal"))


@pytest.mark.slow
def test_what_a_living_process_records_is_left_to_it(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.recording.crash", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while int(process.stdout.readline()) < 5:
            pass
        writer = EpisodeWriter(tmp_path / "episodes.zarr", {})
        assert writer.recovered == 0
        assert len(list(tmp_path.glob("*.journal"))) == 1
        process.kill()
    assert EpisodeWriter(tmp_path / "episodes.zarr", {}).recovered >= 4


def test_a_journal_without_a_whole_step_leaves_no_episode(tmp_path: Path) -> None:
    journal(tmp_path / "e.zarr.1.journal", 0)
    writer = EpisodeWriter(tmp_path / "e.zarr", {})
    assert (writer.recovered, len(writer.store)) == (0, 0)


def test_steps_of_another_layout_are_refused(tmp_path: Path) -> None:
    made = Journal(tmp_path / "a", {"x": np.zeros(3)}, {})
    with pytest.raises(DataError, match="a step must hold"):
        made.append({"x": np.zeros(4)})
    with pytest.raises(DataError, match="cannot write"):
        Journal(tmp_path / "a", {"x": np.zeros(3)}, {})


def test_all_lines_go_by_the_clock_of_the_guard(recorded: Any) -> None:
    one, folder, _, _ = recorded
    written = lines(folder / "events.jsonl")
    assert {"episode", "plan", "step", "armed", "end"} <= {line["kind"] for line in written}
    assert [line for line in written if not 100.0 <= line["monotonic"] < one.clock() + 1e-3] == []
    assert {round(line["time"] - line["monotonic"], 1) for line in written} == {
        round(written[0]["time"] - written[0]["monotonic"], 1)
    }


def test_numbers_that_json_has_not_are_told_as_words(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "e.jsonl")
    log.on_event(Event("note", 1.0, "odd", {"values": [float("nan"), float("inf"), 1.0]}))
    assert lines(tmp_path / "e.jsonl")[0]["values"] == ["nan", "inf", 1.0]


def test_half_a_line_costs_no_other_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, write = tmp_path / "lines", os.write
    path.write_text('{"half')
    file = LineFile(path)
    file.write("1")
    with monkeypatch.context() as context:
        context.setattr(os, "write", lambda handle, content: write(handle, content[:2]))
        with pytest.raises(DataError, match=r"only 2 of 5 bytes"):
            file.write("2345")
    file.write("6")
    file.close()
    assert path.read_text().split("\n") == ['{"half', "1", "23", "6", ""]


def test_what_the_operator_does_becomes_a_label_in_the_making(tmp_path: Path) -> None:
    one = Bench(ControlPace(4, 0.1), limits=PATIENT)
    feedback = OperatorFeedback(tmp_path / "feedback.jsonl", "ann", episode=7)
    one.runtime.subscribers.append(feedback)
    acts = {2: [("correct", 3)], 5: [("note", None), ("takeover", None), ("failure", None)]}

    def act(step: Step) -> None:
        for kind, candidate in acts.get(step.number, []):
            one.runtime.request(kind, candidate=candidate)

    one.witness.on_step = act  # type: ignore[method-assign]
    one.run(seconds=60)
    one.close()
    assert [event.kind for event in read_events(tmp_path / "feedback.jsonl")] == ["correct", "takeover", "failure"]
    told = lines(tmp_path / "feedback.jsonl")
    assert [line["kind"] for line in told] == ["correct", "takeover", "failure"]
    assert {line["episode"] for line in told} == {7}
    plans = one.witness.plans
    for line in told:
        plan = plans[line["step"]]
        np.testing.assert_allclose(line["candidates"], plan.candidates, atol=1e-6)
        np.testing.assert_allclose(line["points"], plan.reading.observation.points, atol=1e-6)
        assert line["operator"] == "ann"
    np.testing.assert_allclose(told[0]["corrected"], told[0]["candidates"][3])
    assert told[0]["executed"] == plans[told[0]["step"]].index


def test_a_label_is_about_the_plan_that_was_seen_not_the_newest(tmp_path: Path) -> None:
    """A plan that came too late to be executed was not what the operator corrected."""
    one = Bench(ControlPace(4, 0.1), limits=PATIENT)
    one.run(commands=9)
    one.close()
    first, second = one.witness.plans[:2]
    feedback = OperatorFeedback(tmp_path / "feedback.jsonl", "ann")
    feedback.on_reset(first.reading)
    for plan in (first, second):
        feedback.on_plan(plan)
    feedback.on_event(Event("correct", 1.0, "", {"candidate": 2, "by": "bob", "shown": [2, 0]}, first))
    feedback.on_event(Event("takeover", 2.0))
    feedback.close()
    corrected, taken = read_events(tmp_path / "feedback.jsonl")
    assert (corrected.step, corrected.operator, corrected.shown) == (0, "bob", (2, 0))
    assert corrected.executed == first.index
    np.testing.assert_array_equal(corrected.corrected, first.candidates[2])
    assert (taken.step, taken.operator, taken.shown) == (1, "ann", ())
