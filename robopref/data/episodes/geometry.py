"""What the actions of recorded episodes mean in space."""

from __future__ import annotations

from robopref.data.episodes.store import EpisodeStore
from robopref.errors import DataError
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
            f"{store.path} does not say what its actions mean in space (attribute geometry), which policies, labels of "
            f"their candidates and robots go by; learn from such data with: robopref offline data={store.path}"
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
