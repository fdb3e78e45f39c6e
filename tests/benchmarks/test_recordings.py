"""What is made of trainings from recordings that are done."""

import json
from pathlib import Path

import pytest

from benchmarks import recordings
from benchmarks.records import Record


def test_starts_of_all_seeds_count_as_one_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordings, "WORK", tmp_path)
    for seed, (solved, minutes) in enumerate([(50, 2.0), (42, 4.0)]):
        found = {"solved": solved, "cpu_minutes": minutes, "peak_mib": 500, "steps_a_second": 9.5, "load": [1.2, 7.6]}
        (tmp_path / f"drawer-state-seed-{seed}.json").write_text(json.dumps(found))
    success, minutes, *_ = recordings.outcomes()
    assert (success.value, success.n, success.holds) == (0.92, 100, True)
    assert (success.low, success.high) == (0.848, 0.965)  # 92 of 100, Clopper and Pearson
    assert success.claim.endswith("2 seeds, load 1 to 8)")
    assert (minutes.value, minutes.low, minutes.high, minutes.holds) == (3.0, 2.0, 4.0, True)


def test_the_pace_that_was_measured_is_kept_and_measured_again_only_if_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[list[Record]] = []
    monkeypatch.setattr(recordings, "WORK", tmp_path)
    monkeypatch.setattr(recordings, "SEEDS", [])
    monkeypatch.setattr(recordings, "write", lambda _, records: written.append(records))
    found = Record("steps a second", 20.0, 19.0, 21.0, ">= 10", True, "1/s", 6)
    monkeypatch.setattr(recordings, "paced", lambda: found)
    for asked, kept in (("", []), ("1", [found]), ("", [found])):
        monkeypatch.setenv("PACED", asked)
        recordings.main()
        assert written[-1][1:] == kept


def test_every_policy_acts_for_the_same_time() -> None:
    for arm in recordings.ARMS.values():
        assert arm.pace.executed is not None
        assert 60 <= arm.pace.steps * arm.pace.executed < 60 + arm.pace.executed
