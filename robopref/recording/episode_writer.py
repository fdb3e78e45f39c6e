"""Every episode of a run becomes an episode of a replay store; of a killed one at most the last step is lost."""

from __future__ import annotations

import glob
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.data.episodes.store import EpisodeStore
from robopref.errors import ConflictError, DataError
from robopref.motion import Command, Event, Plan, Reading, Step
from robopref.recording.journal import Journal, abandoned, read_journal

_SUFFIX = ".journal"
_ENDS = ("terminated", "truncated")
_ACTORS = ("operator", "corrected", "taken_over")


class EpisodeWriter:
    """Writes what was executed to a store, one row a command, with the keys of demonstrations and more.

    What was observed, ``action`` (what was executed), ``raw_action`` (what the policy asked for), ``command`` (in
    physical units), ``tool``, ``time`` (s since the episode began), ``clamped``, ``score``, ``margin``, ``progress``,
    ``next_progress``, ``terminated`` and ``truncated``; and who acted: ``operator`` is true where the operator moved
    the robot by hand, ``corrected`` where they chose the chunk, ``taken_over`` of the last step before they took over.
    What was done by hand is told as the actions that would have done it, with a score and margin of zero. Steps go to a
    journal beside the store at once, and from there to the store when the episode ends; journals that a killed process
    left are taken up when a writer is made.

    Args:
        path: The store; made if there is none.
        attributes: What to remember about the data if it is made.
        marks: Further values of every step, looked up when it is executed, such as which of two planners chose it; a
            store has the same of them for all its episodes.

    Attributes:
        recovered: Steps of interrupted episodes that were taken up.

    Raises:
        DataError: The store is damaged, or cannot be written.
    """

    def __init__(self, path: Path, attributes: Mapping[str, Any], marks: Mapping[str, Any] | None = None) -> None:
        self.path, self._marks = path, marks if marks is not None else {}
        self.store = EpisodeStore.open(path, "a") if path.exists() else EpisodeStore.create(path, dict(attributes))
        self.recovered = sum(map(self._take_up_abandoned, _journals(path)))
        self._journal: Journal | None = None
        self._row: dict[str, NDArray[Any]] | None = None
        self._begun = 0.0
        # What was recorded before these were known goes on without.
        self._flagged = not len(self.store) or set(_ACTORS) <= set(self.store.keys)
        self._corrected: Any = None

    def on_reset(self, reading: Reading) -> None:
        """Begin an episode."""
        self._row, self._corrected, self._begun = None, None, reading.time

    def on_plan(self, plan: Plan) -> None:
        """Steps know their plan."""

    def on_step(self, step: Step) -> None:
        """Write the step before, now that it is known where it led."""
        self._write(step.reading, terminated=False, truncated=False)
        plan = step.plan
        self._begin(
            step.reading, step.action, step.command, raw_action=np.asarray(step.raw, np.float32),
            clamped=np.bool_(bool(step.clamped)), score=_finite(plan.scores[plan.index]), margin=_finite(plan.margin),
            corrected=np.bool_(plan.candidates is self._corrected),
        )  # fmt: skip

    def on_event(self, event: Event) -> None:
        """Write what an operator did by hand; other events have a file of their own."""
        if event.kind == "correct" and event.plan is not None:
            self._corrected = event.plan.candidates
        if event.kind == "takeover" and self._row is not None and self._flagged:
            self._row["taken_over"] = np.asarray(True)
        done = event.intervention
        if done is None or not self._flagged:
            return
        for reading, command, action in zip(done.readings, done.commands, done.actions, strict=False):
            self._write(reading, terminated=False, truncated=False)
            self._begin(reading, action, command, operator=np.bool_(True))

    def _begin(self, reading: Reading, action: NDArray[np.float32], command: Command, **known: Any) -> None:
        """A step, of which it is not yet known where it leads."""
        action = np.asarray(action, np.float32)
        row: dict[str, Any] = {
            **{name: np.asarray(part) for name, part in reading.observation.parts.items()},
            "action": action,
            "raw_action": action,
            "command": command.vector().astype(np.float64),
            "tool": np.asarray(reading.tool, np.float64),
            "time": np.float64(reading.time - self._begun),
            "clamped": np.bool_(False),
            "score": np.float32(0.0),
            "margin": np.float32(0.0),
            "progress": _finite(reading.progress),
            **dict.fromkeys(_ACTORS, np.bool_(False)),
            **{name: np.asarray(value) for name, value in self._marks.items()},
            **known,
        }
        self._row = {name: value for name, value in row.items() if self._flagged or name not in _ACTORS}

    def on_end(self, reading: Reading | None, cause: str) -> None:
        """Move the episode from the journal to the store."""
        if reading is not None:
            self._write(reading, terminated=reading.success, truncated=not reading.success)
        if self._journal is None:
            return
        journal, self._journal = self._journal, None
        try:
            self._take_up(journal.path)
        finally:
            journal.close()

    def _take_up_abandoned(self, path: Path) -> int:
        with abandoned(path) as free:
            return self._take_up(path) if free else 0

    def _take_up(self, path: Path) -> int:
        try:
            return _take_up(self.store, path)
        except ConflictError:  # another program records into the same store
            self.store = EpisodeStore.open(self.path, "a")
            return _take_up(self.store, path)

    def _write(self, after: Reading, *, terminated: bool, truncated: bool) -> None:
        if self._row is None:
            return
        row = self._row | {
            "next_progress": _finite(after.progress),
            "terminated": np.bool_(terminated),
            "truncated": np.bool_(truncated),
        }  # type: ignore[operator]
        arrays = {key: np.asarray(value) for key, value in row.items()}
        if self._journal is None:
            name = f"{time.time_ns()}-{uuid.uuid4().hex[:12]}"
            path = self.path.with_name(f"{self.path.name}.{name}{_SUFFIX}")
            self._journal = Journal(path, arrays, {"name": name})
        self._journal.append(arrays)
        self._row = None


def _journals(store: Path) -> list[Path]:
    """The journals beside a store, the oldest first."""
    return sorted(store.parent.glob(f"{glob.escape(store.name)}.*{_SUFFIX}"))


def _take_up(store: EpisodeStore, path: Path) -> int:
    """Move a journal into a store, and say how many steps were new."""
    header, arrays = read_journal(path)
    count = len(next(iter(arrays.values()), ()))
    if count:
        if any(arrays[key].shape != (count,) for key in _ENDS if key in arrays) or not {"action", *_ENDS} <= set(
            arrays
        ):
            raise DataError(f"{path} holds no steps of a robot (action, {', '.join(_ENDS)}); remove it to go on")
        last = np.asarray(arrays["truncated"]).copy()
        last[-1] = not arrays["terminated"][-1]
        episode = {key: np.asarray(values) for key, values in arrays.items()} | {"truncated": last}
        # Killed between the append and the removal, the journal is in the store already.
        name = str(header.get("name", path.name))
        if _is_episode(store, header.get("episode"), episode) or not store.append(episode, name):
            count = 0
    path.unlink()
    return count


def _is_episode(store: EpisodeStore, index: Any, episode: Mapping[str, NDArray[Any]]) -> bool:
    """Whether a journal that has no name, but the index of its episode, is in the store."""
    if not isinstance(index, int) or not 0 <= index < len(store) or set(store.keys) != set(episode):
        return False
    stored = store.episode(index)
    return all(np.array_equal(stored[key], episode[key]) for key in stored)


def _finite(value: Any) -> np.float32:
    """Zero for what is not known; a store holds finite numbers only."""
    return np.float32(value if np.isfinite(value) else 0.0)
