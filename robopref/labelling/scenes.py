"""What there is to see of a candidate action: the point cloud that the policy saw, and where the action goes."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from robopref.data.episodes import EpisodeStore
from robopref.errors import DataError
from robopref.types import ActionGeometry, Array, Item, Query


class CandidateScenes:
    """Scenes of a dataset of states with candidate actions, as ``robopref label`` makes it.

    Args:
        store: Steps with ``points`` (P, 3) and ``candidates`` (N, H, A), and a ``geometry`` in its attributes.
        guide: (V, 3) polyline to draw beside, such as the target shape, m.
    """

    def __init__(self, store: EpisodeStore, guide: Array | None = None) -> None:
        self.store, self.guide = store, guide
        self.geometry = ActionGeometry.from_dict(store.attrs["geometry"])
        self._points = lru_cache(maxsize=64)(self._read_points)
        self._chunks = lru_cache(maxsize=64)(self._read_chunks)

    def points(self, item: Item) -> Array:
        """The cloud of an item's state, (P, 3), m."""
        return self._points(item.start)

    def path(self, item: Item) -> Array:
        """Where an item's action goes, (H, L, 3), m.

        Raises:
            DataError: The item is no candidate of the dataset.
        """
        chunks = self._chunks(item.start)
        if item.candidate is None or not 0 <= item.candidate < len(chunks):
            raise DataError(f"{item} is none of the {len(chunks)} candidates of its state")
        return self.geometry.anchors(chunks[item.candidate])

    def describe(self, query: Query, order: Sequence[int]) -> dict[str, Any]:
        """A question's scenes for the page: clouds once each, and a path an item.

        Args:
            query: The question.
            order: Index of the item at each place.

        Returns:
            ``clouds``: little-endian float32 (P, 3) in base64 by state; ``items``: cloud and path at each place.
        """
        items = [query.items[index] for index in order]
        clouds = {str(item.start): _encoded(self.points(item)) for item in items}
        shown = [{"cloud": str(item.start), "path": self.path(item).round(4).tolist()} for item in items]
        guide = None if self.guide is None else self.guide.round(4).tolist()
        geometry = {
            "radius": self.geometry.radius,
            "center": self.geometry.offset.mean(axis=0).tolist(),
            "labels": list(self.geometry.labels),
        }
        return {"clouds": clouds, "items": shown, "guide": guide, **geometry}

    def _read_points(self, state: int) -> Array:
        return np.asarray(self.store.array("points", state, state + 1)[0], dtype=np.float32)

    def _read_chunks(self, state: int) -> Array:
        return np.asarray(self.store.array("candidates", state, state + 1)[0], dtype=np.float32)


def _encoded(points: Array) -> str:
    return base64.b64encode(points.astype("<f4").tobytes()).decode()
