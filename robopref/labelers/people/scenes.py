"""What there is to see of an item: the point clouds that the policy saw, and where the actions go."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from robopref.data.episodes.geometry import optional_geometry
from robopref.data.episodes.recorded_views import clouds
from robopref.data.episodes.store import EpisodeStore
from robopref.errors import DataError
from robopref.records import Array, Item, Query

After = Callable[[Item], Array]  # (P, 3) cloud that was seen after an item, m
_FRAMES = 24  # of one item at most, evenly spaced


class Frame(NamedTuple):
    """One moment of an item.

    Attributes:
        step: Step of the dataset.
        points: (P, 3) cloud, m.
        path: (H, L, 3) where the action goes, m; empty where nobody knows how actions relate to points.
        before: (P, 3) cloud to be compared with, m, if any.
    """

    step: int
    points: Array
    path: Array
    before: Array | None = None


class Scenes:
    """Scenes of a dataset: of candidate actions, as ``robopref label`` draws them, and of segments of its episodes.

    Args:
        store: Steps with ``points`` (P, 3) or (P, 3+C), and ``candidates`` (N, H, A) or ``action`` (A,) or (H, A).
            With a ``geometry`` in its attributes actions are drawn.
        guide: (V, 3) polyline to draw beside, such as the target shape, m.
        after: Gives what came of an item, to be shown in place of the actions; None shows these.

    Raises:
        DataError: The dataset has no points, or they are no clouds.
    """

    def __init__(self, store: EpisodeStore, guide: Array | None = None, after: After | None = None) -> None:
        if "points" not in store.keys or not len(store):
            raise DataError(f"{store.path} has no points to show, only {', '.join(store.keys) or 'no episodes'}")
        self.store, self.guide, self.after = store, guide, after
        self.geometry = optional_geometry(store)
        self._read = lru_cache(maxsize=256)(self._read_step)
        first = self._read("points", 0)
        low, high = first.min(axis=0), first.max(axis=0)
        self.center: Array = (low + high) / 2 if self.geometry is None else self.geometry.offset.mean(axis=0)
        self.radius = float(np.linalg.norm(high - low) / 2) if self.geometry is None else self.geometry.radius

    def frames(self, item: Item) -> list[Frame]:
        """What to show of an item, one frame after the other.

        Raises:
            DataError: The item does not lie in the dataset.
        """
        if not 0 <= item.start < item.stop <= self.store.steps:
            raise DataError(f"{item} is no part of the {self.store.steps} steps of {self.store.path}")
        if item.candidate is not None:
            chunks = self._read("candidates", item.start) if "candidates" in self.store.keys else np.zeros((0, 1, 1))
            if not 0 <= item.candidate < len(chunks):
                raise DataError(f"{item} is none of the {len(chunks)} candidates of its state")
            return [Frame(item.start, self._read("points", item.start), self._path(item.start, chunks[item.candidate]))]
        count = item.stop - item.start
        steps = range(item.start, item.stop)
        if count > _FRAMES:
            steps = np.linspace(item.start, item.stop - 1, _FRAMES).round().astype(int).tolist()
        acts = "action" in self.store.keys
        return [
            Frame(step, self._read("points", step), self._path(step, self._read("action", step) if acts else None))
            for step in steps
        ]

    def outcome(self, item: Item) -> Frame | None:
        """What came of an item, over what was before; None if actions are to be shown.

        Raises:
            DataError: The item does not lie in the dataset, or what came of it is no cloud.
        """
        if self.after is None:
            return None
        before, came = self.frames(item)[0], np.asarray(self.after(item), dtype=np.float32)
        if came.ndim != 2 or came.shape[1] < 3 or not np.isfinite(came).all():
            raise DataError(f"what came of {item} must be a cloud (P, 3) of finite numbers, got {came.shape}")
        return Frame(item.stop, came[:, :3], before.path[:0], before.points)

    def _path(self, step: int, chunk: Array | None) -> Array:
        geometry = self.geometry
        if geometry is None or chunk is None:
            return np.zeros((0, 1, 3), np.float32)
        proprio = None if geometry.origin is None else self._read("proprio", step)
        return geometry.anchors(chunk.reshape(-1, geometry.matrix.shape[2]), proprio).astype(np.float32)

    def _read_step(self, key: str, step: int) -> Array:
        if key == "points":
            return clouds(self.store, step, step + 1)[0]
        return np.asarray(self.store.array(key, step, step + 1)[0], dtype=np.float32)


def describe_scenes(scenes: Mapping[str, Scenes], query: Query, order: Sequence[int]) -> dict[str, Any]:
    """A question's scenes for the page: clouds once each, and for each item its frames.

    Args:
        scenes: Of each dataset; of the items of others nothing is shown.
        query: The question.
        order: Index of the item at each place.

    Returns:
        ``clouds``: little-endian float32 (P, 3) in base64 by name; ``items``: at each place ``frames`` of a cloud and a
        path, and where outcomes are shown ``actions``, frames of what was done, while those of ``frames`` name the
        cloud ``before`` as well; and how to draw them.
    """
    drawn: dict[str, str] = {}

    def named(name: str, points: Array) -> str:
        if name not in drawn:
            drawn[name] = base64.b64encode(points.astype("<f4").tobytes()).decode()
        return name

    items: list[dict[str, Any]] = []
    head: dict[str, Any] = {}
    for item in (query.items[index] for index in order):
        shown: dict[str, Any] = {"frames": []}
        found = scenes.get(item.source)
        if found is not None:
            shown["frames"] = [
                {"cloud": named(f"{item.source}/{frame.step}", frame.points), "path": frame.path.round(4).tolist()}
                for frame in found.frames(item)
            ]
            outcome = found.outcome(item)
            if outcome is not None:
                after = named(f"{item.source}/{item.start}-{item.stop}/{item.candidate}/after", outcome.points)
                before = shown["frames"][0]["cloud"]
                shown = {"frames": [{"cloud": after, "path": [], "before": before}], "actions": shown["frames"]}
            head = head or {
                "guide": None if found.guide is None else found.guide.round(4).tolist(),
                "radius": found.radius,
                "center": found.center.tolist(),
                "labels": [] if found.geometry is None else list(found.geometry.labels),
            }
        items.append(shown)
    return {"clouds": drawn, "items": items, **head}
