"""Training cache: the same numbers as the store, and never those of an earlier state of it."""

import errno
import os
import resource
import shutil
from pathlib import Path

import numpy as np
import pytest

from robopref.data.episodes import training_cache as cache_module
from robopref.data.episodes.store import EpisodeStore
from robopref.data.episodes.training_cache import ReplayCache
from robopref.errors import ConfigError, DataError
from tests.npy import DAMAGED


@pytest.fixture
def store(tmp_path: Path) -> EpisodeStore:
    rng = np.random.default_rng(0)
    store = EpisodeStore.create(tmp_path / "episodes.zarr", {"env": "rope"})
    for length in (5, 1, 7):
        store.append(
            {
                "points": rng.random((length, 64, 3), dtype=np.float32),
                "action": rng.random((length, 6), dtype=np.float32),
                "nothing": np.zeros((length, 0), np.float32),
            }
        )
    return store


def test_holds_what_the_store_holds(store: EpisodeStore) -> None:
    cache = ReplayCache.build(store)
    assert len(cache) == 13
    assert cache.keys == store.keys
    assert cache.episode_ends.tolist() == [5, 6, 13]
    assert cache.attrs == {"env": "rope"}
    for key in store.keys:
        np.testing.assert_array_equal(cache[key], store.array(key))
        assert cache[key].dtype == np.float32
    assert isinstance(cache["points"], np.memmap)
    assert not cache["points"].flags.writeable
    assert cache.folder.parent == store.path.with_name("episodes.zarr.cache")


def test_blocks(store: EpisodeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "_BLOCK_BYTES", 64 * 3 * 4 * 2)
    np.testing.assert_array_equal(ReplayCache.build(store)["points"], store.array("points"))


def test_rows_are_writable_copies(store: EpisodeStore) -> None:
    cache = ReplayCache.build(store)
    indices = np.array([[0, 12], [3, 3]])
    rows = cache.rows(indices, ["points", "action"])
    assert list(rows) == ["points", "action"]
    assert rows["points"].shape == (2, 2, 64, 3)
    assert type(rows["points"]) is np.ndarray
    np.testing.assert_array_equal(rows["action"], store.array("action")[indices])
    rows["action"][:] = 0
    np.testing.assert_array_equal(cache["action"], store.array("action"))
    assert set(cache.rows([1])) == set(store.keys)
    assert cache.rows([], ["action"])["action"].shape == (0, 6)


def test_indices_outside(store: EpisodeStore) -> None:
    cache = ReplayCache.build(store, ["action"])
    for indices in ([-1], [13], [[0, 99]]):
        with pytest.raises(DataError, match="not within the 13 steps"):
            cache.rows(indices)
    with pytest.raises(ConfigError, match="expected one of action"):
        cache["points"]


def test_reused_while_the_store_stays_the_same(store: EpisodeStore) -> None:
    first = ReplayCache.build(store, ["action"])
    file = first.folder / "action.npy"
    before = file.stat()
    reopened = EpisodeStore.open(store.path)
    second = ReplayCache.build(reopened)
    assert second.folder == first.folder
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert sorted(entry.name for entry in first.folder.iterdir()) == ["action.npy", "nothing.npy", "points.npy"]


def test_rebuilt_after_an_append(store: EpisodeStore) -> None:
    stale = ReplayCache.build(store)
    mapped = np.array(stale["action"])
    store.append(store.episode(0))
    fresh = ReplayCache.build(store)
    assert len(fresh) == 18
    assert [entry.name for entry in fresh.folder.parent.iterdir()] == [fresh.folder.name]
    np.testing.assert_array_equal(fresh["points"], store.array("points"))
    np.testing.assert_array_equal(stale["action"], mapped)  # maps in use outlive their file


def test_rebuilt_when_a_chunk_was_changed(store: EpisodeStore) -> None:
    ReplayCache.build(store)
    chunk = store.path / "data/action/0.0"
    values = np.frombuffer(chunk.read_bytes(), np.float32).copy()
    values[0] = 42
    chunk.write_bytes(values.tobytes())
    assert ReplayCache.build(EpisodeStore.open(store.path))["action"][0, 0] == 42


def test_damaged_cache_is_rebuilt(store: EpisodeStore) -> None:
    cache = ReplayCache.build(store)
    os.truncate(cache.folder / "points.npy", 1000)
    os.truncate(cache.folder / "nothing.npy", 0)
    np.save(cache.folder / "action.npy", np.zeros(3))
    again = ReplayCache.build(store)
    for key in store.keys:
        np.testing.assert_array_equal(again[key], store.array(key))


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_copy_that_is_none_is_made_again(store: EpisodeStore, content: bytes) -> None:
    cache = ReplayCache.build(store, ["action"])
    (cache.folder / "action.npy").unlink()
    (cache.folder / "action.npy").write_bytes(content)
    np.testing.assert_array_equal(ReplayCache.build(store, ["action"])["action"], store.array("action"))


def test_a_folder_in_the_place_of_a_copy_is_named(store: EpisodeStore) -> None:
    cache = ReplayCache.build(store, ["action"])
    (cache.folder / "action.npy").unlink()
    (cache.folder / "action.npy").mkdir()
    with pytest.raises(DataError, match=r"action\.npy \(Is a directory\)"):
        ReplayCache.build(store, ["action"])


def test_only_caches_are_deleted(store: EpisodeStore, tmp_path: Path) -> None:
    (tmp_path / "mine" / "photos").mkdir(parents=True)
    (tmp_path / "mine" / "0123456789abcdef").mkdir()
    (tmp_path / "mine" / "0123456789abcdef" / "old.npy").touch()
    (tmp_path / "mine" / "fedcba9876543210").mkdir()
    (tmp_path / "mine" / "fedcba9876543210" / "letter.txt").touch()
    (tmp_path / "mine" / "00000000ffffffff").symlink_to(tmp_path / "mine" / "photos")
    (tmp_path / "mine" / "photos" / "holiday.npy").touch()
    cache = ReplayCache.build(store, ["action"], folder=tmp_path / "mine")
    left = {str(entry.relative_to(tmp_path / "mine")) for entry in (tmp_path / "mine").glob("*/*")}
    assert not (tmp_path / "mine" / "0123456789abcdef").exists()
    assert left >= {"photos/holiday.npy", "fedcba9876543210/letter.txt", f"{cache.folder.name}/action.npy"}


def test_what_cannot_be_built(store: EpisodeStore, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Did you mean points"):
        ReplayCache.build(store, ["point"])
    with pytest.raises(DataError, match="no episodes yet"):
        ReplayCache.build(EpisodeStore.create(tmp_path / "empty", {}))
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot write the training cache"):
        ReplayCache.build(store, folder=tmp_path / "file")


def test_full_disk(store: EpisodeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    try:
        with pytest.raises(DataError, match=r"File too large.*free some space"):
            ReplayCache.build(store)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert not list(store.path.parent.glob("**/*.partial"))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(DataError, match="No space left on device"):
            ReplayCache.build(store)
    np.testing.assert_array_equal(ReplayCache.build(store)["points"], store.array("points"))


def test_a_copy_has_the_fingerprint_and_what_is_changed_has_not(store: EpisodeStore, tmp_path: Path) -> None:
    known = store.fingerprint()
    copy = tmp_path / "elsewhere" / "copy.zarr"
    shutil.copytree(store.path, copy, copy_function=shutil.copy)  # as cp -r does: with new times
    assert EpisodeStore.open(copy).fingerprint() == known
    (chunk,) = (copy / "data" / "action").glob("[0-9]*.[0-9]*")
    content = bytearray(chunk.read_bytes())
    content[100] ^= 1
    chunk.write_bytes(content)
    assert EpisodeStore.open(copy).fingerprint() != known
    store.append({"points": np.ones((1, 64, 3), np.float32), "action": np.ones((1, 6), np.float32),
                  "nothing": np.zeros((1, 0), np.float32)})  # fmt: skip
    assert store.fingerprint() != known


def test_of_large_chunks_both_ends_count(tmp_path: Path) -> None:
    store = EpisodeStore.create(tmp_path / "large.zarr", {})
    store.append({"scan": np.zeros((1, 300_000), np.float32)})  # one row is one chunk of 1.2 MB
    known = store.fingerprint()
    (chunk,) = (store.path / "data" / "scan").glob("[0-9]*.[0-9]*")
    for place, counts in ((0, True), (600_000, False), (1_199_999, True)):
        content = bytearray(1_200_000)
        content[place] = 1
        chunk.write_bytes(content)
        assert (EpisodeStore.open(store.path).fingerprint() != known) == counts
