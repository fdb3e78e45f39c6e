"""Shares with intervals that pages say of rope are those of the records, to the digit."""

import json
import re

import pytest

from tests.cli.tiny import ROOT

_RECORDS = ("rope", "outcomes_rope", "outcome_steps", "spread", "rounds_rope")
_TRIPLE = re.compile(r"(?<![\d.])(-?\d+\.\d+) \((-?\d+\.\d+) to (-?\d+\.\d+)\)")


@pytest.mark.parametrize(
    ("page", "begins", "ends"),
    [
        ("README.md", "## What a hundred answers bring", "\n## "),
        ("benchmarks/rope.md", "## Rope, ", "What to take from it"),
        ("benchmarks/rope.md", "## Rewards of outcomes on rope", "\n## "),
        ("benchmarks/rope.md", "## Choosing without simulation on rope", "\n## "),
        ("benchmarks/rope.md", "## Policies that improve by rounds on rope", "\n## "),
    ],
)
def test_what_pages_say_of_rope_is_recorded(page: str, begins: str, ends: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8").partition(begins)[2].partition(ends)[0]
    records = [
        (record["value"], record["low"], record["high"])
        for name in _RECORDS
        for record in json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text())
    ]
    said = _TRIPLE.findall(text)
    assert said
    assert [one for one in said if not any(_rounds(one, values) for values in records)] == []


def _rounds(said: tuple[str, ...], values: tuple[float, ...]) -> bool:
    """Whether numbers are what they are written as, in their own unit or a hundredth of it (m as cm)."""
    return any(
        # Records are rounded themselves, to a ten-thousandth.
        all(
            abs(float(text) - value * scale) <= 0.5 * 10.0 ** -len(text.partition(".")[2]) + 0.00006 * scale
            for text, value in zip(said, values, strict=True)
        )
        for scale in (1, 100)
    )
