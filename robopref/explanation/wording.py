"""Features in words, for people."""

from __future__ import annotations

from robopref.explanation.grammar import DURATION, SHOWN_FIRST, Applied, Feature, Series
from robopref.explanation.measures import MEASURES

_SUMMARIES = {
    "mean": "mean", "least": "least", "greatest": "greatest", "first": "first", "last": "last",
    "change": "change, from first to last, of", "total": "sum of", "spread": "spread of",
}  # fmt: skip
_ALONE = {DURATION: "steps", SHOWN_FIRST: "shown first"}


def in_words(feature: Feature) -> str:
    """What a feature is, such as ``mean change from step to step of action``."""
    if feature.summary is None:
        return _ALONE[feature.name]
    (inner,) = feature.summary.inner
    return f"{_SUMMARIES[feature.summary.function]} {_said(inner)}"


def _said(series: Series) -> str:
    if not isinstance(series, Applied):
        return str(series)
    parts = [_said(one) for one in series.inner]
    if len(parts) == 1:
        return f"{MEASURES[series.function].said} of {parts[0]}"
    join = "and" if series.function == "distance" else "to"
    return f"{MEASURES[series.function].said} {parts[0]} {join} {parts[1]}"
