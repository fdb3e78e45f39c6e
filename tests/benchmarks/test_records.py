"""Records of benchmarks."""

import json
from pathlib import Path

import pytest

from benchmarks import records
from benchmarks.records import Record, across_seeds, earlier, write


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
