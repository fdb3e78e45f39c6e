"""Results as Markdown: ``python -m benchmarks.tables rope objectives`` prints the records of these benchmarks."""

from __future__ import annotations

import json
import sys
from typing import Any

from benchmarks.records import RESULTS


def main() -> None:
    """Print one table for every benchmark that was named, or for all."""
    for name in sys.argv[1:] or sorted(path.stem for path in RESULTS.glob("*.json")):
        print("\n".join([f"### {name}", "", *table(json.loads((RESULTS / f"{name}.json").read_text())), ""]))


def table(records: list[dict[str, Any]]) -> list[str]:
    """Lines of a table with a row for every record."""
    rows = ["| claim | value | 95 % interval | target | holds |", "|---|---|---|---|---|"]
    for record in records:
        value, low, high = (f"{record[key]:.3g}" for key in ("value", "low", "high"))
        holds = {True: "yes", False: "**no**", None: ""}[record["holds"]]
        unit = {"share": "", "ratio": ""}.get(record["unit"], f" {record['unit']}")
        rows.append(f"| {record['claim']} | {value}{unit} | {low} to {high} | {record['target']} | {holds} |")
    return rows


if __name__ == "__main__":
    main()
