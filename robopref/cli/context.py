"""What every command needs: the run folder, the device, progress bars and stage times."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from copy import deepcopy
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Protocol

import torch
from omegaconf import DictConfig
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from robopref.cli.building import build
from robopref.cli.made_with import settings_told
from robopref.cli.parts import written_by
from robopref.cli.policies import made_policy
from robopref.cli.recordings import recorded
from robopref.data.episodes.store import EpisodeStore
from robopref.errors import BusyError, ConfigError, DataError
from robopref.files import number, read_json, write_json
from robopref.folder_lock import FolderLock, locked
from robopref.labelers.subject import Bar
from robopref.learning.checkpoint import load_weights
from robopref.policies.abilities import learns
from robopref.protocols import ChunkPolicy
from robopref.robots.sim import SimPool

_BRIEFLY = 30.0  # s to wait for what takes others a moment


class Words(Protocol):
    """The words of the command line that a run folder is to remember."""

    def accept(self) -> None:
        """Remember them: what they ask for has begun."""
        ...

    def gives(self, key: str) -> bool:
        """Whether they give a setting."""
        ...

    def word(self, key: str) -> str | None:
        """The newest word that gives a setting, among them or remembered."""
        ...


class Context:
    """One command at work in one run folder.

    Args:
        config: Resolved settings.
        memory: Writes the words of the command line into the run folder once they were accepted.
        command: What it is; no other command writes the same parts of the run folder until `finish`.

    Raises:
        BusyError: Another command is writing them.
        DataError: The run folder cannot be written.
    """

    def __init__(self, config: DictConfig, memory: Words, command: str = "") -> None:
        self.config = config
        self.folder = Path(config.run)
        self.weights = self.folder / "policy" / "weights.pt"  # of the policy
        self.console = Console()
        self.device = choose_device(config.device)
        self.seed = int(config.seed)
        if config.threads is not None:
            torch.set_num_threads(int(config.threads))
        self.started = time.monotonic()
        self.pool_: SimPool | None = None
        self._checks: list[Callable[[EpisodeStore], object]] = []
        self._policy: tuple[tuple[int, ...], Any] | None = None
        self.memory = memory
        self._was_there = self.folder.exists()
        self.lock = FolderLock(self.folder, command)
        try:
            for part in written_by(command, config):
                self.lock.take(part)
        except BusyError:
            self.finish()
            raise
        except DataError as error:
            self.finish()
            raise DataError(f"{str(error).removesuffix(' folder')} run=") from error

    @property
    def pool(self) -> SimPool:
        """Simulation processes of the task, started when first needed."""
        if self.pool_ is None:
            self.pool_ = SimPool(build(self.config.env), int(self.config.workers))
        return self.pool_

    @property
    def demonstrations(self) -> EpisodeStore:
        """What the policy is cloned from: what was collected, or else the recordings that ``data`` names.

        Raises:
            DataError: There is neither, or they are damaged.
        """
        path = self.folder / "demos.zarr"
        store = EpisodeStore.open(path) if path.exists() else self.recordings
        if not store:
            raise DataError(
                f"no demonstrations at {path}; run: robopref collect run={self.folder}, or name recordings with "
                "data=<path>"
            )
        return store

    @property
    def recordings(self) -> EpisodeStore | None:
        """The recordings that ``data`` names; None if it names none.

        Raises:
            DataError: They are missing, damaged or empty.
            ConfigError: What settings say of them does not fit.
        """
        say = partial(self.console.print, highlight=False, markup=False, soft_wrap=True)
        return recorded(self.config, self.folder, self.stage, say, self._check_first)

    def before_import(self, check: Callable[[EpisodeStore], object]) -> None:
        """Have recordings that have yet to be imported checked by their first episodes, before the long copy.

        Args:
            check: Raises what is wrong with a store; what it gives is not used.
        """
        self._checks.append(check)

    def _check_first(self, store: EpisodeStore) -> None:
        for check in self._checks:
            check(store)

    @cached_property
    def selector(self) -> Any:
        """What settings say that chooses questions, or what makes it of what it goes by; built once."""
        return build(self.config.selector)

    def new_policy(self) -> Any:
        """An untrained policy that fits the demonstrations, initialised by the seed; see `made_policy`."""
        factory = build(self.config.policy)
        self.before_import(partial(made_policy, factory))
        store = self.demonstrations
        torch.manual_seed(self.seed)
        return made_policy(factory, store).to(self.device)

    def policy(self) -> ChunkPolicy:
        """The trained policy; a copy for each who asks, as rewards tune theirs.

        One that cannot be trained here is what its settings make of it.

        Raises:
            ConfigError: The settings make no policy.
            DataError: It is not trained, or its checkpoint does not fit the settings.
        """
        path = self.weights
        found = path.stat() if path.exists() else None
        if found is None and self.config.data is None and not (self.folder / "demos.zarr").exists():
            raise DataError(
                f"no trained policy at {path}, and no recordings that say what is observed and done; run: robopref "
                f"collect run={self.folder} env=<task>, or name some with data=<path>, then robopref train policy "
                f"run={self.folder}, but for a policy that is not trained here, such as policy=world_model"
            )
        stamp = () if found is None else (found.st_ino, found.st_size, found.st_mtime_ns)
        if self._policy is None or self._policy[0] != stamp:
            policy = self.new_policy()
            if found is not None:
                with settings_told(self.folder / "policy", "policy", self.config.policy):
                    load_weights(path, policy)
            elif learns(policy):
                raise self._untrained(path)
            self._policy = stamp, policy.eval()
        return deepcopy(self._policy[1])

    def _untrained(self, path: Path) -> DataError:
        return DataError(f"no trained policy at {path}; run: robopref train policy run={self.folder}")

    @contextmanager
    def stage(self, name: str, unit: str, *, resumes: bool = False) -> Generator[Bar]:
        """Show a progress bar and record how long the stage took.

        Args:
            name: Shown and recorded.
            unit: What is counted.
            resumes: Whether the stage goes on where an earlier run stopped, so that their times add up.

        Yields:
            To be called with how much is done and how much there is.
        """
        begun = time.monotonic()
        columns = [
            TextColumn("[bold]{task.description:<34}"), BarColumn(bar_width=28), MofNCompleteColumn(),
            TextColumn("{task.fields[unit]:<8}"), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
        ]  # fmt: skip
        with Progress(*columns, console=self.console) as progress:
            task = progress.add_task(name, total=None, unit=unit)

            def move(done: int, total: int, note: str | None = None) -> None:
                self.memory.accept()
                progress.update(task, completed=done, total=total, unit=note or unit)

            yield move
            if progress.tasks[task].total is None:
                progress.update(task, completed=1, total=1, unit="(done)")
        self.memory.accept()
        self._record(name, time.monotonic() - begun, adds=resumes)

    def say(self, line: str) -> None:
        """Print a line as it is."""
        self.console.print(line, soft_wrap=True, highlight=False, markup=False)

    def finish(self) -> None:
        """End the simulation processes, and let other commands write to the run folder; one that stays empty goes."""
        if self.pool_ is not None:
            self.pool_.close()
            self.pool_ = None
        self.lock.close()
        if not self._was_there:
            with contextlib.suppress(OSError):  # a folder that something was put into stays
                self.folder.rmdir()

    def _record(self, name: str, seconds: float, *, adds: bool) -> None:
        with locked(self.folder, "times", self.lock.command, wait=_BRIEFLY):
            self._add_time(self.folder / "timing.json", name, seconds, adds=adds)

    @staticmethod
    def _add_time(path: Path, name: str, seconds: float, *, adds: bool) -> None:
        timing: dict[str, Any] = {"stages": {}}
        # Times are for people: what cannot be read of earlier ones is left behind.
        with contextlib.suppress(DataError):
            stages = read_json(path).get("stages") if path.exists() else {}
            kept = stages.items() if isinstance(stages, dict) else ()
            timing["stages"] = {key: value for key, value in kept if number(value) is not None}
        before = timing["stages"].get(name, 0.0) if adds else 0.0
        timing["stages"][name] = round(before + seconds, 2)
        timing["wall_seconds"] = round(sum(timing["stages"].values()), 2)
        write_json(path, timing)


def choose_device(name: str) -> torch.device:
    """The device of a name.

    Args:
        name: ``auto``, ``cpu``, ``cuda`` or ``cuda:<index>``.

    Raises:
        ConfigError: There is no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"device must be auto, cpu or cuda, got {name!r}") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device=cuda was asked for, but torch sees no GPU; see: robopref info")
    return device
