"""Candidates of states on disk: what rewards can be learnt of, and what is refused before anything is."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robopref.data.episodes.candidate_store import open_candidates
from robopref.data.episodes.store import EpisodeStore
from robopref.errors import DataError


def stored(path: Path, **changed: Any) -> EpisodeStore:
    """Two states of three candidates."""
    rows = {
        "candidates": np.zeros((2, 3, 4, 5), np.float32), "points": np.ones((2, 7, 6), np.float32),
        "proprio": np.zeros((2, 0), np.float32),
    } | changed  # fmt: skip
    store = EpisodeStore.create(path, {"task": "rope"})
    store.append({name: rows[name] for name in rows if rows[name] is not None})
    return store


def test_candidates_come_back(tmp_path: Path) -> None:
    written = stored(tmp_path / "candidates.zarr")
    store = open_candidates(written.path)
    assert (store.steps, store.attrs) == (2, {"task": "rope"})
    np.testing.assert_array_equal(store.array("points"), written.array("points"))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"candidates": None}, "it has no candidates, only points, proprio"),
        (
            {"candidates": np.zeros((2, 4, 5))},
            r"candidates must be numbers \(N, H, A\) in each state, got float64 \(4, 5\)",
        ),
        ({"candidates": np.zeros((2, 0, 4, 5))}, "candidates must be numbers"),
        ({"candidates": np.ones((2, 3, 4, 5), bool)}, "candidates must be numbers .* got bool"),
        ({"points": None, "proprio": None}, "it has no points"),
        ({"points": np.zeros((2, 7, 2))}, r"points must be numbers \(P, 3 or more\)"),
        ({"points": np.zeros((2, 3))}, "points must be numbers"),
        ({"proprio": np.zeros(2)}, r"proprio must be numbers \(D\)"),
        ({"proprio": np.zeros((2, 1, 1))}, "proprio must be numbers"),
    ],
)
def test_arrays_of_another_form_are_named(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    stored(tmp_path / "candidates.zarr", **changed)
    with pytest.raises(DataError, match=rf"candidates\.zarr is damaged: {said}.*; restore it"):
        open_candidates(tmp_path / "candidates.zarr")


@pytest.mark.parametrize("name", ["candidates", "points"])
def test_numbers_that_are_not_finite_are_named(tmp_path: Path, name: str) -> None:
    store = stored(tmp_path / "candidates.zarr")
    (chunk,) = (store.path / "data" / name).glob("[0-9]*")
    values = np.frombuffer(chunk.read_bytes(), np.float32).copy()
    values[0] = np.nan
    chunk.write_bytes(values.tobytes())
    with pytest.raises(DataError, match=f"{name} of state 0 is not finite"):
        open_candidates(store.path)
