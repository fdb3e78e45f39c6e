"""A row of a benchmark that was stopped goes on."""

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks import row_runs
from benchmarks.row_runs import measure

ROW = """
from pathlib import Path
def measure(seed):
    log = Path("measured.txt")
    log.write_text(log.read_text() + str(seed) if log.exists() else str(seed))
    return {"a": 1.5 * seed, "b": [1, None]} if seed < 2 else {2: (1, 2)}
"""


@pytest.fixture
def row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_row.py").write_text(ROW)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "own_row", raising=False)
    return __import__("own_row")


def test_a_seed_that_is_done_is_not_measured_again(row: ModuleType, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    first = [measure("own_row", seed, kept) for seed in (0, 1)]
    assert [measure("own_row", seed, kept) for seed in (0, 1)] == first == [{"a": 0.0, "b": [1, None]},
                                                                            {"a": 1.5, "b": [1, None]}]  # fmt: skip
    assert (tmp_path / "measured.txt").read_text() == "01"
    assert json.loads((kept / "1.json").read_text()) == first[1]


def test_what_a_file_would_change_is_not_kept(row: ModuleType, tmp_path: Path) -> None:
    assert measure("own_row", 2, tmp_path / "kept") == {2: (1, 2)}
    assert not (tmp_path / "kept").exists()


def test_seeds_of_a_changed_row_are_others(row: ModuleType, tmp_path: Path) -> None:
    before = row_runs._digest(row)
    (tmp_path / "own_row.py").write_text(ROW + "\n")
    assert row_runs._digest(row) != before
