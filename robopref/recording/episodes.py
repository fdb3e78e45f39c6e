"""Every episode of a run becomes an episode of a replay store; of a killed one at most the last step is lost."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.data.episodes import EpisodeStore
from robopref.errors import DataError
from robopref.motion import Event, Plan, Reading, Step
from robopref.recording.journal import Journal, read_journal

_SUFFIX = ".journal"


class EpisodeWriter:
    """Writes what was executed to a store, one row a command, with the keys of demonstrations and more.

    What was observed, ``action`` (what was executed), ``raw_action`` (what the policy asked for), ``command`` (in
    physical units), ``tool``, ``time`` (s since the episode began), ``clamped``, ``score``, ``margin``, ``progress``,
    ``next_progress``, ``terminated`` and ``truncated``. Steps go to a journal beside the store at once, and from there
    to the store when the episode ends; journals that a killed process left are taken up when a writer is made.

    Args:
        path: The store; made if there is none.
        attributes: What to remember about the data if it is made.

    Attributes:
        recovered: Steps of interrupted episodes that were taken up.

    Raises:
        DataError: The store is damaged, or cannot be written.
    """

    def __init__(self, path: Path, attributes: Mapping[str, Any]) -> None:
        self.path = path
        self.store = EpisodeStore.open(path, "a") if path.exists() else EpisodeStore.create(path, dict(attributes))
        self.recovered = recover(self.store)
        self._journal: Journal | None = None
        self._row: dict[str, NDArray[Any]] | None = None
        self._begun = 0.0

    def on_reset(self, reading: Reading) -> None:
        """Begin an episode."""
        self._row, self._begun = None, reading.time

    def on_plan(self, plan: Plan) -> None:
        """Steps know their plan."""

    def on_step(self, step: Step) -> None:
        """Write the step before, now that it is known where it led."""
        self._write(step.reading, terminated=False, truncated=False)
        plan = step.plan
        self._row = {
            **_observed(step.reading),
            "action": np.asarray(step.action, np.float32),
            "raw_action": np.asarray(step.raw, np.float32),
            "command": step.command.vector().astype(np.float64),
            "tool": np.asarray(step.reading.tool, np.float64),
            "time": np.float64(step.reading.time - self._begun),
            "clamped": np.bool_(bool(step.clamped)),
            "score": _finite(plan.scores[plan.index]),
            "margin": _finite(plan.margin),
            "progress": _finite(step.reading.progress),
        }  # type: ignore[assignment]

    def on_event(self, event: Event) -> None:
        """Events have a file of their own."""

    def on_end(self, reading: Reading | None, cause: str) -> None:
        """Move the episode from the journal to the store."""
        if reading is not None:
            self._write(reading, terminated=reading.success, truncated=not reading.success)
        if self._journal is not None:
            self._journal.close()
            _take_up(self.store, self._journal.path)
            self._journal = None

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
            name = f"{self.path.name}.{time.time_ns()}{_SUFFIX}"
            self._journal = Journal(self.path.with_name(name), arrays, {"episode": len(self.store)})
        self._journal.append(arrays)
        self._row = None


def recover(store: EpisodeStore) -> int:
    """Take up the journals of killed processes into a store.

    Args:
        store: Open for appending; no other process may be writing to it.

    Returns:
        How many steps were taken up.

    Raises:
        DataError: A journal is damaged, or the disk is full.
    """
    found = sorted(store.path.parent.glob(f"{store.path.name}.*{_SUFFIX}"))
    return sum(_take_up(store, path) for path in found)


def _take_up(store: EpisodeStore, path: Path) -> int:
    header, arrays = read_journal(path)
    count = len(arrays["action"]) if "action" in arrays else 0
    # Killed between the append and the removal, the journal is in the store already.
    if count and header.get("episode") == len(store):
        last = np.asarray(arrays["truncated"]).copy()
        last[-1] = not arrays["terminated"][-1]
        store.append(arrays | {"truncated": last})
    elif count and int(header.get("episode", -1)) > len(store):
        raise DataError(f"{path} belongs to episode {header['episode']} of {store.path}, which holds {len(store)}")
    path.unlink()
    return count


def _observed(reading: Reading) -> dict[str, NDArray[Any]]:
    """What was observed, by name."""
    parts = {name: getattr(reading.observation, name) for name in ("points", "proprio", "state", "image")}
    return {name: np.asarray(part) for name, part in parts.items() if part is not None}


def _finite(value: Any) -> np.float32:
    """Zero for what is not known; a store holds finite numbers only."""
    return np.float32(value if np.isfinite(value) else 0.0)
