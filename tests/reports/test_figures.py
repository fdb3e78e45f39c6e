"""Legends of drawings: whole, and telling everything apart."""

import re

import numpy as np
import pytest

from robopref.reports.data_figures import actions
from robopref.reports.figures import legend, panel, plain_log

EDGES = np.linspace(-1, 1, 41)


@pytest.mark.parametrize("names", [["a", "b", "c", "d"], [f"action {i}" for i in range(7)], ["long " * 30, "short"]])
def test_a_legend_is_never_wider_than_its_drawing(names: list[str]) -> None:
    with panel("Test", 2.6) as (ax, _):
        for place, name in enumerate(names):
            ax.plot([0, 1], [place, place], label=name)
        legend(ax, 4)
        ax.figure.draw_without_rendering()  # type: ignore[union-attr]
        drawn, whole = ax.get_legend(), ax.figure.bbox
        assert drawn is not None
        box = drawn.get_window_extent()
        assert (box.x0 >= 0, box.x1 <= whole.width, box.y1 <= whole.height) == (True, True, True)
        assert len(drawn.get_texts()) == len(names)


def test_a_drawing_without_names_has_no_legend() -> None:
    with panel("Test", 2.6) as (ax, _):
        ax.plot([0, 1], [0, 1])
        legend(ax, 4)
        assert ax.get_legend() is None


def counted(dims: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.stack([np.histogram(rng.uniform(-1, 1, 200), EDGES)[0] for _ in range(dims)])


def test_few_action_values_are_lines_with_names() -> None:
    _, svg = actions(EDGES, counted(7), 0.99)
    assert [f"action {dim}" in svg for dim in range(8)] == [True] * 7 + [False]


@pytest.mark.parametrize("dims", [8, 24])
def test_many_action_values_are_rows_each_of_its_own(dims: int) -> None:
    _, svg = actions(EDGES, counted(dims), 0.99)
    assert ">all<" not in svg
    assert "steps [%]" in svg
    labels = {int(text) for text in re.findall(r">(\d+)</text>", svg)}
    assert {0, 2, 4, 6} <= labels
    # A cell for each bin of each action value.
    assert len(re.findall(r"<path[^>]*fill", svg)) + svg.count("<use") >= dims * 40 or svg.count("<path") >= dims * 40


@pytest.mark.parametrize(("low", "high"), [(0.7, 2.0), (2.5, 4.0), (0.1, 30.0), (1e-3, 1e3)])
def test_a_logarithmic_axis_is_marked_with_numbers_however_short_it_is(low: float, high: float) -> None:
    with panel("Test", 2.6) as (ax, out):
        ax.plot([low, high], [0, 1])
        ax.set_xscale("log")
        plain_log(ax.xaxis)
        ax.figure.draw_without_rendering()  # type: ignore[union-attr]
        marked = [float(one.get_text()) for one in ax.get_xticklabels() if one.get_text()]
        assert sum(low <= at <= high for at in marked) >= 2
    assert "mathdefault" not in str(out[0])
