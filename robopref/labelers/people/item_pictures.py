"""Pictures of items: those of a dataset, or drawings of its point clouds and actions."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from robopref.data.episodes import recorded_views as views
from robopref.data.episodes.store import EpisodeStore
from robopref.errors import DataError
from robopref.labelers.people.montage import draw_picture
from robopref.labelers.people.scenes import After, Scenes
from robopref.protocols import Pictures
from robopref.records import Array, Item

_KEPT = 256  # drawings
_MOMENTS = 8  # drawings of a segment at most


class StorePictures:
    """The camera pictures of a dataset.

    Args:
        store: Steps with pictures (h, w, 3), see `robopref.data.episodes.recorded_views.pictures`.
        key: Name of their array.

    Raises:
        ConfigError: The dataset has no such array.
    """

    def __init__(self, store: EpisodeStore, key: str = "image") -> None:
        self.store, self.key = store, key
        store.array(key, 0, 0)

    def frames(self, item: Item) -> NDArray[np.uint8]:
        """Pictures of the steps of an item, (T, h, w, 3).

        Raises:
            DataError: They are no pictures, or the item lies outside the dataset.
        """
        return views.pictures(self.store, item.start, item.stop, self.key)


class ScenePictures:
    """Drawings from above of point clouds, with where the actions go, or after these with what came of them.

    Args:
        scenes: Clouds and paths of a dataset, or what came of its items.
        size: Side of a picture, pixels.
    """

    def __init__(self, scenes: Scenes, size: int = 384) -> None:
        self.scenes, self.size = scenes, size
        self._turn = threading.Lock()
        self._drawn: Callable[[Item], NDArray[np.uint8]] = lru_cache(maxsize=_KEPT)(self._draw)
        self._ended: Callable[[Item], NDArray[np.uint8] | None] = lru_cache(maxsize=_KEPT)(self._draw_outcome)

    def frames(self, item: Item) -> NDArray[np.uint8]:
        """One drawing of a candidate, a few of a segment, and that of the outcome if it is shown, (F, size, size, 3).

        Raises:
            DataError: The item does not lie in the dataset.
        """
        with self._turn:
            outcome = self._ended(item)
            return np.stack([*self._moments(item), *([] if outcome is None else [outcome])])

    def _moments(self, item: Item) -> list[NDArray[np.uint8]]:
        if item.candidate is not None or item.stop - item.start <= 1:
            return [self._drawn(item)]
        count = min(_MOMENTS, item.stop - item.start)
        steps = np.linspace(item.start, item.stop - 1, count).round().astype(int).tolist()
        return [self._drawn(Item(item.source, step, step + 1)) for step in steps]

    def _draw(self, item: Item) -> NDArray[np.uint8]:
        return draw_picture(self.scenes, self.scenes.frames(item)[0], self.size)

    def _draw_outcome(self, item: Item) -> NDArray[np.uint8] | None:
        outcome = self.scenes.outcome(item)
        return None if outcome is None else draw_picture(self.scenes, outcome, self.size)


def pictures_of(store: EpisodeStore, guide: Array | None = None, after: After | None = None) -> Pictures:
    """What there is to see of a dataset's items.

    An action that was not executed is in no camera picture, so candidates are drawn, as are steps without a picture.

    Args:
        store: Candidates, or steps with an array ``image`` or ``points``.
        guide: (V, 3) polyline to draw beside clouds, m.
        after: Gives what came of an item, to be drawn as well; None shows actions alone.

    Returns:
        The pictures.

    Raises:
        DataError: The dataset has none of these.
    """
    if "image" in store.keys and "candidates" not in store.keys and after is None:
        return StorePictures(store)
    if "points" in store.keys:
        return ScenePictures(Scenes(store, guide, after))
    have = ", ".join(store.keys) or "nothing"
    raise DataError(
        f"{store.path} has nothing to see: expected an array image (T, h, w, 3) or points, got {have}"
        f"{views.named_otherwise(store)}"
    )
