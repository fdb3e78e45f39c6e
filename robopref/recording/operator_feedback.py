"""What the operator did about the robot's decisions, as labels in the making."""

from __future__ import annotations

import json
import time
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.data.labels.operator_acts import DeploymentEvent, EventKind
from robopref.motion import Event, Intervention, Plan, Reading, Step
from robopref.recording.lines import LineFile
from robopref.records import Array

# What an operator's act says about a decision; other events say nothing about it.
_KINDS: dict[str, EventKind] = {
    "accept": "accept", "correct": "correct", "takeover": "takeover", "stop": "abort", "undo": "undo",
    "reuse": "reuse", "success": "success", "failure": "failure",
}  # fmt: skip
_PLANS = 64  # of which the last are known: an act comes soon after what it is about


class OperatorFeedback:
    """Appends one JSON line for every act of the operator to a file that ``robopref labels import`` reads.

    Args:
        path: File to append to.
        operator: Who did what nobody put a name to.
        episode: Number of the first episode.

    Raises:
        DataError: The file cannot be written.
    """

    def __init__(self, path: Path, operator: str = "operator", episode: int = 0) -> None:
        self.path, self.operator = path, operator
        self._episode, self._decision, self._by = episode - 1, -1, operator
        self._plans: deque[tuple[int, Plan]] = deque(maxlen=_PLANS)
        self._file = LineFile(path)

    def on_reset(self, reading: Reading) -> None:
        """An episode begins."""
        self._episode, self._decision = self._episode + 1, -1
        self._plans.clear()

    def on_plan(self, plan: Plan) -> None:
        """The decision that acts are about."""
        self._decision += 1
        self._plans.append((self._decision, plan))

    def on_step(self, step: Step) -> None:
        """Steps belong to the decision."""

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
        about = event.plan or self._plans[-1][1]
        found = [number for number, plan in self._plans if plan.candidates is about.candidates]
        if not found:
            return
        self._write(
            kind, found[0], about.candidates, about.index, about.reading, shown=tuple(event.detail.get("shown", ())),
            operator=event.detail.get("by") or self.operator,
            corrected=None if kind != "correct" else about.candidates[candidate],
        )  # fmt: skip

    def _write_intervention(self, event: Event, done: Intervention) -> None:
        """What was done by hand is better than what was planned there."""
        if done.planned is None:
            return
        rows = np.minimum(np.arange(len(done.planned)), len(done.actions) - 1)
        found = [number for number, plan in self._plans if plan is event.plan] or [max(self._decision, 0)]
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
            kind, time.time(), self._episode, decision, candidates, executed, **known, **own, others=parts
        )
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
