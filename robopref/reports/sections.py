"""Sections of the report that hold numbers: each turns results into HTML, or says what is missing."""

from __future__ import annotations

from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from robopref.evaluation import run_folder
from robopref.evaluation.control import matched_tables
from robopref.evaluation.intervals import Interval, Values, wilson
from robopref.evaluation.matched_pairs import POWER
from robopref.evaluation.run_folder import AHEAD, Decisions, Episodes, judge_of
from robopref.evaluation.statistics import LEVEL, bootstrap_mean, calibration
from robopref.evaluation.summary import (
    BINS,
    answer,
    format_table,
    in_order,
    leading,
    oriented_pairs,
    signed,
    span,
)
from robopref.files import number
from robopref.records import Goal
from robopref.reports import figures
from robopref.reports.palette import styles
from robopref.reports.template import (
    block,
    figure,
    grid,
    header,
    mark,
    missing,
    paragraph,
    section,
    table,
    tiles,
    typeset,
)

_FEW = 20  # starts below which a percentile bootstrap is too narrow
_DRAWN = 1200

_READING = (
    "At each held-out start the policy draws {candidates} candidate actions and every one of them is executed from "
    "that same start. The outcome of a candidate is by how much it lowers the {distance}, which "
    "is {start} {unit} at the starts on average. A score picks the candidate it likes "
    "best without seeing outcomes. “Gain” compares that pick with the policy's own sample at the same start; the "
    "smallest gain that so many starts can show is what a paired t-test finds with a chance of {power} %; “gap closed” "
    "is 0 % for a random candidate and 100 % for the best one; “pairs ordered rightly” counts pairs of "
    "candidates of one start whose outcomes differ by more than {threshold} {unit}, and 50 % is chance. Brackets hold "
    "{level} % intervals over starts (percentile bootstrap, paired by start): they say how sure the number is for new "
    "starts, not for new training runs."
)

_MATCHED = (
    "Whole episodes of each strategy beside those of the policy's own sample, from the same starts and with the same "
    "seeds. A gain is positive where the strategy is better. Of success the brackets hold Newcombe's {level} % score "
    "interval for paired shares, and McNemar's exact p says how likely so uneven a split of the starts where the two "
    "differ is if neither is better; of the distance they hold a percentile bootstrap of the differences. The smallest "
    "difference is what a test at that level finds with a chance of {power} % on as many starts, by how often, or how "
    "much, the two differed. What is smaller, or has an interval that holds zero, is not called a gain or a loss; that "
    "does not say that there is none: more starts (evaluate.episodes) can show smaller ones."
)


def headline(summary: dict[str, Any]) -> Markup:
    """The answer in one sentence, and the numbers behind it.

    Args:
        summary: From `summarise`.
    """
    scorer, level = leading(summary), f"{100 * summary['level']:.0f} %"
    goal = Goal(**summary["goal"])
    own, chosen = (goal.scale * summary["improvement"][name]["mean"] for name in ("own", scorer))
    judge = judge_of(scorer)
    foretold = scorer.startswith(AHEAD)
    gap, right = summary["gap_closed"][scorer], summary["pair_accuracy"][judge]
    pairs = "of pairs of simulated outcomes" if foretold else "of pairs"
    way = f"{scorer} selection" if judge == scorer else scorer
    shown = [
        (f"{signed(own)} → {signed(chosen)} {goal.unit}", f"mean improvement: own sample → {way}"),
        (_percent(gap, 0), f"of the way from a random to the best candidate{_within(gap, level, 0)}"),
        (_percent(right, 1), f"{pairs} ordered rightly by {judge}{_within(right, level, 1)}"),
        (f"{summary['n_starts']} × {summary['n_candidates']}", "held-out starts × candidates, each executed"),
    ]
    sentence, interval = answer(summary)
    numbers = tiles((typeset(value), typeset(text)) for value, text in shown)
    return header("robopref evaluation", f"{typeset(sentence)}.", numbers, below=typeset(interval))


def choices(summary: dict[str, Any]) -> Markup:
    """The table of all ways of choosing, and how to read it.

    Args:
        summary: From `summarise`.
    """
    names: list[str] = list(summary["improvement"])
    candidates: int = summary["n_candidates"]
    marks = [mark(name, look.glyph, look.variable) for name, look in styles(names).items()]
    short = {"random": "random", "tuned": "tuned policy", "oracle": f"best of {candidates}"}
    short |= {judge: f"by {judge}, all {candidates}" for judge in summary["look_ahead"]}
    rows = {name: (short.get(name, name), summary["paired_gain"][name]) for name in names if name != "own"}
    start, goal = summary["start_distance"], Goal(**summary["goal"])
    reading = _READING.format(
        candidates=candidates,
        distance=goal.distance,
        unit=goal.unit,
        start=f"{goal.scale * start['mean']:.1f}",
        threshold=f"{goal.scale * goal.difference:g}",
        level=f"{100 * summary['level']:.0f}",
        power=f"{100 * POWER:.0f}",
    )
    if "tuned" in names:
        reading += (
            " The tuned policy's own sample is drawn as that of the policy before tuning, its control: with the same "
            "temperature and steps, and as the likeliest of as many."
        )
    if judges := list(summary["look_ahead"]):
        reading += (
            f" Of rewards, {', '.join(judges)} sees outcomes: those of candidates that are simulated, a few or all."
        )
    few = f"With only {summary['n_starts']} starts the intervals are too narrow; treat them as a rough guide."
    return section(
        "Which candidate is executed, and what it brings",
        table(format_table(summary), marks=marks, strong=[names.index(leading(summary))]),
        grid(
            [
                figure(*figures.gains(rows, goal)),
                block("How to read this", typeset(reading)),
            ],
            "two",
        ),
        *([paragraph(few, "note")] if summary["n_starts"] < _FEW else []),
    )


def scores(decisions: Decisions, summary: dict[str, Any]) -> Markup:
    """Score against outcome for each scorer, and the reliability diagram.

    Args:
        decisions: Candidates, scores and outcomes.
        summary: From `summarise`.
    """
    drawn, curves = [], {}
    for name in in_order(decisions.scores):
        rank = summary["rank_correlation"][name]
        caption = "Rank correlation within a start: " + (
            "not defined." if rank is None else f"{rank['mean']:.2f} ({span(rank, 1, 2, signs=False)})."
        )
        scored = decisions.scores[name]
        scatter = figures.score_scatter(
            name, scored, decisions.outcomes, decisions.selected(name), _DRAWN, Goal(**summary["goal"])
        )
        drawn.append(figure(*scatter, typeset(caption)))
        margins, wins = oriented_pairs(scored, decisions.outcomes, summary["goal"]["difference"])
        if len(margins):
            curves[name] = calibration(margins, wins, BINS)
    if curves:
        errors = ", ".join(f"{name} {100 * curve.error:.1f} %" for name, curve in curves.items())
        drawn.append(figure(*figures.reliability(curves), f"Expected calibration error: {errors}."))
    lead = (
        "Dots are candidates of all starts; score and outcome are relative to their mean at the same start, as only "
        "differences within a start matter for choosing. Below the dotted line of the reliability diagram a score is "
        "too sure of itself. Scores beyond the central 99 % are drawn at the edge."
    )
    return section("Does the score know the outcome?", paragraph(lead), grid(drawn, "two"))


def shifts(stored: dict[str, Any] | None) -> Markup:
    """Pair accuracy and calibration when the candidates are unlike those of training.

    Args:
        stored: ``{scorer: {shift: {accuracy, ece, pairs}}}``, shares in [0, 1], or None if it was not stored.
    """
    title = "Under shifted candidates"
    if not stored:
        return section(title, missing(run_folder.SHIFTS, "robopref evaluate"))
    found = {
        scorer: {name: cell for name, cell in row.items() if isinstance(cell, dict)}
        for scorer in in_order(stored)
        if isinstance(row := stored[scorer], dict)
    }
    names = list(dict.fromkeys(shift for row in found.values() for shift in row))
    header = ["candidates", *(f"{scorer} [%]" for scorer in found), "pairs"]
    rows = [[name, *(_shift(found[scorer].get(name)) for scorer in found), _pairs(found, name)] for name in names]
    lead = "Pairs ordered rightly, and in brackets the expected calibration error, both in percent; 50 % is chance."
    return section(title, paragraph(lead), table([header, *rows]))


def episodes(loaded: Episodes | None, summary: dict[str, Any]) -> Markup:
    """Whole episodes: distance to the goal and success by step.

    Args:
        loaded: The episodes, or None if they were not stored.
        summary: From `summarise`, with the same episodes.
    """
    title = "Whole episodes"
    if loaded is None:
        return section(title, missing(run_folder.EPISODES, "robopref evaluate"))
    names = list(loaded.distances)
    steps = next(iter(loaded.distances.values())).shape[1]
    goal = Goal(**summary["goal"])
    distance = {name: _band(goal.scale * loaded.distances[name]) for name in names}
    reached = {name: loaded.steps(name)[:, None] <= np.arange(steps) for name in names}
    share = {name: _shares(values) for name, values in reached.items()}
    limit = goal.scale * loaded.success_distance
    rows = [["strategy", "success [%]", "median steps to success", f"final {goal.distance} [{goal.unit}]"]]
    for name in names:
        found = summary["episodes"][name]
        median = found["median_steps"]
        rows.append(
            [
                name,
                f"{100 * found['success']['mean']:.0f} ({span(found['success'], 100, 0, signs=False)})",
                f"more than {steps - 1}" if median is None else f"{median:g}",
                f"{goal.scale * found['final_distance']['mean']:.1f} "
                f"({span(found['final_distance'], goal.scale, signs=False)})",
            ]
        )
    marks = [mark(name, look.glyph, look.variable) for name, look in styles(names).items()]
    solved = f"below {limit:g} {goal.unit}" if limit else "when the task says so"
    lead = (
        f"The same {len(next(iter(loaded.distances.values())))} starts for every strategy; an episode succeeds "
        f"{solved}. Bands are {100 * summary['level']:.0f} % intervals over starts."
    )
    drawn = [
        figure(
            *figures.episode_curves(f"Mean {goal.distance}", f"{goal.distance} [{goal.unit}]", distance, limit or None)
        ),
        figure(*figures.episode_curves("Episodes that have succeeded", "share [%]", share, None)),
    ]
    return section(title, paragraph(lead), table(rows, marks=marks), grid(drawn, "two"))


def matched(summary: dict[str, Any]) -> Markup:
    """Each strategy against the policy's own sample, start by start.

    Args:
        summary: From `summarise`, with ``matched`` from `against_control`, which found something to compare.
    """
    found = summary["matched"]
    reading = _MATCHED.format(level=f"{100 * found['level']:.0f}", power=f"{100 * found['power']:.0f}")
    return section(
        "With and without, on the same starts",
        *(
            part
            for heading, rows in matched_tables(found, Goal(**summary["goal"]))
            for part in (paragraph(f"{heading}."), table(rows))
        ),
        grid([block("How to read this", typeset(reading))], "two"),
    )


def _band(values: Values) -> tuple[Values, Values, Values]:
    """Mean, low and high of each column of (S, T + 1)."""
    return _curves([bootstrap_mean(column, resamples=2000) for column in values.T], 1)


def _shares(values: NDArray[np.bool_]) -> tuple[Values, Values, Values]:
    """Share in percent, low and high of each column of (S, T + 1)."""
    return _curves([wilson(int(column.sum()), len(column), level=LEVEL) for column in values.T], 100)


def _curves(found: list[Interval], scale: float) -> tuple[Values, Values, Values]:
    rows = scale * np.array([(one.mean, one.low, one.high) for one in found])
    return rows[:, 0], rows[:, 1], rows[:, 2]


def _percent(interval: dict[str, float] | None, digits: int) -> str:
    return "–" if interval is None else f"{100 * interval['mean']:.{digits}f} %"


def _within(interval: dict[str, float] | None, level: str, digits: int) -> str:
    return "" if interval is None else f" ({level}: {span(interval, 100, digits, signs=False)} %)"


def _shift(found: dict[str, Any] | None) -> str:
    accuracy, error = (number((found or {}).get(key)) for key in ("accuracy", "ece"))
    if accuracy is None:
        return "–"
    return f"{100 * accuracy:.1f}" + ("" if error is None else f" (error {100 * error:.1f})")


def _pairs(found: dict[str, dict[str, Any]], shift: str) -> str:
    counts = {number(row[shift].get("pairs")) for row in found.values() if shift in row} - {None}
    return " / ".join(f"{count:,.0f}" for count in sorted(counts)) or "–"  # type: ignore[type-var]
