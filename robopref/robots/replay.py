"""A recording as a robot: what was seen is seen again, whatever is commanded."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from robopref.data.episode_formats.dataset import Episode, observed
from robopref.data.episode_formats.importing import Recordings
from robopref.data.episodes.store import EpisodeStore, no_dataset
from robopref.errors import ConfigError, DataError, RobotError
from robopref.motion import Command, Reading, RobotSpec
from robopref.records import ActionGeometry, Observation
from robopref.robots.maps import UnknownMap, action_map, opening


class ReplayRobot:
    """Plays an episode of recordings, one step a command; the seed of `reset` says which, counted from `episode`.

    Where recordings do not say what their actions mean in space, the numbers of an action are shown as joints.

    Args:
        path: Recordings of any format. The tool is where ``tool`` says, or else the first three entries of
            ``proprio`` where actions have a meaning in space, or else at the origin.
        episode: The first episode to play.
        rate: Commands a second.
        read: How they are read, see `Recordings.told`; None reads what is there as it is.
        geometry: What their actions mean in space; None takes what they say.
        clock: The time of readings, s; that of the guard.

    Raises:
        DataError: There are no such recordings, or they lack something.
        ConfigError: There is no such episode.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        episode: int = 0,
        rate: float = 10.0,
        read: Mapping[str, Any] | None = None,
        geometry: Mapping[str, Any] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._path = Path(path)
        if not self._path.exists():
            raise no_dataset(path, "robot.path")
        found = Recordings([self._path], geometry=geometry)
        found = found if read is None else Recordings.told([self._path], read, geometry)
        store = EpisodeStore.open(self._path) if found.in_place else None
        self._data = store or found.dataset()
        self._count = len(store) if store is not None else self._data.count  # type: ignore[union-attr]
        if not 0 <= episode < self._count:
            raise ConfigError(f"episode must be in 0 to {self._count - 1}, got {episode}")
        self._load(episode)
        self._seen = observed(self._steps, self._data.attrs)
        told = self._data.attrs.get("geometry")
        self._geometry = None if told is None else ActionGeometry.from_dict(told)
        needed = "action" if self._geometry is None else "proprio"  # which says where the tool is
        if needed not in self._steps or not self._seen:
            raise DataError(
                f"{path} cannot be played: it lacks {needed if self._seen else 'anything that was observed'}; it has "
                f"{', '.join(self._steps)}"
            )
        size = self._steps["action"].shape[1] if self._geometry is None else self._geometry.matrix.shape[2]
        self.actions = UnknownMap(size) if self._geometry is None else action_map(self._geometry)
        self.spec = RobotSpec(
            "replay",
            rate=rate,
            points=0 if self._geometry is None else len(self._geometry.labels),
            joints=size if self._geometry is None else 0,
            gripper=self.actions.gripper,
            primitive=self._geometry is not None and self._geometry.origin is None,
            follows=False,
        )
        self._first, self._sequence = episode, 0
        self._stopped = threading.Event()

    def reset(self, *, seed: int | None = None) -> Reading:
        """Go to the first step of an episode."""
        self._stopped.clear()
        self._load((self._first + (seed or 0)) % self._count)
        return self.observe()

    def observe(self) -> Reading:
        """The present step."""
        row = {key: value[self._at] for key, value in self._steps.items()}
        self._sequence += 1
        ended = self._at == self._last
        tool = row.get("tool", np.zeros(3) if self._geometry is None else row["proprio"][:3])
        return Reading(
            Observation.of({name: row[name] for name in self._seen}), self._clock(), np.asarray(tool, np.float64),
            self._sequence, joints=None if self._geometry is not None else np.asarray(row["action"], np.float64),
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
        self._at = min(self._at + 1, self._last)

    def hold(self) -> None:
        """A recording stands still between commands."""

    def stop(self) -> None:
        """Take no command until `reset`."""
        self._stopped.set()

    def close(self) -> None:
        """Take no command any more."""
        self._stopped.set()

    @property
    def _last(self) -> int:
        return len(self._steps[self._seen[0]]) - 1

    def _load(self, episode: int) -> None:
        self._at = 0
        self._steps: Episode = (
            self._data.episode(episode)
            if isinstance(self._data, EpisodeStore)
            else next(islice(iter(self._data), episode, None))
        )
