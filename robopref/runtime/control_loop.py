"""The loop: observe, plan, execute and notify at a fixed rate, planning while the last chunk is executed."""

from __future__ import annotations

import math
import queue
import time
from collections.abc import Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from robopref.errors import ConfigError, RoboprefError, SafetyError
from robopref.motion import Event, Plan, Reading, Sight, Step
from robopref.robot_protocols import Subscriber
from robopref.runtime.history import History
from robopref.runtime.intervention import Takeovers
from robopref.runtime.planner import Planner
from robopref.runtime.tally import Tally
from robopref.safety.clock import Clock
from robopref.safety.guard import Guard
from robopref.safety.states import State
from robopref.threads import Worker, start

_LATE = 0.4  # of a period by which a tick may come late
_EARLY = 0.1  # of a period by which one that comes after it may come sooner
_LEAVING = 2.0  # s after which calls of the robot or the policy that hang are left to themselves


@dataclass(frozen=True)
class ControlPace:
    """When to plan, and what to do when a plan is late.

    Attributes:
        steps: Commands of a plan after which the next plan is due; at most its horizon.
        deadline: Seconds that a plan may take.
        late: When a plan is late, ``hold`` the robot, or ``continue`` with the rest of the last chunk and then hold.
        stale: Oldest reading that a plan may come from, s.
        history: Observations that the policy sees.
        ask: Hold before every plan until the operator accepts or corrects it.
    """

    steps: int = 1
    deadline: float = 0.5
    late: Literal["hold", "continue"] = "hold"
    stale: float = 2.0
    history: int = 1
    ask: bool = False

    def __post_init__(self) -> None:
        if self.steps < 1 or not self.deadline > 0 or not self.stale > 0:
            raise ConfigError(
                f"pace needs steps >= 1, deadline > 0 and stale > 0, got {self.steps}, {self.deadline}, {self.stale}"
            )
        if self.late not in ("hold", "continue"):
            raise ConfigError(f"late must be 'hold' or 'continue', got {self.late!r}")


@dataclass
class _Course:
    """Where a run is."""

    plan: Plan | None = None
    at: int = 0  # next action of the plan
    until: int = 0  # where the next plan is due
    pending: Future[Plan | None] | None = None
    requested: float = 0.0
    left: bool = False  # the run was over before its thread came back
    paused: str = ""
    asking: bool = False
    reading: Reading | None = None  # the last one that could be trusted
    seconds: dict[str, float] = field(default_factory=dict[str, float])


class Runtime:
    """Runs one episode after the other on a guarded robot.

    Args:
        guard: The robot.
        planner: Plans.
        pace: When.
        subscribers: Are told of everything.
    """

    def __init__(
        self, guard: Guard, planner: Planner, pace: ControlPace | None = None, subscribers: Sequence[Subscriber] = ()
    ) -> None:
        self.guard, self.planner, self.pace = guard, planner, pace or ControlPace()
        self.subscribers = list(subscribers)
        self.tally = Tally()
        self._requests: queue.SimpleQueue[tuple[str, str, int | None, int | None, Sight]] = queue.SimpleQueue()
        self._history, self._takeovers = History(self.pace.history), Takeovers(guard.robot)
        self._course = _Course()
        self._hanging: list[Future[Any]] = []
        guard.notify, planner.clock = self.notify, guard.clock

    @property
    def reading(self) -> Reading | None:
        """The last reading that could be trusted; None before the first run."""
        return self._course.reading

    @property
    def plan(self) -> Plan | None:
        """The plan that is executed, or asked about; None if there is none."""
        return self._course.plan

    @property
    def waiting(self) -> tuple[bool, str]:
        """Whether the operator is asked about the plan, and why the robot is held otherwise; empty if it is not."""
        return self._course.asking, self._course.paused

    def request(
        self, kind: str, note: str = "", *, candidate: int | None = None, rank: int | None = None,
        sight: Sight | None = None,
    ) -> None:  # fmt: skip
        """Tell the loop what the operator did; from any thread.

        Args:
            kind: ``stop`` halts the robot at once; ``takeover`` holds it until ``resume``; ``accept`` lets a plan go on
                that was asked about, ``correct`` replaces it; ``success``, ``failure`` and ``quit`` end the episode;
                others are only recorded.
            note: In the operator's words.
            candidate: For ``correct``: index of the candidate to execute instead.
            rank: The same by its place, 1 for what was offered first: the best, unless the order was drawn.
            sight: Who does it, seeing what; a plan is accepted or corrected only while it is the one that was seen.
        """
        if kind == "stop":
            self.guard.halt("stopped by the operator")
        self._requests.put((kind, note, candidate, rank, sight or Sight()))

    def run(self, *, seed: int | None = None, commands: int | None = None, seconds: float | None = None) -> Tally:
        """Run an episode on an armed robot.

        The loop has a thread of its own, so that this comes back in any case: a call of the robot that hangs is left to
        itself soon after the robot was halted.

        Args:
            seed: Of the start, for simulations.
            commands: Most commands; None for any number.
            seconds: Longest time; None for any.

        Returns:
            What happened; the robot is then disarmed, or halted.

        Raises:
            SafetyError: The robot is not armed, or a call of the last run still hangs.
        """
        if self.guard.state is not State.ARMED:
            raise SafetyError(f"arm the robot before it runs; it is {self.guard.state.value}")
        if any(not one.done() for one in self._hanging):
            raise SafetyError("the robot or the policy has not come back from a call of the last run; start anew")
        self.tally, self._course = Tally(), _Course()
        self._history.clear()
        self._takeovers.forget()
        begun = self._clock()
        episode = start("robopref-loop", self._episode, seed, begun, commands, math.inf if seconds is None else seconds)
        try:
            self._come_back(episode)
            if episode.done():
                episode.result()
        except BaseException:  # an interrupt from the keyboard
            self._fail("interrupted")
            self._come_back(episode)
            raise
        finally:
            self._finish(episode, begun)
        return self.tally

    @property
    def _clock(self) -> Clock:
        return self.guard.clock

    def _come_back(self, episode: Future[None]) -> None:
        """Wait for the loop; not for long once the robot is halted."""
        halted = math.inf
        while not wait([episode], 0.1).done and time.monotonic() < halted + _LEAVING:
            if self.guard.state is State.HALTED:
                halted = min(halted, time.monotonic())

    def _episode(self, seed: int | None, begun: float, commands: int | None, seconds: float) -> None:
        planning, course = Worker("robopref-planner"), self._course
        try:
            reading = course.reading = self.guard.begin(seed=seed)
            self._history.add(reading)
            for subscriber in self.subscribers:
                subscriber.on_reset(reading)
            self._loop(planning, begun, commands, seconds)
            self._given_back()
        except RoboprefError as error:
            self._fail(str(error))
        except Exception as error:
            self._fail(f"{type(error).__name__}: {error}")
        finally:
            planning.close()

    def _loop(self, planning: Worker, begun: float, commands: int | None, seconds: float) -> None:
        spec, tally, course = self.guard.spec, self.tally, self._course
        tick = self._clock()
        while True:
            tick = self._wait(tick)
            tally.ticks += 1
            entered = self._clock()
            reading, distrust = self.guard.observe()
            course.seconds = {"observe": self._clock() - entered}
            if course.left:
                return
            if not distrust:
                self._history.add(reading)
                course.reading = reading
                self._takeovers.see(reading)
            cause = self._operator() or self._over(None if distrust else reading, begun, commands, seconds)
            if cause:
                tally.cause = cause
                return
            self._collect()
            self._ask(planning, reading, distrust)
            if self._act(reading, distrust, entered) and spec.primitive:
                # The motion took its time; the next tick begins now.
                tick = self._clock()

    def _wait(self, last: float) -> float:
        """Sleep until the next tick, and say when it was due; one that is late moves those after it."""
        period = self.guard.spec.period
        due, now = last + period, self._clock()
        if now < due:
            self._clock.sleep(due - now)
        elif now > due + _LATE * period:
            self.tally.overrun += 1
        # Ticks that made up for a late one would come sooner than the robot can follow.
        now = self._clock()
        return due if now < due + _EARLY * period else now

    def _over(self, reading: Reading | None, begun: float, commands: int | None, seconds: float) -> str:
        """Why the episode is over; empty if it is not."""
        if self.guard.state is not State.RUNNING:
            return self.guard.cause or "disarmed"
        if reading is not None and reading.success:
            self.tally.success = True
            return "success"
        if reading is not None and reading.ended:
            return "the episode is over"
        if commands is not None and self.tally.commands >= commands:
            return f"{commands} commands"
        if self._clock() - begun > seconds:
            return f"{seconds:g} s"
        return ""

    def _operator(self) -> str:
        """Record what the operator did; says why the episode is over if that ended it."""
        ended = ""
        while True:
            try:
                kind, note, candidate, place, sight = self._requests.get_nowait()
            except queue.Empty:
                return ended
            plan = self._course.plan
            if kind in ("accept", "correct") and sight.plan is not None and sight.plan is not plan:
                note, kind = f"{kind} of a plan that was gone {note}".rstrip(), "late"
            elif kind == "correct":
                candidate = self._correct(candidate, place)
                if candidate is None:
                    note, kind = f"there is no such candidate {note}".rstrip(), "late"
            known = {"candidate": candidate, "by": sight.by or None, "shown": list(sight.shown) or None}
            detail = {"command": self.tally.commands} | {name: it for name, it in known.items() if it is not None}
            self.notify(Event(kind, self._clock(), note, detail, sight.plan or plan))
            if kind == "takeover":
                self._takeovers.begin(self._course.plan, self._course.at, self._course.reading)
                self._course.paused, self._course.plan = "the operator took over", None
            elif kind == "resume":
                self._course.paused = ""
                self._given_back()
            elif kind in ("accept", "correct"):
                self._course.asking = False
            elif kind in ("success", "failure", "quit"):
                self.tally.success = kind == "success"
                ended = ended or kind

    def _given_back(self) -> None:
        """Tell what an operator did who had taken over."""
        if (event := self._takeovers.end(self._clock())) is not None:
            self.notify(event)

    def _correct(self, candidate: int | None, place: int | None) -> int | None:
        """Put another candidate in the place of the chosen one; None if that is not possible."""
        plan = self._course.plan
        if plan is not None and place is not None and 1 <= place <= len(plan.places):
            candidate = plan.places[place - 1]
        if plan is None or candidate is None or not 0 <= candidate < len(plan.candidates):
            return None
        chunk = plan.candidates[candidate]
        self._course.plan = replace(plan, raw=chunk, safe=chunk, index=candidate)
        return candidate

    def _collect(self) -> None:
        """Take a plan that is ready, if it is still of use."""
        course, tally = self._course, self.tally
        if course.pending is None or not course.pending.done():
            return
        plan, course.pending = course.pending.result(), None
        tally.plans += 1
        if plan is None:
            tally.refused += 1
            self.notify(Event("refused", self._clock(), "the safety filter refuses every candidate"))
            return
        for subscriber in self.subscribers:
            subscriber.on_plan(plan)
        # What was executed since the observation is over; while the robot was held, nothing was.
        skip = tally.commands - plan.issued
        if course.paused or skip >= len(plan.safe) or self._clock() - plan.reading.time > self.pace.stale:
            tally.dropped += 1
            return
        course.plan, course.at = plan, skip
        course.until, course.asking = min(skip + self.pace.steps, len(plan.safe)), self.pace.ask

    def _ask(self, planning: Worker, reading: Reading, distrust: str) -> None:
        """Ask for a plan if one will be due by the time that it is ready."""
        course = self._course
        if course.pending is not None or course.paused or course.asking or distrust:
            return
        if course.plan is not None:
            ahead = min(math.ceil(self.pace.deadline / self.guard.spec.period), len(course.plan.safe) - 1)
            if course.until - course.at > ahead:
                return
        course.requested = self._clock()
        observation = self._history.observation(self.planner.device)
        course.pending = planning.submit(
            self.planner.plan, observation, reading, self.tally.commands, self.guard.screen
        )

    def _act(self, reading: Reading, distrust: str, entered: float) -> bool:
        """Execute the next action, or hold; says whether one was executed."""
        course, tally, plan = self._course, self.tally, self._course.plan
        overdue = course.pending is not None and self._clock() - course.requested > self.pace.deadline
        late = plan is not None and course.at >= course.until and len(plan.safe) > 1
        if not course.paused and ((overdue and (plan is None or course.at >= course.until)) or late):
            tally.missed += 1
        if plan is not None and course.asking:
            tally.waited += 1
            self.guard.hold("waiting for the operator to accept the plan")
            return False
        last = 0 if plan is None else course.until if self.pace.late == "hold" else len(plan.safe)
        if plan is None or course.at >= last:
            if not (late or overdue):
                tally.waited += 1
            self.guard.hold(course.paused or distrust or "waiting for a plan")
            return False
        raw, number = plan.raw[course.at], tally.commands
        before = self._clock()
        verdict, executed = self.guard.execute(raw)
        if course.left:
            return False
        if executed is None or verdict.command is None:
            tally.refused += 1
            course.plan = None
            return False
        course.seconds |= {"execute": self._clock() - before, "tick": self._clock() - entered}
        course.at += 1
        tally.commands += 1
        tally.clamped += bool(verdict.clamped)
        step = Step(number, reading, raw, executed, verdict.command, verdict.clamped, plan, dict(course.seconds))
        for subscriber in self.subscribers:
            subscriber.on_step(step)
        return True

    def notify(self, event: Event) -> None:
        """Tell every subscriber of an event."""
        for subscriber in self.subscribers:
            subscriber.on_event(event)

    def _fail(self, cause: str) -> None:
        if not self._course.left:
            self.guard.halt(cause)
            self.tally.cause = self.guard.cause

    def _finish(self, episode: Future[None], begun: float) -> None:
        tally, course = self.tally, self._course
        if not episode.done():
            course.left = True
            tally.cause = f"{self.guard.cause}; a call of the robot has not come back"
        reading, tally.seconds, tally.halted = course.reading, self._clock() - begun, self.guard.state is State.HALTED
        if not tally.halted:
            self._end(tally)
        self._hanging = [episode, *([] if course.pending is None else [course.pending])]
        wait(self._hanging[1:], _LEAVING)  # the next episode is planned by the same policy
        for subscriber in self.subscribers:
            try:
                subscriber.on_end(reading, tally.cause)
            except Exception as error:  # the others still have to close their files
                tally.cause = f"{tally.cause}; {type(subscriber).__name__}: {error}"

    def _end(self, tally: Tally) -> None:
        try:
            self.guard.end(tally.cause)
        except RoboprefError as error:
            tally.cause, tally.halted = str(error), True
