"""What a task reports while candidates are carried out, on disk."""

from pathlib import Path

import numpy as np
import pytest

from robopref.data.episodes.store import EpisodeStore
from robopref.errors import DataError
from robopref.learning.candidate_files import CandidateDraw, store_candidates
from robopref.learning.candidate_measures import measured_candidates
from robopref.robots.reported import measured
from robopref.robots.sim import SimPool
from tests.learning.test_candidate_files import Strides


def test_it_is_measured_once_and_kept(tmp_path: Path, pool: SimPool, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = store_candidates(tmp_path / "candidates.zarr", Strides(), pool, CandidateDraw(3, 4, 2, seed=1))
    found = measured_candidates(tmp_path / "measures.zarr", pool, drawn)
    first = measured(pool.task, drawn.array("snapshot")[0], drawn.array("candidates")[0])
    assert np.array_equal(found["success"][0], first["success"], equal_nan=True)
    monkeypatch.setattr(pool, "map", lambda *_: pytest.fail("measured again"))
    again = measured_candidates(tmp_path / "measures.zarr", pool, drawn)
    assert all(np.array_equal(again[name], values, equal_nan=True) for name, values in found.items())


def test_what_is_over_is_not_reported(tmp_path: Path, pool: SimPool) -> None:
    # Stores hold finite numbers only; what was not reported comes back as such.
    drawn = store_candidates(tmp_path / "candidates.zarr", Strides(), pool, CandidateDraw(3, 4, 2, seed=1))
    store = EpisodeStore.create(tmp_path / "measures.zarr", {"candidates": drawn.fingerprint()})
    known = np.ones((3, 4, 1), bool)
    known[0, 0, 0] = False
    store.append({"force": np.ones((3, 4, 1)), "known_force": known})
    found = measured_candidates(tmp_path / "measures.zarr", pool, drawn)["force"]
    assert np.isnan(found[0, 0, 0])
    assert np.nansum(found) == 11


def test_damage_is_said(tmp_path: Path, pool: SimPool) -> None:
    drawn = store_candidates(tmp_path / "candidates.zarr", Strides(), pool, CandidateDraw(3, 4, 2, seed=1))
    store = EpisodeStore.create(tmp_path / "measures.zarr", {"candidates": drawn.fingerprint()})
    store.append({"known_force": np.ones((3, 4, 1), bool)})
    with pytest.raises(DataError, match=r"force must be \(3, 4, 1\)"):
        measured_candidates(tmp_path / "measures.zarr", pool, drawn)
