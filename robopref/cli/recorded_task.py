"""Whether the task that is asked for is the one that a run folder is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from robopref.cli.recordings import attributes, data_paths
from robopref.cli.remembered import recall_all
from robopref.data.episodes.store import EpisodeStore
from robopref.errors import BusyError, DataError
from robopref.folder_lock import holder_of
from robopref.learning.collect import plain_options

_STORES = {
    "demos.zarr": "demonstrations",
    "candidates.zarr": "labels",
    "explored.zarr": "exploration",
}  # and as which part they are written
# What these do is simulated in the task; the others go by what was recorded, whatever it was recorded in.
_SIMULATE = ("collect", "label", "explore", "evaluate", "improve", "demo")
_SIMULATED_ROBOT = "robopref.robots.task_robot.TaskRobot"


def require_same_task(config: DictConfig, command: str, words: Sequence[str]) -> None:
    """Refuse a task that is not the one of the run folder's demonstrations and candidates.

    Args:
        config: Settings of the run.
        command: What is to be done.
        words: Of the present command line: who names a task means it.

    Raises:
        BusyError: It is being written.
        DataError: The folder, or the one that it begins with, is made of another task or of other options; or its
            recordings were made in another task, or do not say in which, and none was ever named.
    """
    named = _names_task(words)
    robot = OmegaConf.to_container(config.robot)
    in_simulation = isinstance(robot, dict) and robot.get("_target_") == _SIMULATED_ROBOT
    if not (named or command in _SIMULATE or (command == "deploy" and in_simulation)):
        return
    env = OmegaConf.to_container(config.env, resolve=True)
    if not isinstance(env, dict):
        return
    wanted = (str(env.get("id")), plain_options(env.get("options") or {}))
    folders = [Path(folder) for folder in (config.run, config.base) if folder is not None]
    for name, part in _STORES.items():
        found = [folder / name for folder in folders]
        path = next((path for path in found if path.exists()), None)
        recorded = None if path is None else _recorded(path, part)
        if recorded is not None and recorded != wanted:
            raise DataError(
                f"{path} was recorded in {_said(*recorded)}, not in {_said(*wanted)}; leave env as it was, or choose "
                "another run folder"
            )
    collected = any((folder / "demos.zarr").exists() for folder in folders)
    segments = command == "label" and config.label.about not in ("candidates", "explored")
    if config.data is None or collected or segments or named or command in ("collect", "demo"):
        return
    if not _names_task(recall_all(folders[0], folders[1] if len(folders) > 1 else None)):
        _require_recorded_in(config, folders, wanted)


def meant(config: DictConfig) -> str:
    """The task that settings name, for people."""
    env: Any = OmegaConf.to_container(config.env, resolve=True)
    return _said(str(env.get("id")), plain_options(env.get("options") or {}))


def _names_task(words: Sequence[str]) -> bool:
    return any(word.lstrip("+~").startswith(("env=", "env.")) for word in words)


def _require_recorded_in(config: DictConfig, folders: Sequence[Path], wanted: tuple[str, Mapping[str, Any]]) -> None:
    """Demand recordings of the task that is simulated where nobody named one."""
    for told in attributes(config.data, folders):
        recorded = _task_of(told)
        if recorded != wanted:
            paths = ", ".join(data_paths(config.data))
            was = f"{paths} was recorded in {_said(*recorded)}" if recorded else f"{paths} does not say in which task"
            raise DataError(
                f"{was}{'' if recorded else ' it was recorded'}, and env= was never given, which leaves "
                f"{_said(*wanted)}; name the task that is meant with env="
            )


def _recorded(path: Path, part: str) -> tuple[str, Mapping[str, Any]] | None:
    try:
        attrs = EpisodeStore.open(path).attrs
    except DataError as error:
        if holder := holder_of(path.parent, part):
            raise BusyError(f"{path} cannot be read while {holder} is at work on it; wait until it is done") from error
        raise
    return _task_of(attrs)


def _task_of(attrs: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    task, options = attrs.get("task"), attrs.get("options")
    # Data of other projects may call something else their task.
    return (task, options) if isinstance(task, str) and isinstance(options, dict) else None


def _said(task: str, options: Mapping[str, Any]) -> str:
    given = ", ".join(f"{name}={value}" for name, value in options.items())
    return f"{task} ({given})" if given else task
