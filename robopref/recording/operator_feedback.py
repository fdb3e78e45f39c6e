"""What the operator did about the robot's decisions, as labels in the making."""

from __future__ import annotations

import json
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.data.labels.operator_acts import DeploymentEvent, EventKind
from robopref.motion import Event, Intervention, Plan, Reading, Step
from robopref.recording.lines import LineFile
from robopref.records import Array
from robopref.safety.clock import Clock

# What an operator's act says about a decision; other events say nothing about it.
_KINDS: dict[str, EventKind] = {
    "accept": "accept", "correct": "correct", "takeover": "takeover", "stop": "abort", "undo": "undo",
    "reuse": "reuse", "success": "success", "failure": "failure",
}  # fmt: skip
# Of how things went, which may be due to what was executed before.
_OUTCOMES = ("success", "failure", "abort", "takeover")
_PLANS = 64  # of which the last are known: an act comes soon after what it is about
_BACK = 8  # decisions before an outcome that are told with it


@dataclass(eq=False)
class _Decision:
    number: int
    plan: Plan
    seen: float | None  # when it was there to see
    executed: bool = False
    told: bool = False


class OperatorFeedback:
    """Appends one JSON line for every act of the operator to a file that ``robopref labels import`` reads.

    Args:
        path: File to append to.
        operator: Who did what nobody put a name to.
        episode: Number of the first episode.
        clock: That events are told by; None does not know how fast an act came.
        scene: Name of the scene that is set up.

    Raises:
        DataError: The file cannot be written.
    """

    def __init__(
        self, path: Path, operator: str = "operator", episode: int = 0, *, clock: Clock | None = None, scene: str = ""
    ) -> None:
        self.path, self.operator, self._clock, self._scene = path, operator, clock, scene
        self._episode, self._decision, self._by = episode - 1, -1, operator
        self._plans: deque[_Decision] = deque(maxlen=_PLANS)
        self._file = LineFile(path)

    def on_reset(self, reading: Reading) -> None:
        """An episode begins."""
        self._episode, self._decision = self._episode + 1, -1
        self._plans.clear()

    def on_plan(self, plan: Plan) -> None:
        """The decision that acts are about."""
        self._decision += 1
        self._plans.append(_Decision(self._decision, plan, None if self._clock is None else self._clock()))

    def on_step(self, step: Step) -> None:
        """Steps belong to a decision, which was executed."""
        for one in reversed(self._plans):
            if one.plan.candidates is step.plan.candidates:
                one.executed = True
                break

    def on_event(self, event: Event) -> None:
        """Write what the operator did, if there is a decision that it is about."""
        if event.intervention is not None:
            self._write_intervention(event, event.intervention)
            return
        if event.kind == "takeover":
            self._by = event.detail.get("by") or self.operator
        kind, candidate = _KINDS.get(event.kind), event.detail.get("candidate")
        if kind is None or not self._plans or (kind == "correct" and candidate is None):
            return
        # A corrected plan keeps the candidates of the one that was made.
        about = event.plan or self._plans[-1].plan
        found = next((one for one in self._plans if one.plan.candidates is about.candidates), None)
        if found is None:
            return
        operator = event.detail.get("by") or self.operator
        if kind in _OUTCOMES:
            self._write_passed(found.number, operator)
        found.told = True
        self._write(
            kind, found.number, about.candidates, about.index, about.reading,
            shown=tuple(event.detail.get("shown", ())), operator=operator,
            corrected=None if kind != "correct" else about.candidates[candidate], order=about.order,
            chances=about.chances, seconds=None if found.seen is None else max(0.0, event.time - found.seen),
        )  # fmt: skip

    def _write_passed(self, number: int, operator: str) -> None:
        """What was executed before an outcome that it may have led to, once."""
        for one in self._plans:
            if number - _BACK <= one.number < number and one.executed and not one.told:
                one.told, plan = True, one.plan
                self._write(
                    "passed", one.number, plan.candidates[plan.index][None], 0, plan.reading, operator=operator
                )  # fmt: skip

    def _write_intervention(self, event: Event, done: Intervention) -> None:
        """What was done by hand is better than what was planned there."""
        if done.planned is None:
            return
        rows = np.minimum(np.arange(len(done.planned)), len(done.actions) - 1)
        found = [one.number for one in self._plans if one.plan is event.plan] or [max(self._decision, 0)]
        self._write(
            "takeover",
            found[0],
            done.planned[None],
            0,
            done.readings[0],
            operator=self._by,
            corrected=done.actions[rows],
        )

    def _write(
        self, kind: EventKind, decision: int, candidates: Array, executed: int, reading: Reading, **known: Any
    ) -> None:
        parts = {name: _plain(part) for name, part in reading.observation.parts.items()}
        parts = {name: part for name, part in parts.items() if part.size}
        own: dict[str, Any] = {name: parts.pop(name) for name in ("points", "proprio") if name in parts}
        if "proprio" not in own:  # which a cloud is nothing without
            own.pop("points", None)
        told = DeploymentEvent(
            kind, time.time(), self._episode, decision, candidates, executed, **known, **own, others=parts,
            scene=self._scene,
        )  # fmt: skip
        self._file.write(json.dumps(told.to_json()))

    def on_end(self, reading: Reading | None, cause: str) -> None:
        """The file stays open for the next episode."""

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _plain(part: Any) -> NDArray[Any]:
    """A part of an observation as events keep it: bytes of pictures as they are, everything else as float32."""
    found = np.asarray(part)
    return found if found.dtype == np.uint8 else found.astype(np.float32)
