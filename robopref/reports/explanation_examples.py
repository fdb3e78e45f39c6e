"""Pairs that show what answers go by, side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from robopref.errors import DataError
from robopref.explanation.example_pairs import ShownPair, shown_pairs
from robopref.explanation.feature_table import series_of
from robopref.explanation.findings import Finding
from robopref.explanation.grammar import Feature
from robopref.explanation.hypothesis_search import Asked, Explained
from robopref.labelers.showing import Showing
from robopref.records import Item
from robopref.reports.explanation_figures import pair_of_series
from robopref.reports.template import figure, grid, paragraph, picture, section

_SHOWING = Showing("grid", 4, 160)


def examples(shown: Sequence[Finding], explained: Explained, asked: Asked, count: int) -> Markup:
    """Example pairs of each finding.

    Args:
        shown: Findings.
        explained: What was found.
        asked: What was explained.
        count: Pairs of each.
    """
    title = "Pairs that show it"
    if not shown or not count:
        return section(title, paragraph("There is nothing to show."))
    columns = {feature.name: place for place, feature in enumerate(explained.table.features)}
    parts: list[Markup] = []
    for finding in shown:
        column = columns[finding.hypothesis.feature]
        drawn = [
            _pair(one, explained.table.features[column], explained, asked)
            for one in shown_pairs(explained.table.answers, column, finding.direction, count)
        ]
        parts += [paragraph(f"`{finding.said}`"), grid(drawn)] if drawn else []
    lead = (
        "Of the answers that go with a finding those about the pairs that differ most in it, and last one that goes "
        "against it. Where there are pictures, the preferred item is in the upper row."
    )
    return section(title, paragraph(lead), *parts)


def _pair(shown: ShownPair, feature: Feature, explained: Explained, asked: Asked) -> Markup:
    answers = explained.answers
    items = [answers.items[index] for index in answers.item[shown.row].tolist()]
    preferred, other = items[shown.preferred], items[1 - shown.preferred]
    title = f"{_name(preferred)} over {_name(other)}{'' if shown.agrees else ': against it'}"
    parts: list[Markup] = []
    if asked.frames is not None:
        frames = [list(asked.frames(item)) for item in (preferred, other)]
        (_, drawn) = _SHOWING.parts(frames)
        parts += [picture(drawn, title)] if not isinstance(drawn, str) else []
    caption = ""
    if feature.summary is None:
        difference = explained.table.answers.difference[shown.row]
        caption = f"{feature.name}: {difference[explained.table.features.index(feature)]:+.3g} for the first"
    else:
        (inner,) = feature.summary.inner
        try:
            rows = [series_of(inner, asked.lookup(item)) for item in (preferred, other)]
        except DataError:
            rows = []
        if rows:
            parts.append(pair_of_series(title, np.asarray(rows[0]), np.asarray(rows[1]), str(inner))[1])
    who = f"answered by {answers.labeler[shown.row]}"
    return figure(title, Markup("").join(parts), f"{caption}; {who}" if caption else who)


def _name(item: Item) -> str:
    steps = f"{item.source} {item.start}" if item.candidate is not None else f"{item.source} {item.start}–{item.stop}"
    return steps if item.candidate is None else f"{steps}, candidate {item.candidate}"
