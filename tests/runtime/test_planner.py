"""Candidates are offered in an order that is drawn, and recorded with its probability."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robopref.data.labels.operator_acts import read_events
from robopref.data.labels.trace_correction import TraceCorrection
from robopref.motion import Sight
from robopref.ranking.plackett_luce import PlackettLuce
from robopref.recording.event_log import EventLog
from robopref.recording.operator_feedback import OperatorFeedback
from robopref.runtime.control_loop import ControlPace
from robopref.views.run import RunView
from tests.recording.test_recording import PATIENT, lines
from tests.runtime.parts import Bench, Wander


@pytest.fixture
def bench() -> Any:
    made = Bench(ControlPace(1, 0.5, ask=True), limits=PATIENT, policy=Wander(horizon=1))
    yield made
    made.close()


def answered(bench: Bench, folder: Path) -> OperatorFeedback:
    """Three plans: the first accepted 0.4 s after it was there, the second corrected to the third place."""
    feedback = OperatorFeedback(folder / "feedback.jsonl", "ann", clock=bench.clock, scene="cups")
    bench.runtime.subscribers += [feedback, EventLog(folder / "events.jsonl", clock=bench.clock)]
    acts: list[Any] = [("accept", None), ("correct", 3), ("success", None)]

    def ask(plan: Any) -> None:
        kind, rank = acts.pop(0)
        sight = Sight("ann", plan, tuple(range(len(plan.candidates))))
        bench.later(0.4, lambda: bench.runtime.request(kind, rank=rank, sight=sight))

    bench.witness.on_plan = ask  # type: ignore[method-assign]
    bench.run(seconds=60)
    feedback.close()
    return feedback


def test_a_drawn_order_is_offered_executed_and_recorded(bench: Bench, tmp_path: Path) -> None:
    bench.planner.order = PlackettLuce(1.0)
    answered(bench, tmp_path)
    accepted, corrected, success = read_events(tmp_path / "feedback.jsonl")
    assert [one.kind for one in (accepted, corrected, success)] == ["accept", "correct", "success"]
    for one in (accepted, corrected, success):
        assert sorted(one.order) == [0, 1, 2, 3]
        # Scores are the first action of each candidate.
        scores = one.candidates[:, 0, 0].astype(np.float64)
        share = np.exp((scores - scores.mean()) / scores.std())
        np.testing.assert_allclose(one.chances, (share / share.sum())[list(one.order)], rtol=1e-4)
        assert one.executed == one.order[0]
        assert one.scene == "cups"
    assert accepted.seconds == pytest.approx(0.4, abs=0.1)
    np.testing.assert_array_equal(corrected.corrected, corrected.candidates[corrected.order[2]])
    assert len(bench.witness.steps) == 2
    np.testing.assert_array_equal(bench.witness.steps[0].raw, accepted.candidates[accepted.order[0], 0])
    plans = [line for line in lines(tmp_path / "events.jsonl") if line["kind"] == "plan"]
    assert [line["order"] for line in plans] == [list(one.order) for one in (accepted, corrected, success)]
    assert plans[0]["chances"] == pytest.approx(accepted.chances)
    weight = TraceCorrection().pair_weight(corrected, 4, corrected.executed)
    assert weight is not None
    assert weight > 0


def test_a_greedy_run_says_nothing_of_chances(bench: Bench, tmp_path: Path) -> None:
    answered(bench, tmp_path)
    for one in read_events(tmp_path / "feedback.jsonl"):
        assert (one.order, one.chances) == ((), ())
        assert TraceCorrection().offered_weight(one) is None
        assert one.executed == int(one.candidates[:, 0, 0].argmax())
    assert "order" not in next(line for line in lines(tmp_path / "events.jsonl") if line["kind"] == "plan")


def test_what_nothing_scores_is_offered_as_it_was_sampled(bench: Bench, tmp_path: Path) -> None:
    bench.planner.order, bench.planner.scorer = PlackettLuce(1.0), None
    answered(bench, tmp_path)
    for one in read_events(tmp_path / "feedback.jsonl"):
        assert one.chances == (0.25,) * 4
        assert sorted(one.order) == [0, 1, 2, 3]


def test_the_page_shows_places_and_not_what_the_reward_likes(bench: Bench, tmp_path: Path) -> None:
    bench.planner.order = PlackettLuce(100.0)
    view = RunView(bench.runtime, None)  # type: ignore[arg-type]
    bench.runtime.subscribers.append(view)
    answered(bench, tmp_path)
    scene, plan = view.scene(), view.plan
    assert scene is not None
    assert plan is not None
    assert scene["ranked"] == list(plan.order)
    assert [scene["scores"][index] for index in plan.order] == pytest.approx(np.sort(plan.scores)[::-1], abs=1e-4)
