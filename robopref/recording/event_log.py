"""What happened, one JSON object a line."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from robopref.motion import Event, Plan, Reading, Step
from robopref.recording.lines import LineFile
from robopref.safety.clock import Clock

_ALWAYS = ("armed", "running", "held", "halted", "reset", "disarmed", "refused", "stop failed")


class EventLog:
    """Appends events, plans and commands to a file; a line is in the system's hands when it is written.

    Every line has ``kind``, ``time`` (s since the epoch), ``monotonic`` (s), ``episode`` and ``command`` (how many were
    executed before). A step has the raw and the executed action, the command in physical units, and what clamped it; a
    plan its score, margin and times, and of a drawn order the places and chances; what the operator did, and whatever
    held or halted the robot, its ``cause``.

    Args:
        path: File to append to.
        run: Name of the run, in every line.
        episode: Number of the first episode.
        clock: That of the guard.
        marks: Further values of every episode, looked up when it begins.

    Raises:
        DataError: The file cannot be written.
    """

    def __init__(
        self,
        path: Path,
        run: str = "",
        episode: int = 0,
        *,
        clock: Clock | None = None,
        marks: Mapping[str, Any] | None = None,
    ) -> None:
        self.path, self.run, self._marks = path, run, marks if marks is not None else {}
        self._lock, self._episode, self._command = threading.Lock(), episode - 1, 0
        self._clock = clock or Clock()
        self._offset = time.time() - self._clock()
        self._file = LineFile(path)

    def on_reset(self, reading: Reading) -> None:
        """An episode begins."""
        self._episode, self._command = self._episode + 1, 0
        self._write("episode", reading.time, **self._marks)

    def on_plan(self, plan: Plan) -> None:
        """Write what was chosen, and from what."""
        self._write(
            "plan", plan.reading.time, index=plan.index, candidates=len(plan.candidates), refused=plan.refused,
            score=float(plan.scores[plan.index]), margin=plan.margin, raw=plan.raw.tolist(), safe=plan.safe.tolist(),
            seconds={name: round(value, 6) for name, value in plan.seconds.items()},
            **({"order": list(plan.order), "chances": list(plan.chances)} if plan.order else {}),
        )  # fmt: skip

    def on_step(self, step: Step) -> None:
        """Write what was executed."""
        self._write(
            "step", step.reading.time, raw=step.raw.tolist(), action=step.action.tolist(),
            sent=step.command.vector().tolist(), clamped=list(step.clamped),
        )  # fmt: skip
        self._command = step.number + 1

    def on_event(self, event: Event) -> None:
        """Write an event."""
        known = {} if event.kind in _ALWAYS else {"operator": True}
        self._write(event.kind, event.time, cause=event.cause, **known, **event.detail)

    def on_end(self, reading: Reading | None, cause: str) -> None:
        """Write why the episode ended."""
        success = None if reading is None else reading.success
        self._write("end", self._clock(), cause=cause, success=success)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()

    def _write(self, kind: str, moment: float, **content: Any) -> None:
        line = {
            "kind": kind, "time": round(moment + self._offset, 4), "monotonic": round(moment, 4), "run": self.run,
            "episode": self._episode, "command": self._command,
        } | content  # fmt: skip
        try:
            text = json.dumps(line, allow_nan=False)
        except ValueError:
            text = json.dumps(_told(line), allow_nan=False)
        with self._lock:
            if not self._file.closed:
                self._file.write(text)


def _told(value: Any) -> Any:
    """The same with what JSON has no number for as words."""
    if isinstance(value, dict):
        return {key: _told(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_told(inner) for inner in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
