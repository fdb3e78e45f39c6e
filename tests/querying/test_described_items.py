from pathlib import Path

import numpy as np
import pytest

from robopref.data.episodes.store import EpisodeStore
from robopref.errors import ConfigError
from robopref.querying.described_items import cloud_moments, described_by_clouds
from robopref.records import Item


def test_moments_by_hand() -> None:
    # Along x at 0, 0 and 3: mean 1, variance 2, third moment (-1 - 1 + 8) / 3 = 2; y goes against it.
    cloud = np.array([[0, 3, 0.5], [0, 3, 0.5], [3, 0, 0.5]], np.float32)
    found = cloud_moments(cloud)
    np.testing.assert_allclose(found[:3], [1, 2, 0.5])
    np.testing.assert_allclose(found[3:6], [np.sqrt(2), np.sqrt(2), 0])
    np.testing.assert_allclose(found[6:9], [0, -np.sqrt(2), 0], atol=1e-12)  # x with z, y with x, z with y
    np.testing.assert_allclose(found[9:12], [np.cbrt(2), -np.cbrt(2), 0])
    np.testing.assert_allclose(found[12:], [0, 0.6, 0.5, 2.4, 3, 0.5], atol=1e-6)
    np.testing.assert_allclose(cloud_moments(cloud[[2, 0, 1]]), found)


def test_items_are_described_by_what_is_seen_of_them(tmp_path: Path) -> None:
    store = EpisodeStore.create(tmp_path / "candidates.zarr", {})
    clouds = np.random.default_rng(0).normal(size=(3, 5, 3)).astype(np.float32)
    chunks = np.arange(12, dtype=np.float32).reshape(3, 2, 1, 2)
    store.append({"points": clouds, "candidates": chunks})
    store = EpisodeStore.open(store.path)
    candidate = described_by_clouds(store, None)(Item("candidates", 1, 2, 1))
    np.testing.assert_allclose(candidate, np.append(cloud_moments(clouds[1]), [6, 7]))
    segment = described_by_clouds(store, None)(Item("candidates", 0, 3))
    np.testing.assert_allclose(segment, np.concatenate([cloud_moments(clouds[0]), cloud_moments(clouds[2])]))
    outcome = described_by_clouds(store, lambda item: clouds[item.start])(Item("candidates", 2, 3, 0))
    np.testing.assert_allclose(outcome, cloud_moments(clouds[2]))


def test_without_clouds_there_is_nothing_to_go_by(tmp_path: Path) -> None:
    store = EpisodeStore.create(tmp_path / "states.zarr", {})
    store.append({"state": np.zeros((2, 3), np.float32)})
    with pytest.raises(ConfigError, match=r"has none; choose selector=random"):
        described_by_clouds(EpisodeStore.open(store.path), None)
