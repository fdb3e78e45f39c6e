"""The section of the report about several objectives."""

from dataclasses import replace
from pathlib import Path

import pytest

from robopref.errors import DataError
from robopref.evaluation.fronts import Fronts, save_fronts
from robopref.reports.fronts_section import front_rows, fronts, policy_points

LINE = ((0.0, 4.0), *[(2.0, 3.0)] * 9, (4.0, 0.0))
FOUND = Fronts(
    ("success", "force"), True, {"policy": (1.0, 1.0), "weighted": (2.0, 3.0), "tuned by half": (3.0, 1.0)}, LINE,
    (*LINE[:5], (3.0, 4.0), *LINE[6:]), (0.0, 0.0), 0.4,
)  # fmt: skip


def test_the_table_says_how_much_each_dominates() -> None:
    # Of 3 * 4 = 12: 1 * 1, 2 * 3 and 3 * 1; the front is 6 of it, and two policies (3, 1), (1, 4) are 1 * 4 + 2 * 1.
    rows = front_rows(FOUND, {"other": (1.0, 4.0)})
    assert rows[0] == ["", "success", "force", "hypervolume [% of the best]"]
    told = {row[0]: row[1:] for row in rows[1:]}
    assert told["policy's own sample"] == ["1", "1", "8"]
    assert told["weighted"] == ["2", "3", "50"]
    assert told["tuned by half"] == ["3", "1", "25"]
    assert told["front of choice-time weights"] == ["", "", "50"]
    assert told["front of 2 policies"] == ["", "", "50"]


def test_it_is_drawn_with_the_policies_of_other_runs(tmp_path: Path) -> None:
    save_fronts(tmp_path / "run", FOUND)
    save_fronts(tmp_path / "most", replace(FOUND, points={"policy": (1.0, 1.0), "tuned by most": (3.5, 0.5)}))
    (drawn,) = fronts(tmp_path / "run", {"most": tmp_path / "most"})
    assert "<svg" in drawn
    assert "all success" in drawn
    assert "front of 2 policies" in drawn
    assert policy_points(FOUND, tmp_path, {"most": tmp_path / "most"}) == {"most": (3.5, 0.5)}
    assert fronts(tmp_path / "nothing", {}) == []


def test_only_the_same_measures_are_compared(tmp_path: Path) -> None:
    for name, other in (("other", replace(FOUND, objectives=("a", "b"))), ("said", replace(FOUND, measured=False))):
        save_fronts(tmp_path / name, other)
        with pytest.raises(DataError, match="compared by the same measures"):
            policy_points(FOUND, tmp_path, {name: tmp_path / name})
    with pytest.raises(DataError, match=r"fronts\.json is missing"):
        policy_points(FOUND, tmp_path, {"none": tmp_path / "none"})
    with pytest.raises(DataError, match="beside which others were to be drawn"):
        fronts(tmp_path / "none", {"said": tmp_path / "said"})
