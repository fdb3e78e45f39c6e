"""What an operator does by hand is told, recorded and compared with what was planned."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.operator_acts import read_events
from robopref.motion import Event, Sight
from robopref.recording.episode_writer import EpisodeWriter
from robopref.recording.operator_feedback import OperatorFeedback
from robopref.runtime.control_loop import ControlPace
from tests.runtime.parts import Bench
from tests.runtime.test_control_loop import PATIENT

MOVES = np.array([[0.01, 0, 0], [0, 0.01, 0], [0.02, 0, -0.01]])  # m; a step of 2 cm is an action of 1


def taken(bench: Bench, *, moves: np.ndarray = MOVES, back: bool = True) -> None:
    """Take over after 0.43 s, move the tool once a period of 0.05 s from 0.68 s on, and give back at 1.03 s."""
    bench.later(0.43, lambda: bench.runtime.request("takeover", sight=Sight("ann")))

    def move(by: np.ndarray) -> None:
        bench.robot.tool = bench.robot.tool + by

    for k, by in enumerate(moves):
        bench.later(0.68 + 0.05 * k, lambda by=by: move(by))
    if back:
        bench.later(1.03, lambda: bench.runtime.request("resume"))


def interventions(bench: Bench) -> list[Event]:
    return [event for event in bench.witness.events if event.kind == "intervention"]


@pytest.fixture
def bench() -> Any:
    made = Bench(ControlPace(4, 0.1), limits=PATIENT)
    yield made
    made.close()


def test_what_was_done_by_hand_is_told_as_actions_beside_what_was_planned(bench: Bench) -> None:
    taken(bench)
    bench.run(seconds=1.6)
    (event,) = interventions(bench)
    done = event.intervention
    assert done is not None
    np.testing.assert_allclose(done.actions, MOVES / 0.02, atol=1e-6)
    assert len(done.readings) == 4
    assert len(done.commands) == 3
    # The rest of the chunk that was executed when the robot was taken over, its last action repeated.
    plan, before = event.plan, [step for step in bench.witness.steps if step.reading.time < done.readings[0].time]
    assert plan is not None
    assert before[-1].plan is plan
    at = len([step for step in before if step.plan is plan]) + before[-1].number - plan.issued
    assert done.planned is not None
    shared = len(plan.safe) - (before[-1].number + 1 - plan.issued)
    np.testing.assert_array_equal(done.planned[:shared], plan.safe[-shared:])
    np.testing.assert_array_equal(done.planned[shared:], np.repeat(plan.safe[-1:], len(plan.safe) - shared, 0))
    assert at > 0


def test_who_took_over_and_moved_nothing_did_nothing(bench: Bench) -> None:
    taken(bench, moves=np.zeros((3, 3)))
    bench.run(seconds=1.4)
    assert interventions(bench) == []


def test_what_was_done_until_the_episode_ended_is_told(bench: Bench) -> None:
    taken(bench, back=False)
    bench.run(seconds=1.2)
    assert len(interventions(bench)) == 1


def test_actions_that_cannot_be_told_stop_nothing(bench: Bench) -> None:
    def fail(*_: Any) -> None:
        raise IndexError("no such joint")

    taken(bench)
    bench.later(1.0, lambda: setattr(bench.robot.actions, "to_actions", fail))
    told = bench.run(seconds=1.05)
    assert not told.halted
    assert interventions(bench)[0].cause == "cannot be told as actions: IndexError: no such joint"
    assert interventions(bench)[0].intervention is None


def test_a_recording_says_who_acted(bench: Bench, tmp_path: Path) -> None:
    bench.runtime.subscribers.append(EpisodeWriter(tmp_path / "episodes.zarr", {}))
    taken(bench)
    bench.run(seconds=1.6)
    episode = EpisodeStore.open(tmp_path / "episodes.zarr").episode(0)
    by_hand = np.flatnonzero(episode["operator"])
    np.testing.assert_allclose(episode["action"][by_hand], MOVES / 0.02, atol=1e-6)
    assert np.diff(by_hand).tolist() == [1, 1]
    assert np.flatnonzero(episode["taken_over"]).tolist() == [by_hand[0] - 1]
    assert not episode["corrected"].any()
    # Where a step led is where the next one began, whoever acted.
    np.testing.assert_array_equal(episode["next_progress"][:-1], episode["progress"][1:])
    np.testing.assert_allclose(np.diff(episode["tool"][by_hand[0] : by_hand[0] + 4], axis=0), MOVES, atol=1e-9)


def test_a_recording_of_before_goes_on_without_saying_who_acted(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "episodes.zarr"
    bench.runtime.subscribers.append(EpisodeWriter(path, {}))
    bench.run(commands=3)
    whole = EpisodeStore.open(path)
    former = EpisodeStore.create(tmp_path / "former.zarr", {})
    actors = ("operator", "corrected", "taken_over")
    former.append({key: value for key, value in whole.episode(0).items() if key not in actors})
    bench.runtime.subscribers[-1] = EpisodeWriter(former.path, {})
    taken(bench)
    bench.run(seconds=1.4)
    store = EpisodeStore.open(former.path)
    assert len(store) == 2
    assert not set(actors) & set(store.keys)


def test_steps_of_a_chunk_that_the_operator_chose_are_marked(tmp_path: Path) -> None:
    bench = Bench(ControlPace(4, 0.1, ask=True), limits=PATIENT)
    bench.runtime.subscribers.append(EpisodeWriter(tmp_path / "episodes.zarr", {}))
    bench.later(0.4, lambda: bench.runtime.request("correct", rank=2))
    for seconds in (1.0, 2.0):
        bench.later(seconds, lambda: bench.runtime.request("accept"))
    bench.run(commands=7, seconds=5.0)
    bench.close()
    corrected = EpisodeStore.open(tmp_path / "episodes.zarr").array("corrected")
    (chosen,) = [event.plan for event in bench.witness.events if event.kind == "correct"]
    assert chosen is not None
    assert corrected.tolist() == [step.plan.candidates is chosen.candidates for step in bench.witness.steps]
    assert corrected[0]
    assert not corrected[-1]


def test_what_was_done_by_hand_is_better_than_what_was_planned_there(bench: Bench, tmp_path: Path) -> None:
    feedback = OperatorFeedback(tmp_path / "feedback.jsonl", "bob")
    bench.runtime.subscribers.append(feedback)
    taken(bench)
    bench.run(seconds=1.6)
    feedback.close()
    told = list(read_events(tmp_path / "feedback.jsonl"))
    first, second = (event for event in told if event.kind != "passed")
    # What was executed before the take-over is told with it, once; of what else was planned nothing is.
    executed = {id(step.plan.candidates) for step in bench.witness.steps}
    before = [k for k, plan in enumerate(bench.witness.plans) if k < first.step and id(plan.candidates) in executed]
    assert [event.step for event in told if event.kind == "passed"] == before[-8:]
    assert first.corrected is None  # said at once, when nobody knew yet what would be done
    done = interventions(bench)[0].intervention
    assert done is not None
    assert done.planned is not None
    assert second.corrected is not None
    assert (second.kind, second.operator, second.executed) == ("takeover", "ann", 0)
    np.testing.assert_allclose(second.candidates, done.planned[None])
    # Three steps of a chunk of eight, the last one repeated.
    np.testing.assert_allclose(second.corrected, done.actions[[0, 1, 2, 2, 2, 2, 2, 2]])
    np.testing.assert_allclose(second.proprio, done.readings[0].observation.proprio)
