"""Rewards from answers of people who err, differ, and leave traces: one row a capability, five seeds each.

``ROWS=peer_review make bench-people`` runs some rows and keeps the records of the others.
"""

from __future__ import annotations

from benchmarks import people_rows
from benchmarks.row_runs import run_rows

if __name__ == "__main__":
    run_rows(people_rows, "people")
