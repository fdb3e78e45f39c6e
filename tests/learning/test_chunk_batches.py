"""Batches of several datasets, of a history, and of pictures however they were stored."""

from pathlib import Path

import numpy as np
import pytest
import torch

from robopref.data.episodes.store import EpisodeStore
from robopref.data.episodes.training_cache import ReplayCache
from robopref.errors import ConfigError, DataError
from robopref.learning.chunk_batches import ChunkBatches

CPU = torch.device("cpu")


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def cache(path: Path, lengths: tuple[int, ...] = (2, 3), **more: np.ndarray) -> ReplayCache:
    """Episodes in which everything is the number of the step; the first is of one dataset, others of another."""
    store, first = EpisodeStore.create(path / "steps.zarr", {}), 0
    for number, length in enumerate(lengths):
        steps = np.arange(first, first + length, dtype=np.float32)[:, None]
        extra = {name: values[first : first + length] for name, values in more.items()}
        code = np.full(length, min(number, 1), np.uint8)
        store.append({"proprio": steps, "action": steps, "dataset": code, **extra})
        first += length
    return ReplayCache.build(store)


def test_the_last_observations_are_seen_with_the_first_for_those_before_it(tmp_path: Path) -> None:
    batches = ChunkBatches(cache(tmp_path), 2, CPU, keys=["proprio"], history=3)
    seen, chunks = batches.at(np.array([0, 1, 2, 4]))
    assert seen.proprio[..., 0].tolist() == [[0, 0, 0], [0, 0, 1], [2, 2, 2], [2, 3, 4]]
    assert chunks[..., 0].tolist() == [[0, 1], [1, 1], [2, 3], [4, 4]]


def test_datasets_are_drawn_by_their_weights(tmp_path: Path) -> None:
    batches = ChunkBatches(cache(tmp_path, (1, 9)), 1, CPU, keys=["proprio"], weights=[3, 1])
    drawn = batches(4000, generator())[0].proprio[:, 0]
    # One step of the first dataset is drawn in 3/4 of all cases; each of nine others in 1/36.
    assert (drawn == 0).float().mean() == pytest.approx(0.75, abs=0.03)
    counts = torch.bincount(drawn.long(), minlength=10)[1:] / 4000
    torch.testing.assert_close(counts, torch.full((9,), 1 / 36), atol=0.015, rtol=0)


def test_weights_have_to_fit_the_datasets(tmp_path: Path) -> None:
    both = cache(tmp_path)
    for weights in ([1.0], [1.0, 0.0], [1.0, float("inf")]):
        with pytest.raises(ConfigError, match="must be 2 positive numbers, one a dataset"):
            ChunkBatches(both, 1, CPU, keys=["proprio"], weights=weights)
    with pytest.raises(ConfigError, match="nothing is left of dataset 0"):
        ChunkBatches(both, 1, CPU, keys=["proprio"], weights=[1, 1], steps=np.arange(2, 5))
    store = EpisodeStore.create(tmp_path / "one.zarr", {})
    store.append({"proprio": np.zeros((1, 1)), "action": np.zeros((1, 1))})
    with pytest.raises(DataError, match=r"weights is for several datasets"):
        ChunkBatches(ReplayCache.build(store), 1, CPU, keys=["proprio"], weights=[1])


@pytest.mark.parametrize(("unit", "dtype"), [(1, np.uint8), (1, np.float32), (1 / 255, np.float32)])
def test_pictures_are_bytes_however_they_were_stored(tmp_path: Path, unit: float, dtype: type) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (5, 2, 2, 3))
    batches = ChunkBatches(cache(tmp_path, left=(pictures * unit).astype(dtype)), 1, CPU, keys=["left"])
    seen = batches.at(np.array([3, 0]))[0].others["left"]
    assert seen.dtype == torch.uint8
    assert seen.tolist() == pictures[[3, 0]].tolist()
    assert batches.pictured(np.array([1]))["left"].tolist() == pictures[[1]].tolist()


@pytest.mark.parametrize(("least", "greatest"), [(-1.0, 1.0), (-2.1, 2.6), (0.0, 1000.0)])
def test_pictures_in_another_unit_are_refused(tmp_path: Path, least: float, greatest: float) -> None:
    pictures = np.linspace(least, greatest, 5 * 12, dtype=np.float32).reshape(5, 2, 2, 3)
    batches = ChunkBatches(cache(tmp_path, left=pictures), 1, CPU, keys=["left"])
    with pytest.raises(DataError, match=rf"left .* got float32 from {least:g} to {greatest:g}; .*read.drop=\[left\]"):
        batches.at(np.arange(5))
