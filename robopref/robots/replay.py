"""A recording as a robot: what was seen is seen again, whatever is commanded."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from robopref.data.episode_formats.dataset import observed
from robopref.data.episodes.geometry import recorded_geometry
from robopref.data.episodes.store import EpisodeStore
from robopref.errors import ConfigError, DataError, RobotError
from robopref.motion import Command, Reading, RobotSpec
from robopref.records import Observation
from robopref.robots.maps import action_map, opening


class ReplayRobot:
    """Plays an episode of a store, one step a command; the seed of `reset` says which, counted from `episode`.

    Args:
        path: Store with ``proprio`` and what else was observed, and a ``geometry`` in its attributes. The tool is where
            ``tool`` says, or else the first three entries of the proprioception.
        episode: The first episode to play.
        rate: Commands a second.
        clock: The time of readings, s; that of the guard.

    Raises:
        DataError: There is no such store, or it lacks something.
        ConfigError: There is no such episode.
    """

    def __init__(
        self, path: str | Path, *, episode: int = 0, rate: float = 10.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._store = EpisodeStore.open(path)
        if "proprio" not in self._store.keys:
            raise DataError(f"{path} cannot be played: it lacks proprio")
        geometry = recorded_geometry(self._store)
        if not 0 <= episode < len(self._store):
            raise ConfigError(f"episode must be in 0 to {len(self._store) - 1}, got {episode}")
        self.actions = action_map(geometry)
        points = len(geometry.labels)
        self.spec = RobotSpec(
            "replay",
            rate=rate,
            points=points,
            gripper=self.actions.gripper,
            primitive=geometry.origin is None,
            follows=False,
        )
        self._first, self._sequence, self._at = episode, 0, 0
        self._stopped = threading.Event()
        self._load(episode)

    def reset(self, *, seed: int | None = None) -> Reading:
        """Go to the first step of an episode."""
        self._stopped.clear()
        self._load((self._first + (seed or 0)) % len(self._store))
        return self.observe()

    def observe(self) -> Reading:
        """The present step."""
        row = {key: value[self._at] for key, value in self._steps.items()}
        self._sequence += 1
        ended = self._at == len(self._steps["proprio"]) - 1
        return Reading(
            Observation.of({name: row[name] for name in observed(row, self._store.attrs)}),
            self._clock(), np.asarray(row.get("tool", row["proprio"][:3]), np.float64), self._sequence,
            gripper=opening(row["proprio"]) if self.spec.gripper else None,
            success=ended and bool(row.get("terminated", False)), ended=ended,
            progress=float(row.get("progress", np.nan)),
        )  # fmt: skip

    def execute(self, command: Command) -> None:
        """Go to the next step.

        Raises:
            RobotError: The robot is stopped.
        """
        if self._stopped.is_set():
            raise RobotError("the recording is stopped; reset it")
        self._at = min(self._at + 1, len(self._steps["proprio"]) - 1)

    def hold(self) -> None:
        """A recording stands still between commands."""

    def stop(self) -> None:
        """Take no command until `reset`."""
        self._stopped.set()

    def close(self) -> None:
        """Take no command any more."""
        self._stopped.set()

    def _load(self, episode: int) -> None:
        self._steps, self._at = self._store.episode(episode), 0
