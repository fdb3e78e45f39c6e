"""What the actions of recorded episodes mean in space."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from robopref.data.episodes.store import EpisodeStore
from robopref.errors import ConfigError, DataError, unknown_name
from robopref.records import ActionGeometry


def recorded_geometry(store: EpisodeStore) -> ActionGeometry:
    """What the actions of a store mean.

    Args:
        store: With a ``geometry`` in its attributes, as those of `robopref.learning.collect` have.

    Raises:
        DataError: It has none, it is damaged, or it is for other actions than the store holds.
    """
    found = optional_geometry(store)
    if found is None:
        raise DataError(
            f"{store.path} does not say what its actions mean in space (attribute geometry), which this policy, labels "
            f"of candidates and robots go by; policy=observed needs none, or say it with geometry=, see: robopref data "
            f"inspect {store.path}"
        )
    return found


def optional_geometry(store: EpisodeStore) -> ActionGeometry | None:
    """The same, or None if the store does not say.

    Raises:
        DataError: What it says is damaged, or for other actions than the store holds.
    """
    stored = store.attrs.get("geometry")
    if stored is None:
        return None
    try:
        geometry = ActionGeometry.from_dict(stored)
    except DataError as error:
        raise DataError(f"the attribute geometry of {store.path} is damaged: {error}") from error
    size = geometry.matrix.shape[2]
    if "action" in store.keys and store.array("action", 0, 1).shape[1:] != (size,):
        shape = store.array("action", 0, 1).shape[1:]
        raise DataError(f"{store.path} holds actions of shape {shape}, but its geometry is for {size} numbers")
    return geometry


_SAID = ("moves", "reaches", "metres", "offset", "tool", "radius")


def described_geometry(told: Mapping[str, Any], actions: int, proprio: int) -> ActionGeometry:
    """What actions mean, from a few words of whoever recorded them.

    Args:
        told: ``moves`` or ``reaches``: which entries of an action move the tool along x, y and z, or say where it goes
            to, x, y and z; ``metres`` of one unit of these entries; ``radius`` of the workspace, m. With ``moves``,
            ``tool``: which entries of the proprioception say where the tool is, m. With ``reaches``, ``offset``: where
            an action of zeros goes to, (3,) m; the origin if it is left out.
        actions: Action dim A.
        proprio: Proprioception size D.

    Returns:
        The geometry, of one anchor, without symmetries.

    Raises:
        ConfigError: Something is missing, unknown or out of range.
    """
    for name in told:
        if name not in _SAID:
            raise unknown_name("word of geometry", str(name), _SAID)
    kinds = [name for name in ("moves", "reaches") if told.get(name) is not None]
    if len(kinds) != 1:
        raise ConfigError("geometry has to say either moves or reaches: which three entries of an action do so")
    axes, metres = _entries(told, kinds[0], actions, "an action"), _positive(told, "metres")
    matrix = np.zeros((1, 3, actions), np.float32)
    matrix[0, range(3), axes] = metres
    origin, offset = None, np.zeros((1, 3), np.float32)
    if kinds[0] == "moves":
        origin = np.zeros((1, 3, proprio), np.float32)
        origin[0, range(3), _entries(told, "tool", proprio, "proprio")] = 1.0
    elif told.get("offset") is not None:
        given = told["offset"]
        if not _numbers(given):
            raise ConfigError(f"geometry.offset must be three numbers, m, got {given!r}")
        offset = np.asarray([given], np.float32)
    identity = (np.eye(3, dtype=np.float32)[None], np.eye(actions, dtype=np.float32)[None])
    return ActionGeometry(matrix, offset, *identity, radius=_positive(told, "radius"), labels=("tool",), origin=origin)


def _entries(told: Mapping[str, Any], name: str, size: int, whose: str) -> list[int]:
    given: Any = told.get(name)
    if size < 3:
        raise ConfigError(
            f"geometry.{name} names three entries of {whose}, but that of the recordings has {size}; "
            f"read.names.{whose.rsplit(maxsplit=1)[-1]}=[<array>,<array>] puts arrays end to end"
        )
    right = _numbers(given) and all(isinstance(one, int) and 0 <= one < size for one in given) and len(set(given)) == 3
    if not right:
        raise ConfigError(
            f"geometry.{name} must be three different entries of {whose}, each from 0 to {size - 1}, got {given!r}"
        )
    return list(given)


def _numbers(given: Any) -> bool:
    listed = isinstance(given, Sequence) and not isinstance(given, str) and len(given) == 3
    return listed and all(isinstance(one, (int, float)) and math.isfinite(one) for one in given)


def _positive(told: Mapping[str, Any], name: str) -> float:
    given = told.get(name)
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not 0 < given < math.inf:
        raise ConfigError(f"geometry.{name} must be a positive number, m, got {given!r}")
    return float(given)
