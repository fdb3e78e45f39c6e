"""Names of the arrays that a run has recorded, as far as they can be told without opening a store."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from robopref.data.episodes.chunk_files import array_names
from robopref.errors import DataError
from robopref.files import read_json

_DEMONSTRATED = ("demos.zarr", "recordings.zarr")
# Of candidates and what came of them, which are drawn where there are only demonstrations yet.
_DRAWN = ("action", "path", "snapshot", "progress")
_CANDIDATES = "candidates"  # of which an item is one
_FOREIGN = {"point_cloud": "points", "img": "image"}  # as they are read


def recorded_names(config: DictConfig) -> set[str] | None:
    """Names of all arrays that items of a run may have, and of the anchors of its actions.

    Args:
        config: Settings of the command.

    Returns:
        The names; None where the recordings have to be opened to know.
    """
    stores = _stores(config)
    return None if stores is None else {*_DRAWN, *_anchors(stores), *_arrays(stores)} - {_CANDIDATES}


def anchor_names(config: DictConfig) -> set[str]:
    """Names that recordings give the anchors of actions, as far as they can be told so."""
    return _anchors(_stores(config) or ())


def _stores(config: DictConfig) -> list[Path] | None:
    folders = [Path(folder) for folder in (config.run, config.get("base")) if folder is not None]
    stores = [store for folder in folders for store in sorted(folder.glob("*.zarr"))]
    if any(store.name in _DEMONSTRATED for store in stores):
        return stores
    given: Any = config.get("data")
    named = [Path(str(one)) for one in ([given] if isinstance(given, str) else given or ())]
    renamed = "read" in config and (config.read.fill or any(config.read.names.values()))
    # What another format is read as depends on more than its names.
    whole = named and not renamed and all((one / "data").is_dir() for one in named)
    return [*stores, *named] if whole else None


def _arrays(stores: Iterable[Path]) -> set[str]:
    found = set[str]()
    for store in stores:
        # What cannot be read is said by whoever opens it.
        with contextlib.suppress(DataError, OSError):
            found.update(array_names(store) if (store / "data").is_dir() else ())
    return found | {_FOREIGN[name] for name in found & _FOREIGN.keys()}


def _anchors(stores: Iterable[Path]) -> set[str]:
    found = set[str]()
    for store in stores:
        with contextlib.suppress(DataError):
            geometry = read_json(store / ".zattrs").get("geometry") if (store / ".zattrs").exists() else None
            labels = geometry.get("labels") if isinstance(geometry, dict) else None
            found.update(map(str, labels) if isinstance(labels, list) else ())
    return found
