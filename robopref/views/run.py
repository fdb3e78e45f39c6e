"""A run as a page shows it: a subscriber that keeps the newest of everything, and what is told of it."""

from __future__ import annotations

import base64
import json
import math
import threading
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.motion import Command, Event, Plan, Reading, RobotSpec, Sight, Step, standing
from robopref.recording.timing import Timing
from robopref.records import ActionGeometry
from robopref.robot_protocols import ActionMap
from robopref.runtime.control_loop import Runtime
from robopref.runtime.recovery import Recovery

STAGES = ("observe", "execute", "tick", "sample", "filter", "rank", "plan", "period")
_EVENTS = 8  # of which the last are kept
_PLANS = 32  # likewise; a press comes soon after what was seen


class RunView:
    """Keeps the newest plan and the last events; all else is looked up when somebody looks.

    The loop only puts references in their places, so nothing that a page does, or fails to do, costs it any time, and
    nothing piles up.

    Args:
        runtime: What is run.
        timing: Of the same run.
        geometry: Of the task, for the names of the tool points and where to look; None goes by the cloud.
        recovery: Asks what becomes of a halted run.
    """

    def __init__(
        self, runtime: Runtime, timing: Timing, geometry: ActionGeometry | None = None,
        recovery: Recovery | None = None,
    ) -> None:  # fmt: skip
        self.runtime, self.recovery = runtime, recovery or Recovery(runtime.guard)
        self._timing, self._geometry = timing, geometry
        self._plan: Plan | None = None
        self._events: deque[Event] = deque(maxlen=_EVENTS)
        self._cause = ""
        self._episode = 0
        self._drawn: tuple[Plan, NDArray[np.float64]] | None = None
        self._seen: tuple[list[float], float] | None = None
        self._numbers: deque[tuple[int, Plan | None]] = deque([(0, None)], maxlen=_PLANS)
        self._lock = threading.Lock()

    def on_reset(self, reading: Reading) -> None:
        """An episode begins."""
        self._plan, self._cause, self._episode = None, "", self._episode + 1

    def on_plan(self, plan: Plan) -> None:
        """Keep the newest plan."""
        self._plan = plan

    def on_step(self, step: Step) -> None:
        """Steps are counted by the runtime."""

    def on_event(self, event: Event) -> None:
        """Keep the last few events."""
        self._events.append(event)

    def on_end(self, reading: Reading | None, cause: str) -> None:
        """Keep why it ended."""
        self._cause = cause

    def state(self) -> dict[str, Any]:
        """Where the run is, in values that JSON has."""
        runtime, (number, plan) = self.runtime, self._numbered()
        guard, tally = runtime.guard, runtime.tally
        period = self._timing.quantile("period", 0.5)
        asking, paused = runtime.waiting
        person, principle = runtime.planner.person, runtime.planner.principle
        return {
            "robot": guard.spec.name, "state": guard.state.value, "cause": guard.cause, "ended": self._cause,
            "episode": self._episode, "rate": None if math.isnan(period) else 1 / period,
            "commands": tally.commands, "clamped": tally.clamped, "refused": tally.refused, "missed": tally.missed,
            "ticks": tally.ticks, "dropped": tally.dropped, "asking": asking, "paused": paused,
            "recovery": self.recovery.offered, "persons": [] if person is None else list(person.names),
            "person": None if person is None else person.chosen,
            "principles": None if principle is None else list(principle.offered),
            "principle": "" if principle is None else principle.chosen or "",
            "plan": None if plan is None else {
                "number": number, "places": len(plan.places), "index": plan.index,
                "candidates": len(plan.candidates), "refused": plan.refused,
                "score": _finite(_shown_scores(plan)[plan.index]), "margin": _finite(plan.margin),
            },
            "stages": [
                [stage, *(1000 * self._timing.quantile(stage, share) for share in (0.5, 0.99))] for stage in STAGES
                if not math.isnan(self._timing.quantile(stage, 0.5))
            ],
            "events": [[event.kind, event.cause] for event in tuple(self._events)],
        }  # fmt: skip

    def scene(self) -> dict[str, Any] | None:
        """What there is to draw; None before anything was read."""
        reading, (number, plan) = self.runtime.reading, self._numbered()
        if reading is None:
            return None
        points = reading.observation.points
        cloud = np.zeros((0, 3), np.float32) if points is None else np.asarray(points, np.float32)[:, :3]
        center, radius = self._where(cloud)
        paths = np.zeros((0, 1, 1, 3)) if plan is None else self._paths(plan)
        names = [] if self._geometry is None else list(self._geometry.labels)
        count = paths.shape[2]
        return {
            "cloud": base64.b64encode(cloud.astype("<f4").tobytes()).decode(),
            "paths": paths.round(4).tolist(), "labels": names if len(names) == count else [""] * count,
            "scores": [] if plan is None else [_finite(score) for score in _shown_scores(plan)],
            "number": number, "ranked": [] if plan is None else list(plan.places),
            "index": None if plan is None else plan.index, "center": center, "radius": radius,
            "tool": [round(float(value), 4) for value in reading.tool],
        }  # fmt: skip

    def tell(self, seen: object = None) -> tuple[str, object]:
        """What is new as text of server-sent events, and what to give as `seen` the next time."""
        told = [_event("state", self.state())]
        now = (self.runtime.reading, self._shown())
        known = isinstance(seen, tuple) and all(one is other for one, other in zip(seen, now, strict=True))
        if not known and (scene := self.scene()) is not None:
            told.append(_event("scene", scene))
        return "".join(told), now

    def sight(self, who: str, number: int | None, shown: Sequence[int]) -> Sight | None:
        """What somebody saw who was shown a plan of some number.

        Args:
            who: Their name.
            number: Of the plan; None if they were shown none.
            shown: Indices of the candidates that were drawn.

        Returns:
            It, without a plan if that is long gone; None if the plan has no such candidates.
        """
        self._numbered()
        plan = next((plan for known, plan in tuple(self._numbers) if known == number), None)
        if plan is None:
            return Sight(who)
        fits = len(set(shown)) == len(shown) and all(0 <= index < len(plan.candidates) for index in shown)
        return Sight(who, plan, tuple(shown)) if fits else None

    def _numbered(self) -> tuple[int, Plan | None]:
        """The plan that is shown, and how many were before it."""
        with self._lock:
            number, known = self._numbers[-1]
            plan = self._shown()
            if plan is not known:
                self._numbers.append((number + 1, plan))
            return self._numbers[-1]

    @property
    def plan(self) -> Plan | None:
        """The plan that is shown."""
        return self._numbered()[1]

    def _shown(self) -> Plan | None:
        """The plan that is executed, which the operator may have corrected, or else the newest."""
        return self.runtime.plan or self._plan

    def _where(self, cloud: NDArray[np.float32]) -> tuple[list[float], float]:
        if self._seen is None:
            if self._geometry is not None and self._geometry.origin is None:
                self._seen = self._geometry.offset.mean(axis=0).tolist(), float(self._geometry.radius)
            elif len(cloud):
                low, high = cloud.min(axis=0), cloud.max(axis=0)
                self._seen = ((low + high) / 2).tolist(), max(0.1, 0.7 * float(np.linalg.norm(high - low)))
            else:
                return [0.0, 0.0, 0.0], 0.5
        return self._seen

    def _paths(self, plan: Plan) -> NDArray[np.float64]:
        if self._drawn is None or self._drawn[0] is not plan:
            guard = self.runtime.guard
            self._drawn = plan, tool_paths(plan.candidates, plan.reading, guard.robot.actions, guard.spec)
        return self._drawn[1]


def tool_paths(
    chunks: NDArray[np.float32], reading: Reading, actions: ActionMap, spec: RobotSpec
) -> NDArray[np.float64]:
    """Where the tool would go.

    Args:
        chunks: (N, H, A).
        reading: Where they begin.
        actions: What they mean.
        spec: What commands the robot takes.

    Returns:
        (N, H, L, 3) m, zeros where a chunk is not finite; L is 0 for robots that are told joint angles only.
    """
    known = np.where(np.isfinite(chunks).all(axis=(1, 2), keepdims=True), chunks, 0)
    origin = _repeated(standing(reading, spec), len(chunks))
    found: list[NDArray[np.float64]] = []
    for step in range(chunks.shape[1]):
        origin = actions.to_command(known[:, step], origin)
        found.append(np.asarray(origin.points, np.float64))
    return np.stack(found, axis=1)


def _repeated(command: Command, count: int) -> Command:
    parts = command.parts().values()
    return Command(*(None if part is None else np.repeat(part[None], count, axis=0) for part in parts))  # type: ignore[arg-type]


def _shown_scores(plan: Plan) -> NDArray[np.float32]:
    """Scores as they are shown: of a drawn order by place, so that colours do not tell what the reward likes."""
    if not plan.order:
        return plan.scores
    shown, places = np.full_like(plan.scores, np.nan), list(plan.order)
    shown[places] = np.sort(plan.scores[places])[::-1]
    return shown


def _finite(value: float) -> float | None:
    return round(float(value), 5) if math.isfinite(value) else None


def _event(kind: str, content: dict[str, Any] | Sequence[Any]) -> str:
    return f"event: {kind}\ndata: {json.dumps(content, allow_nan=False)}\n\n"
