"""Preference objectives in worlds whose answer is known: one row a method, five seeds each.

``ROWS=vpo,raft make bench-objectives`` runs some rows and keeps the records of the others.
"""

from __future__ import annotations

from benchmarks import rows
from benchmarks.row_runs import run_rows

if __name__ == "__main__":
    run_rows(rows, "objectives")
