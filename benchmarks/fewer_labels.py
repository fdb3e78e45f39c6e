"""The same reward from fewer answers: one row a capability, five seeds each.

``ROWS=sirl make bench-fewer-labels`` runs some rows and keeps the records of the others.
"""

from __future__ import annotations

from benchmarks import fewer_label_rows
from benchmarks.row_runs import run_rows

if __name__ == "__main__":
    run_rows(fewer_label_rows, "fewer_labels")
