"""The loop on a point robot, in virtual time but for a few tests."""

import dataclasses
import re
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from robopref.errors import ConfigError, SafetyError
from robopref.motion import Sight
from robopref.runtime import control_loop as loop
from robopref.runtime.control_loop import ControlPace
from robopref.runtime.history import History
from robopref.safety.states import State
from tests.robots.toy import LIMITS
from tests.runtime.parts import Bench, Wander
from tests.waiting import PATIENCE, until

# Limits of time that a busy machine keeps to.
PATIENT = dataclasses.replace(
    LIMITS, age=PATIENCE, frozen=PATIENCE, hold_after=PATIENCE, stop_after=2 * PATIENCE, clamps=100
)


@pytest.fixture
def bench() -> Iterator[Any]:
    made: list[Bench] = []

    def make(*args: Any, **options: Any) -> Bench:
        made.append(Bench(*args, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_it_executes_what_it_chose_at_the_rate_of_the_robot(bench: Any) -> None:
    one = bench(limits=PATIENT)
    tally = one.run(commands=12)
    assert (tally.commands, tally.cause, tally.halted) == (12, "12 commands", False)
    assert one.guard.state is State.DISARMED
    assert len(one.robot.trail) == len(one.witness.steps) == 12
    assert one.witness.ends == ["12 commands"]
    gaps = np.diff(one.robot.named("execute"))
    np.testing.assert_allclose(gaps, 0.05, atol=1e-9)
    for plan in one.witness.plans:
        assert plan.index == int(np.argmax(plan.scores))
        assert plan.margin == pytest.approx(float(np.diff(np.sort(plan.scores))[-1]), abs=1e-7)
    for step, place in zip(one.witness.steps, one.robot.trail, strict=True):
        np.testing.assert_array_equal(step.command.points[0], place)


def test_a_plan_takes_as_long_as_the_clock_of_the_loop_says(bench: Any) -> None:
    one = bench(limits=PATIENT)
    one.policy.delay = 0.07
    one.guard.arm("test")
    reading = one.guard.begin(seed=0)
    history = History(1)
    history.add(reading)
    plan = one.planner.plan(history.observation(one.planner.device), reading, 0, one.guard.screen)
    assert plan.seconds == pytest.approx({"sample": 0.07, "filter": 0.0, "rank": 0.0, "plan": 0.07})


def test_an_unarmed_robot_does_not_run(bench: Any) -> None:
    one = bench()
    with pytest.raises(SafetyError, match="arm the robot"):
        one.runtime.run()
    assert one.robot.calls == []


def test_plans_are_made_meanwhile_and_go_on_where_the_robot_is_by_then(bench: Any) -> None:
    one = bench(ControlPace(4, 0.15), limits=PATIENT, real=True)
    one.policy.delay = 0.08  # more than a period
    one.run(commands=16)
    assert one.policy.threads == {"robopref-planner"}
    actions = {id(plan): plan for plan in one.witness.plans}
    skipped = []
    for number, step in enumerate(one.witness.steps):
        # The action for command k of a plan made after `issued` commands is number k - issued of its chunk.
        place = number - step.plan.issued
        np.testing.assert_array_equal(step.raw, actions[id(step.plan)].raw[place])
        if number and step.plan is not one.witness.steps[number - 1].plan:
            skipped.append(place)
    assert max(skipped) >= 1  # commands were executed while it was made


def test_a_late_plan_holds_the_robot_or_lets_the_last_one_go_on(bench: Any) -> None:
    ran = {}
    for late in ("hold", "continue"):
        one = bench(ControlPace(2, 0.04, late=late, stale=1.0), limits=PATIENT)
        one.policy.delay = 0.17
        ran[late] = one.run(commands=10)
        used = [number - step.plan.issued for number, step in enumerate(one.witness.steps)]
        assert max(used) > 3 or late == "hold"
    assert min(tally.missed for tally in ran.values()) > 0


def test_a_plan_from_too_long_ago_is_dropped(bench: Any) -> None:
    one = bench(ControlPace(4, 0.1, stale=0.15), limits=PATIENT)
    one.policy.delay = 0.2
    tally = one.run(seconds=1.0)
    assert tally.commands == 0
    assert tally.dropped >= 1
    assert tally.missed > 0


def test_a_single_action_is_planned_where_the_last_one_led(bench: Any) -> None:
    one = bench(ControlPace(1, 0.5), limits=PATIENT, policy=Wander(horizon=1))
    tally = one.run(commands=4)
    assert (tally.missed, tally.dropped) == (0, 0)
    for step in one.witness.steps:
        assert step.plan.issued == step.number


@pytest.mark.parametrize("length", [1, 3])
def test_the_history_is_filled_with_the_first_reading_and_then_moves_on(bench: Any, length: int) -> None:
    one = bench(ControlPace(2, 0.1, history=length), limits=PATIENT)
    one.run(commands=6)
    first, *_, last = one.policy.seen
    assert first.shape == ((1, 4) if length == 1 else (1, 3, 4))
    if length == 3:
        np.testing.assert_array_equal(first[0, 0], first[0, 1])
        trail = np.array([[0.0, 0.0, 0.1], *one.robot.trail], np.float32)
        # The last observations are consecutive places of the trail.
        place = int(np.abs(trail - last[0, 2, :3].numpy()).sum(axis=1).argmin())
        np.testing.assert_allclose(last[0, 1, :3], trail[place - 1], atol=1e-6)
        np.testing.assert_allclose(last[0, 0, :3], trail[place - 2], atol=1e-6)


def test_the_same_seed_gives_the_same_candidates(bench: Any) -> None:
    first = [
        one.run(commands=3) and one.witness.plans[0].candidates
        for one in (bench(limits=PATIENT), bench(limits=PATIENT))
    ]
    np.testing.assert_array_equal(*first)


def test_candidates_that_the_filter_refuses_are_not_chosen(bench: Any) -> None:
    one = bench(limits=dataclasses.replace(PATIENT, acceleration=0.5), policy=Wander(size=1.0))
    one.run(commands=3)
    for plan in one.witness.plans:
        assert np.isfinite(plan.scores).sum() == len(plan.candidates) - plan.refused
        assert np.abs(plan.candidates[np.isfinite(plan.scores)]).max() < 0.6  # of 1.0 asked for
    assert one.witness.steps[0].clamped


@pytest.mark.parametrize(
    ("kind", "success", "cause"), [("success", True, "success"), ("failure", False, "failure"), ("quit", False, "quit")]
)
def test_the_operator_ends_an_episode(bench: Any, kind: str, success: bool, cause: str) -> None:
    one = bench(limits=PATIENT)
    one.later(0.3, lambda: one.runtime.request(kind, "looks done"))
    tally = one.run(seconds=5)
    assert (tally.success, tally.cause, tally.halted) == (success, cause, False)
    (event,) = [event for event in one.witness.events if event.kind == kind]
    assert event.cause == "looks done"
    assert event.detail["command"] == tally.commands


def test_the_operator_stops_at_once(bench: Any) -> None:
    one = bench(limits=PATIENT)
    asked = []
    one.later(0.3, lambda: (asked.append(one.clock()), one.runtime.request("stop")))
    tally = one.run(seconds=5)
    assert tally.halted
    assert tally.cause == "stopped by the operator"
    assert max(one.robot.named("execute")) <= one.robot.named("stop")[0]


def test_a_takeover_holds_until_it_is_given_back(bench: Any) -> None:
    one = bench(limits=PATIENT)
    one.later(0.3, lambda: one.runtime.request("takeover"))
    one.later(0.8, lambda: one.runtime.request("resume"))
    one.run(seconds=1.3)
    gaps = np.diff(one.robot.named("execute"))
    assert gaps.max() > 0.35
    assert [event.kind for event in one.witness.events if event.kind in ("takeover", "resume")] == [
        "takeover",
        "resume",
    ]
    assert any(event.cause == "the operator took over" for event in one.witness.events)


def test_asked_before_every_plan_the_operator_accepts_or_chooses_another(bench: Any) -> None:
    one = bench(ControlPace(1, 0.5, ask=True), limits=PATIENT, policy=Wander(horizon=1))
    one.later(0.4, lambda: one.runtime.request("accept"))
    one.later(0.8, lambda: one.runtime.request("correct", candidate=2))
    one.run(seconds=1.2)
    assert len(one.witness.steps) == 2
    np.testing.assert_array_equal(one.witness.steps[0].raw, one.witness.plans[0].raw[0])
    np.testing.assert_array_equal(one.witness.steps[1].raw, one.witness.plans[1].candidates[2, 0])


def test_an_answer_about_another_plan_or_no_candidate_leaves_the_robot_waiting(bench: Any) -> None:
    one = bench(ControlPace(1, 0.5, ask=True), limits=PATIENT, policy=Wander(horizon=1))
    asked: list[Any] = []

    def ask(plan: Any) -> None:
        if not asked:
            asked.append(plan)
            one.runtime.request("accept", sight=Sight("ann", plan))
            return
        asked.append(plan)
        one.runtime.request("accept", sight=Sight("ann", asked[0]))  # gone
        one.runtime.request("correct", candidate=99)
        one.runtime.request("correct", rank=9)
        one.later(0.3, lambda: one.runtime.request("quit"))

    one.witness.on_plan = ask
    one.run(seconds=60)
    assert len(one.witness.steps) == 1  # of the first plan
    kinds = [(event.kind, event.cause) for event in one.witness.events if event.kind in ("accept", "correct", "late")]
    assert kinds == [
        ("accept", ""),
        ("late", "accept of a plan that was gone"),
        *[("late", "there is no such candidate")] * 2,
    ]


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"deadline": 0.0}, {"late": "hope"}, {"stale": -1.0}, {"history": 0}])
def test_a_pace_that_makes_no_sense_is_refused(bench: Any, wrong: Any) -> None:
    with pytest.raises(ConfigError):
        bench(ControlPace(**wrong))


@pytest.mark.parametrize("call", ["observe", "execute"])
def test_a_run_comes_back_from_a_robot_that_hangs_and_the_next_one_is_refused(
    bench: Any, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_LEAVING", 0.1)
    one, release, hung = bench(limits=PATIENT, real=True), threading.Event(), threading.Event()
    dog = one.guard._watchdog

    def hang(name: str) -> None:
        if name == call and one.robot.named("execute"):
            dog.hold_after, dog.stop_after = 0.1, 0.3
            hung.set()
            assert release.wait(PATIENCE)

    one.robot.fault = hang
    tally = one.run()
    assert hung.is_set()
    assert tally.halted
    assert re.search(r"no command for .* s; a call of the robot has not come back", tally.cause)
    assert one.witness.ends == [tally.cause]
    steps = len(one.witness.steps)
    one.guard.reset("ann")
    with pytest.raises(SafetyError, match="has not come back from a call of the last run"):
        one.run()
    one.robot.fault = lambda name: None
    dog.hold_after, dog.stop_after = PATIENT.hold_after, PATIENT.stop_after
    release.set()
    until(lambda: all(done.done() for done in one.runtime._hanging))
    assert len(one.witness.steps) == steps  # nobody is told after the end
    if one.guard.state is State.HALTED:
        one.guard.reset("ann")
        one.guard.arm("ann")
    assert one.runtime.run(commands=2).commands == 2


def test_a_run_comes_back_from_a_reset_that_hangs_when_the_operator_stops(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_LEAVING", 0.1)
    one, release = bench(limits=PATIENT, real=True), threading.Event()
    reset = one.robot.reset

    def hang(*, seed: int | None = None) -> Any:
        one.runtime.request("stop")
        assert release.wait(PATIENCE)
        return reset(seed=seed)

    one.robot.reset = hang
    tally = one.run()
    assert (tally.halted, tally.commands) == (True, 0)
    assert tally.cause.startswith("stopped by the operator")
    release.set()
    until(lambda: all(done.done() for done in one.runtime._hanging))
    assert [name for name, _ in one.robot.calls] == ["stop", "reset", "stop"]


def test_a_run_comes_back_from_a_policy_that_hangs(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "_LEAVING", 0.1)
    one, release = bench(limits=PATIENT, real=True), threading.Event()
    one.policy.sample = lambda *args, **options: release.wait(PATIENCE)
    tally = one.run(seconds=0.2)
    assert (tally.cause, tally.halted, tally.commands) == ("0.2 s", False, 0)
    one.guard.arm("ann")
    with pytest.raises(SafetyError, match="has not come back from a call of the last run"):
        one.runtime.run()
    release.set()
