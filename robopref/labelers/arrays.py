"""What is recorded of an item, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from robopref.data.episodes.geometry import optional_geometry
from robopref.data.episodes.recorded_views import Lookup
from robopref.data.episodes.store import EpisodeStore
from robopref.records import Item


def arrays_of(store: EpisodeStore) -> Lookup:
    """Find the arrays of items.

    Args:
        store: The dataset of the items.

    Returns:
        Gives the arrays of an item: those of the dataset, (T, ...), with the ``action`` (H, A) of a candidate in place
        of that of the steps, and the ``path`` (T, L, 3) of its anchors where the dataset says what actions name.
    """
    geometry = optional_geometry(store)

    def arrays(item: Item) -> Mapping[str, NDArray[Any]]:
        found = {key: store.array(key, item.start, item.stop) for key in store.keys if key != "candidates"}
        if item.candidate is not None:
            found["action"] = store.array("candidates", item.start, item.stop)[0, item.candidate]
        if geometry is not None and "action" in found:
            chunk = found["action"].reshape(-1, geometry.matrix.shape[2])
            felt = None if geometry.origin is None else found["proprio"]
            if item.candidate is None:
                found["path"] = geometry.anchors(chunk[:, None], felt)[:, 0]
            else:
                found["path"] = geometry.anchors(chunk, None if felt is None else felt[0])
        return found

    return arrays
