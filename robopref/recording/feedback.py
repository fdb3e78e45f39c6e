"""What the operator did about the robot's decisions, as labels in the making."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from robopref.data.events import DeploymentEvent, EventKind
from robopref.motion import Event, Plan, Reading, Step
from robopref.recording.lines import LineFile
from robopref.types import Array

# What an operator's act says about a decision; other events say nothing about it.
_KINDS: dict[str, EventKind] = {
    "accept": "accept", "correct": "correct", "takeover": "takeover", "stop": "abort", "undo": "undo",
    "reuse": "reuse", "success": "success", "failure": "failure",
}  # fmt: skip


class OperatorFeedback:
    """Appends one JSON line for every act of the operator to a file that ``robopref labels import`` reads.

    Args:
        path: File to append to.
        operator: Name of the operator.
        episode: Number of the first episode.

    Raises:
        DataError: The file cannot be written.
    """

    def __init__(self, path: Path, operator: str = "operator", episode: int = 0) -> None:
        self.path, self.operator = path, operator
        self._episode, self._decision = episode - 1, -1
        self._plan: Plan | None = None
        self._chosen = 0
        self._file = LineFile(path)

    def on_reset(self, reading: Reading) -> None:
        """An episode begins."""
        self._episode, self._decision, self._plan = self._episode + 1, -1, None

    def on_plan(self, plan: Plan) -> None:
        """The decision that acts are about."""
        self._decision, self._plan = self._decision + 1, plan
        self._chosen = plan.index

    def on_step(self, step: Step) -> None:
        """Steps belong to the decision."""

    def on_event(self, event: Event) -> None:
        """Write what the operator did, if there is a decision that it is about."""
        kind, candidate = _KINDS.get(event.kind), event.detail.get("candidate")
        if kind is None or self._plan is None or (kind == "correct" and candidate is None):
            return
        corrected = None if kind != "correct" else self._plan.candidates[candidate]
        line = json.dumps(
            _told(kind, self._episode, self._decision, self._plan, self._chosen, corrected, self.operator)
        )
        self._file.write(line)
        if candidate is not None:
            self._chosen = int(candidate)

    def on_end(self, reading: Reading | None, cause: str) -> None:
        """The file stays open for the next episode."""

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _told(
    kind: EventKind, episode: int, decision: int, plan: Plan, chosen: int, corrected: Array | None, operator: str
) -> dict[str, Any]:
    """A deployment event as plain JSON values."""
    seen = plan.reading.observation
    parts: dict[str, Any] = {} if seen.points is None else {
        name: np.asarray(getattr(seen, name), np.float32) for name in ("points", "proprio")
    }  # fmt: skip
    return DeploymentEvent(
        kind, time.time(), episode, decision, plan.candidates, chosen, corrected=corrected, operator=operator, **parts
    ).to_json()
