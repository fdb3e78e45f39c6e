"""How long people take to answer, by kind of question."""

from __future__ import annotations

from robopref.records import QueryKind

# Seconds of an answer where nobody was measured.
PRIOR_SECONDS: dict[QueryKind, float] = {
    "pair": 6.0, "ranking": 15.0, "similarity": 8.0, "rating": 4.0, "feature": 4.0, "threshold": 7.0,
}  # fmt: skip
