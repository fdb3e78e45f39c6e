"""Records of benchmarks."""

import json
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest

from benchmarks import records
from benchmarks.records import (
    Record,
    across_seeds,
    chosen_by,
    earlier,
    keep,
    labels_needed,
    labels_ratio,
    share_of_gap,
    write,
)
from robopref.errors import ConfigError


def test_a_figure_over_seeds_reaches_its_target_or_not() -> None:
    record = across_seeds("a", [0.2, 0.4], ">= 0.3")
    assert (record.value, record.low, record.high, record.holds, record.n) == (0.3, 0.2, 0.4, True, 2)
    assert across_seeds("a", [0.2, 0.4], "<= 0.29").holds is False
    assert across_seeds("a", [0.2, 0.4]).holds is None


def test_records_of_rows_that_are_not_run_stay_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "RESULTS", tmp_path)
    rows = [Record(f"{row}: claim", 1.0, 1.0, 1.0, "", None, "share", 5) for row in ("raft", "rlg")]
    write("objectives", rows)
    first = json.loads((tmp_path / "objectives.json").read_text())
    assert earlier("objectives", {"raft"}) == [first[1]]
    write("objectives", rows[:1], kept=[first[1] | {"date": "2001-01-01"}])
    stored = json.loads((tmp_path / "objectives.json").read_text())
    assert [record["claim"] for record in stored] == ["rlg: claim", "raft: claim"]
    assert stored[0]["date"] == "2001-01-01"


def test_numbers_and_truths_of_numpy_are_stored_as_plain_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "RESULTS", tmp_path)
    made = records.Record("a", np.float64(0.5), np.float32(0.25), 1.0, "<= 1", np.bool_(True), "share", np.int64(3))  # type: ignore[arg-type]
    (stored,) = json.loads(records.write("some", [made]).read_text())
    assert (stored["value"], stored["low"], stored["holds"], stored["n"]) == (0.5, 0.25, True, 3)


@pytest.mark.parametrize(
    ("words", "command"),
    [([], "make bench-iql-speed"), (["seeds=3"], "python -m benchmarks.iql_speed seeds=3")],
)
def test_the_command_of_a_record_can_be_typed(
    words: list[str], command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "RESULTS", tmp_path)
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", ModuleSpec("benchmarks.iql_speed", None))
    monkeypatch.setattr(sys, "argv", ["iql_speed.py", *words])
    path = write("iql_speed_gpu", [Record("claim", 1.0, 1.0, 1.0, "", None, "share", 5)])
    assert json.loads(path.read_text())[0]["command"] == command


def test_the_best_of_all_candidates_closes_the_gap_and_a_random_one_does_not() -> None:
    outcomes = np.array([[0.0, 2.0], [4.0, 0.0]])
    owner = np.zeros(2, np.int64)
    best = share_of_gap("a", chosen_by(outcomes, outcomes), outcomes, owner, subject="rope", least=0.9)
    assert best.claim == "rope: share of the random-to-oracle best-of-2 gap closed by a"
    assert (best.value, best.target, best.holds, best.n) == (1.0, ">= 0.9", True, 2)
    middle = share_of_gap("a", outcomes.mean(axis=1), outcomes, owner)
    assert (middle.value, middle.target, middle.holds) == (0.0, "", None)


def test_what_was_found_out_is_not_found_out_again(tmp_path: Path) -> None:
    path = tmp_path / "seed" / "part.json"
    assert keep(path, lambda: {"a": 1}) == keep(path, lambda: {"a": 2}) == {"a": 1}


def test_what_was_found_out_with_other_settings_is_not_read_back(tmp_path: Path) -> None:
    path = tmp_path / "part.json"
    assert (
        keep(path, lambda: {"a": 1}, ["seed=1", "b=2"]) == keep(path, lambda: {"a": 2}, ["b=2", "seed=1"]) == {"a": 1}
    )
    with pytest.raises(
        ConfigError, match=r"part\.json was measured with b=2 seed=1, not with b=3; give those, or remove"
    ):
        keep(path, lambda: {"a": 2}, ["b=3"])
    path.write_text('{"a": 1}')  # of before, when only what was measured without any was kept
    assert keep(path, lambda: {"a": 2}) == {"a": 1}
    with pytest.raises(ConfigError, match="was measured with no settings of its own, not with b=3"):
        keep(path, lambda: {"a": 2}, ["b=3"])


def test_labels_needed_lie_between_batches_on_a_straight_line() -> None:
    assert labels_needed(np.array([0.6, 0.8]), 0.7, 5) == pytest.approx(7.5)
    assert labels_needed(np.array([0.6, 0.8]), 0.55, 5) == pytest.approx(2.5), "it begins at chance"
    assert labels_needed(np.array([0.6, 0.8]), 0.9, 5) == 10
    # Random questions reach 0.8 with all 10 labels, the others with the first 5, on every seed alike.
    ratio = labels_ratio(np.array([[0.8, 0.9]] * 3), np.array([[0.6, 0.8]] * 3), 5)
    assert ratio == pytest.approx((0.5, 0.5, 0.5))
