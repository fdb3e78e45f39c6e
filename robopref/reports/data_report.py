"""A page about a dataset: what is in it, how its episodes differ, and which of them to look at."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from markupsafe import Markup

from robopref.data.episode_formats.dataset import Dataset
from robopref.files import write_text
from robopref.quality.data_quality import DataQuality, QualityLimits, data_quality
from robopref.quality.data_summary import array_rows, end_text, episode_rows
from robopref.reports import data_figures
from robopref.reports.template import figure, grid, header, page, paragraph, section, table, tiles

_MOST = 50
_ARRAYS = (
    "“Step” is the shape of one step. Missing numbers are NaN or infinite. A blank step has one number everywhere: a "
    "cloud without points, or a black image."
)
_SUSPICIOUS = (
    "Episodes that repeat an earlier one, hold missing numbers, stand still, are at the bounds of their actions, go on "
    "after their end, have gaps in time, or whose length or return is further from the median than others are "
    "(0.6745 |x − median| over the median absolute deviation above {outlier:g})."
)
_EXPLAINED = {
    "Actions": "Much at the bounds: the demonstrator pushed against them, or actions were scaled wrongly.",
    "Coverage of states": "Values of {source}, standardised; a gap is where nothing was recorded.",
    "Idle steps": "Steps at which no observed value changes by more than {still:g} of its range.",
    "Saturation": "Action values of size {saturated:g} or more.",
}


def write_data_quality(page_path: Path, dataset: Dataset, limits: QualityLimits | None = None) -> DataQuality:
    """Assess a dataset and write a page about it, and its numbers as JSON beside it.

    Args:
        page_path: The HTML file; an earlier one is replaced.
        dataset: The dataset.
        limits: What counts as suspicious.

    Returns:
        The quality.

    Raises:
        DataError: The dataset is damaged or empty, or the files cannot be written.
    """
    limits = limits or QualityLimits()
    quality = data_quality(dataset, limits)
    content = [
        header("robopref", _title(dataset)),
        _headline(quality),
        section("Arrays", table(array_rows(quality.summary)), paragraph(_ARRAYS)),
        section("Episodes", table(episode_rows(quality.summary)), paragraph(end_text(quality.summary))),
        _drawings(quality, limits),
        _suspicious(quality, limits),
    ]
    numbers = json.dumps(_finite(quality.to_dict()), indent=2, allow_nan=False)
    write_text(page_path.with_suffix(".json"), numbers + "\n")
    write_text(page_path, page(f"robopref: quality of {dataset.path.name}", content))
    return quality


def _title(dataset: Dataset) -> str:
    instruction = dataset.attrs.get("instruction")
    below = f" “{instruction}”" if instruction else ""
    return f"Quality of {dataset.path.name}{below}"


def _headline(quality: DataQuality) -> Markup:
    summary = quality.summary
    count = len(summary.lengths)
    shown = [(str(count), f"episodes of {summary.steps} steps together")]
    if summary.success is not None:
        shown.append((f"{100 * summary.success.mean():.0f} %", "of episodes succeeded"))
    shown += [
        (str(int((quality.copies >= 0).sum())), "episodes repeat an earlier one"),
        (f"{100 * quality.repeated / summary.steps:.0f} %", "of steps occurred before"),
        (str(len(quality.suspicious)), "suspicious episodes"),
    ]
    return tiles(shown)


def _drawings(quality: DataQuality, limits: QualityLimits) -> Markup:
    summary = quality.summary
    drawn = [data_figures.histogram("Lengths", "steps of an episode", summary.lengths, summary.success)]
    if summary.returns is not None and np.isfinite(summary.returns).any():
        drawn.append(data_figures.histogram("Returns", "return of an episode", summary.returns, summary.success))
    if len(quality.actions):
        drawn.append(data_figures.actions(quality.edges, quality.actions, limits.saturated))
        drawn.append(data_figures.shares("Saturation", "actions at bounds [%]", quality.saturated, limits.share))
    if not np.isnan(quality.idle).all():
        drawn.append(data_figures.shares("Idle steps", "steps without motion [%]", quality.idle, limits.share))
    if quality.coverage is not None:
        drawn.append(data_figures.coverage(quality.coverage))
    if quality.intervals is not None:
        drawn.append(data_figures.intervals(quality.intervals))
    values = {
        "source": quality.coverage.source if quality.coverage else "",
        "still": limits.still,
        "saturated": limits.saturated,
    }
    captions = {title: text.format(**values) for title, text in _EXPLAINED.items()}
    return section("Drawings", grid(figure(title, svg, captions.get(title, "")) for title, svg in drawn))


def _suspicious(quality: DataQuality, limits: QualityLimits) -> Markup:
    if not quality.suspicious:
        return section("Suspicious episodes", paragraph("None."))
    chosen = sorted(quality.suspicious.items(), key=lambda one: (-len(one[1]), one[0]))
    rows = [["episode", "steps", "why"]]
    rows += [[str(n), str(quality.summary.lengths[n]), "; ".join(reasons)] for n, reasons in chosen[:_MOST]]
    more = len(chosen) - _MOST
    told = _SUSPICIOUS.format(outlier=limits.outlier) + (f" {more} more are in the JSON file." if more > 0 else "")
    return section("Suspicious episodes", paragraph(told), table(rows))


def _finite(value: object) -> object:
    """JSON has no NaN."""
    if isinstance(value, dict):
        return {name: _finite(held) for name, held in value.items()}
    return None if isinstance(value, float) and not np.isfinite(value) else value
