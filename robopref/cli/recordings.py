"""The recordings that ``data=`` names, as an episode store."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from robopref.data.episode_formats.conversion import open_dataset
from robopref.data.episode_formats.importing import IMPORT, Recordings, imported
from robopref.data.episodes.store import EpisodeStore, no_dataset
from robopref.errors import ConfigError, DataError, RoboprefError
from robopref.protocols import Progress

IMPORTED = "recordings.zarr"
_READ = re.compile(r"(?<![\w.])((?:names\.|drop=|fill=|max_steps=|mask=))")


def recordings(config: DictConfig) -> Recordings | None:
    """What ``data`` names, with what ``read`` and ``geometry`` say of it; None if it names nothing.

    Raises:
        ConfigError: A value is out of range.
    """
    paths = data_paths(config.data)
    if not paths:
        return None
    read: Any = OmegaConf.to_container(config.read, resolve=True)
    geometry: Any = None if config.geometry is None else OmegaConf.to_container(config.geometry, resolve=True)
    return Recordings.told([Path(path) for path in paths], read, geometry)


def recorded(
    config: DictConfig,
    folder: Path,
    stage: Callable[[str, str], AbstractContextManager[Progress]],
    say: Callable[[str], None],
    check: Callable[[EpisodeStore], None],
) -> EpisodeStore | None:
    """The store of what ``data`` names, copied into the run folder where it has to be; None if it names nothing.

    Args:
        config: Settings of the command.
        folder: The run folder.
        stage: Shows a bar while recordings are copied.
        say: Says in a line what was not copied.
        check: Raises what is wrong with a store of the first episodes, before all of them are copied.

    Raises:
        DataError: They are missing, damaged or empty.
        ConfigError: What is said of them does not fit.
    """
    copied = (folder / IMPORTED).exists()
    try:
        found = recordings(config)
        if found is None:
            return None
        if not copied and (gone := [path for path in found.paths if not path.exists()]):
            raise no_dataset(gone[0], "data")
        store = imported(found, folder / IMPORTED, stage, disposable=_holds_no_more(folder), check=check)
    except (ConfigError, DataError) as error:
        # Here the settings that files are read with are in a group.
        raise type(error)(_READ.sub(r"read.\1", str(error))) from error
    if not copied and store.path == folder / IMPORTED:
        for note in store.attrs[IMPORT]["notes"]:
            say(f"{store.path}: {note}")
    return store


def _holds_no_more(folder: Path) -> bool:
    """Whether a run folder has nothing but a copy of recordings and what is written beside everything."""
    written = (IMPORTED, f"{IMPORTED}.cache", "config.yaml", "overrides.yaml", "timing.json")
    return not folder.exists() or all(path.name in written or path.name[0] == "." for path in folder.iterdir())


def says_geometry(data: object, folders: Sequence[Path]) -> bool:
    """Whether recordings say what their actions mean in space, as far as that can be told without reading them.

    Args:
        data: Value of the setting.
        folders: The run folder, and that of the run that it begins with, which may have a copy.
    """
    return all(one.get("geometry") is not None for one in attributes(data, folders))


def attributes(data: object, folders: Sequence[Path]) -> list[Mapping[str, Any]]:
    """What is remembered about recordings, of each dataset or of the copy of all of them.

    Args:
        data: Value of the setting.
        folders: The run folder, and that of the run that it begins with, which may have a copy.

    Returns:
        Attributes; none of what cannot be read, which is said when it is opened for the command.
    """
    try:
        for copy in (folder / IMPORTED for folder in folders):
            if copy.exists():
                return [EpisodeStore.open(copy).attrs]
        return [open_dataset(Path(path)).attrs for path in data_paths(data)]
    except RoboprefError:
        return []


def data_paths(data: object) -> Sequence[str]:
    """Paths that ``data`` names, one or a list."""
    plain: Any = OmegaConf.to_container(data) if OmegaConf.is_config(data) else data
    if plain is None:
        return ()
    return [str(path) for path in plain] if isinstance(plain, (list, tuple)) else [str(plain)]
