"""What seeds of long benchmarks measured, kept for other machines."""

import json
import lzma
import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks import measured
from benchmarks.records import keep
from robopref.errors import ConfigError, DataError


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(measured, "KEPT", tmp_path / "measured")
    monkeypatch.setattr(measured, "RUNS", tmp_path / "runs")
    return tmp_path


def test_what_is_restored_is_read_back_by_the_benchmark_and_nothing_is_measured_again(folders: Path) -> None:
    path = folders / "runs" / "bench-a" / "seed-0.json"
    scores = np.random.default_rng(0).normal(size=300).astype(np.float32)
    keep(path, lambda: {"scores": scores.tolist(), "exact": [0.1]}, ["starts=2"])
    (path.parent / "other.json").write_text("[1]")
    assert [stored for stored, _ in measured.store("bench-a")] == [path]
    assert [one.name for one in (folders / "measured").iterdir()] == ["bench-a.json.xz"]
    path.unlink()
    ((to, said),) = measured.restore("bench-a")
    assert to == path
    assert said.startswith("measured on ")
    found = keep(path, lambda: pytest.fail("measured again"), ["starts=2"])
    np.testing.assert_array_equal(np.float32(found["scores"]), scores)
    np.testing.assert_array_equal(np.argsort(found["scores"]), np.argsort(scores))
    assert found["exact"] == [0.1]
    with pytest.raises(ConfigError, match="not with no settings"):
        keep(path, dict)


def test_what_is_there_stays_and_dates_go_along(folders: Path) -> None:
    path = folders / "runs" / "bench-a" / "seed-0.json"
    keep(path, lambda: {"value": 1.0})
    list(measured.store("bench-a"))
    kept = json.loads(path.read_text())
    path.write_text(json.dumps(kept | {"value": 2.0}))
    ((_, said),) = measured.restore("bench-a")
    assert "left as it is" in said
    assert json.loads(path.read_text())["value"] == 2.0


def test_seeds_of_another_machine_stay_when_more_are_stored(folders: Path) -> None:
    path = folders / "runs" / "bench-a" / "seed-0.json"
    keep(path, lambda: {"value": 1.0})
    list(measured.store("bench-a"))
    path.unlink()
    keep(path.with_name("seed-1.json"), lambda: {"value": 2.0})
    list(measured.store("bench-a"))
    list(measured.restore("bench-a"))
    assert keep(path, dict)["value"] == 1.0


def test_a_restored_seed_keeps_the_date_when_it_is_stored_again(folders: Path) -> None:
    path = folders / "runs" / "bench-a" / "seed-0.json"
    keep(path, lambda: {"value": 1.0})
    os.utime(path, (1e9, 1e9))
    list(measured.store("bench-a"))
    path.unlink()
    list(measured.restore("bench-a"))
    list(measured.store("bench-a"))
    path.unlink()
    ((_, said),) = measured.restore("bench-a")
    assert said == "measured on 2001-09-09"


@pytest.mark.parametrize("words", [[], ["store"], ["hold", "bench-a"], ["store", "bench-a"], ["restore", "bench-a"]])
def test_what_cannot_be_done_is_said(folders: Path, words: list[str]) -> None:
    with pytest.raises(ConfigError):
        measured.main(words)


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "../bench-a", "/tmp"])
@pytest.mark.parametrize("command", ["store", "restore"])
def test_other_folders_than_those_of_runs_are_refused(folders: Path, command: str, name: str) -> None:
    keep(folders / "runs" / "a" / "b" / "seed-0.json", lambda: {"value": 1.0})
    with pytest.raises(ConfigError, match="by its name alone"):
        measured.main([command, name])
    assert not (folders / "measured").exists()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "damaged"),
        (b"{}", "damaged"),
        (lzma.compress(b"[1]"), "damaged"),
        (lzma.compress(b'{"seed-0.json": {}}'), "damaged"),
        (lzma.compress(b'{"seed-0.json": {"measured on": "then"}}'), "damaged"),
        (lzma.compress(b'{"seed-0.json": {"measured on": "2001'), "damaged"),
        (lzma.compress(b'{"../../x.json": {"measured on": "2001-09-09"}}'), "lies outside"),
    ],
)
def test_damaged_archives_are_told_and_nothing_is_put_elsewhere(folders: Path, content: bytes, told: str) -> None:
    archive = folders / "measured" / "bench-a.json.xz"
    archive.parent.mkdir()
    archive.write_bytes(content)
    with pytest.raises(DataError, match=told):
        list(measured.restore("bench-a"))
    assert archive.read_bytes() == content
    assert not (folders / "x.json").exists()


def test_a_file_that_is_damaged_is_named_and_what_was_stored_stays(folders: Path) -> None:
    path = folders / "runs" / "bench-a" / "seed-0.json"
    keep(path, lambda: {"value": 1.0})
    list(measured.store("bench-a"))
    path.with_name("seed-1.json").write_text("{")
    before = (folders / "measured" / "bench-a.json.xz").read_bytes()
    with pytest.raises(DataError, match=r"seed-1\.json is damaged"):
        list(measured.store("bench-a"))
    assert (folders / "measured" / "bench-a.json.xz").read_bytes() == before
