"""Wishes in a sentence, judges that give reasons, grades: one row a capability, five seeds each.

``ROWS=principles make bench-words`` runs some rows and keeps the records of the others.
"""

from __future__ import annotations

from benchmarks import word_rows
from benchmarks.row_runs import run_rows

if __name__ == "__main__":
    run_rows(word_rows, "words")
