"""The numbers of an evaluation as plain data, and the same numbers as a table for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

import numpy as np

from robopref.errors import DataError
from robopref.evaluation.choice_needs import ChoiceNeeds
from robopref.evaluation.intervals import Interval, Values, wilson
from robopref.evaluation.ladder import ladder_of
from robopref.evaluation.matched_pairs import FEWEST, finding, smallest_mean
from robopref.evaluation.run_folder import AHEAD, BEAMS, Decisions, Episodes, judge_of
from robopref.evaluation.statistics import (
    LEVEL,
    bootstrap_mean,
    calibration,
    gap_closed,
    pair_counts,
    paired_gain,
    rank_correlation,
    ratio_of_means,
)
from robopref.records import Goal
from robopref.rewards.derived import LABEL_FREE

BINS = 20  # over [0, 1]; half of them lie above the 0.5 that a more confident score exceeds

_BEFORE = "implicit"  # what candidates were ranked with in evaluations that do not say
_ORDER = ("explicit", "implicit", "combined", "tuned likelihood", *LABEL_FREE)
_HEADER = [
    "strategy",
    "mean improvement [{unit}]",
    "gain over own sample [{unit}]",
    "smallest gain that {starts} starts can show [{unit}]",
    "gap closed [%]",
    "pairs ordered rightly [%]",
]
_NONE = "–"


def strategies(decisions: Decisions) -> dict[str, Values]:
    """Outcome of each way of choosing at each start.

    Args:
        decisions: Candidates, scores and outcomes.

    Returns:
        (S,) outcomes by name, in the order of the table: ``own``, ``random`` (the mean of all candidates),
        ``tuned`` if there is a tuned policy, each scorer of actions, beam search by some of these, look-ahead for each
        reward of outcomes, such a reward of the outcomes of all candidates, and ``oracle`` (the best candidate).
    """
    found = {"own": decisions.of(decisions.own), "random": decisions.outcomes.mean(axis=1)}
    if decisions.tuned is not None:
        found["tuned"] = decisions.tuned
    judges = in_order(decisions.ahead)
    names = [name for name in in_order(decisions.scores) if name not in judges]
    searched = [BEAMS + name for name in in_order(decisions.beams)]
    for name in (*names, *searched, *(AHEAD + judge for judge in judges), *judges):
        found[name] = decisions.of(decisions.selected(name))
    return found | {"oracle": decisions.outcomes.max(axis=1)}


def summarise(
    decisions: Decisions,
    *,
    episodes: Episodes | None = None,
    wall_seconds: float | None = None,
    goal: Goal | None = None,
    ranked: str | None = None,
    needs: ChoiceNeeds | None = None,
) -> dict[str, Any]:
    """Compute every number of the report.

    Args:
        decisions: Candidates, scores and outcomes.
        episodes: Whole episodes.
        wall_seconds: How long the run took.
        goal: In what terms the task is reported.
        ranked: Scorer that candidates are ranked with when the policy is deployed, which the report is about; of a
            reward of outcomes it is about looking ahead.
        needs: What ways of choosing need, as far as it is known.

    Returns:
        What `summary.json` holds: distances and outcomes in units of progress, shares in [0, 1], intervals as
        ``{mean, low, high, n}``, and None for what is not defined, such as the share of a gap that is zero.
    """
    goal, needs = goal or Goal(), needs or ChoiceNeeds()
    rows = strategies(decisions)
    scores, outcomes = decisions.scores, decisions.outcomes
    starts, candidates = outcomes.shape
    counts = {name: pair_counts(scores[name], outcomes, threshold=goal.difference) for name in in_order(scores)}
    wanted = AHEAD + ranked if ranked in decisions.ahead else ranked
    chosen = _leading([name for name in rows if name in counts or name.startswith((AHEAD, BEAMS))], wanted)
    summary: dict[str, Any] = {
        "wall_seconds": wall_seconds,
        "n_starts": starts,
        "n_candidates": candidates,
        "level": LEVEL,
        "goal": asdict(goal),
        "scorers": list(counts),
        "leading": chosen,
        "look_ahead": {name: asdict(needs.ahead[name]) if name in needs.ahead else None for name in decisions.ahead},
        "beam_search": {name: needs.beams.get(name) for name in decisions.beams},
        "start_distance": _plain(bootstrap_mean, decisions.start_distance),
        "improvement": {name: _plain(bootstrap_mean, values) for name, values in rows.items()},
        "paired_gain": {name: _plain(paired_gain, rows[name], rows["own"]) for name in rows if name != "own"},
        "smallest_gain": {name: smallest_mean(rows[name] - rows["own"]) for name in rows if name != "own"},
        "gap_closed": {name: _plain(gap_closed, rows[name], rows["random"], rows["oracle"]) for name in rows},
        "pair_accuracy": {name: _plain(ratio_of_means, *right) for name, right in counts.items()},
        "rank_correlation": {name: _rank(scores[name], outcomes) for name in counts},
        "calibration_error": {name: _error(scores[name], outcomes, goal.difference) for name in counts},
        "ladder": ladder_of(rows, decisions.ahead, needs, candidates=candidates, leading=chosen),
        "episodes": {} if episodes is None else {name: _episode(episodes, name) for name in episodes.distances},
    }
    return {"headline": "{} ({}).".format(*answer(summary)), **summary}


def answer(summary: dict[str, Any]) -> tuple[str, str]:
    """Say in plain words whether selecting pays.

    Args:
        summary: From `summarise`, or read from `summary.json`.

    Returns:
        The answer, and the interval behind it.
    """
    scorer, starts = leading(summary), summary["n_starts"]
    gain, goal = summary["paired_gain"][scorer], Goal(**summary["goal"])
    many = f"{starts} held-out start{'s' if starts > 1 else ''}"
    interval = f"{100 * summary['level']:.0f} % interval {span(gain, goal.scale)} {goal.unit} over {many}"
    subject = _subject(scorer, summary)
    size = f"{abs(goal.scale * gain['mean']):.1f} {goal.unit} of {goal.distance}"
    side = "better" if gain["mean"] >= 0 else "worse"
    if starts < FEWEST:
        return f"Too few starts to tell: {subject} was {side} than the policy's own sample by {size}", interval
    smallest = summary["smallest_gain"][scorer]
    found = finding(Interval(**gain), smallest)
    if found == "gain":
        return f"Yes: {subject} is better than the policy's own sample, by {size}", interval
    if found == "loss":
        return f"No: {subject} is worse than the policy's own sample, by {size}", interval
    least = f"{goal.scale * smallest:.1f} {goal.unit}"
    told = f"Not shown: {subject} makes no difference that {many} can show (smallest: {least}, seen: {size} {side})"
    if (ahead := _shown_ahead(summary)) is None:
        return told, interval
    shown = summary["paired_gain"][ahead]
    better = f"{_subject(ahead, summary)} is better, by {goal.scale * shown['mean']:.1f} {goal.unit}"
    spans = f"{span(gain, goal.scale)} and {span(shown, goal.scale)} {goal.unit}"
    return f"{told}; {better}", f"{100 * summary['level']:.0f} % intervals {spans} over {many}"


def _shown_ahead(summary: dict[str, Any]) -> str | None:
    """Looking ahead, where its gain is shown; of the few such choices the first, not the best of many."""
    for name, gain in summary["paired_gain"].items():
        if name.startswith(AHEAD) and finding(Interval(**gain), summary["smallest_gain"][name]) == "gain":
            return str(name)
    return None


def leading(summary: dict[str, Any]) -> str:
    """What the report is about: the score that candidates are ranked with in deployment, looking ahead or searching.

    Args:
        summary: From `summarise`, or read from `summary.json`.
    """
    ahead = [AHEAD + name for name in summary.get("look_ahead", {})]
    searched = [BEAMS + name for name in summary.get("beam_search", {})]
    return _leading([*summary["scorers"], *ahead, *searched], summary.get("leading"))


def _leading(scorers: Iterable[str], ranked: str | None) -> str:
    listed = in_order(scorers)
    return next((name for name in (ranked, _BEFORE) if name in listed), listed[0])


def format_table(summary: dict[str, Any]) -> list[list[str]]:
    """Lay the summary out as a table.

    Args:
        summary: From `summarise`, or read from `summary.json`.

    Returns:
        Rows of text of equal length, the header first; a dash stands for what is not defined.
    """
    scale, unit = summary["goal"]["scale"], summary["goal"]["unit"]
    return [
        [cell.format(unit=unit, starts=summary["n_starts"]) for cell in _HEADER],
        *(
            [
                label(name, summary),
                _cell(summary["improvement"].get(name), scale, signs=True),
                _cell(summary["paired_gain"].get(name), scale, signs=True),
                _number(summary["smallest_gain"].get(name), scale),
                _cell(summary["gap_closed"].get(name), 100, digits=0),
                _cell(summary["pair_accuracy"].get(name), 100),
            ]
            for name in summary["improvement"]
        ),
    ]


def label(name: str, summary: dict[str, Any]) -> str:
    """What a strategy is called in tables.

    Args:
        name: A name that `strategies` gives.
        summary: From `summarise`, or read from `summary.json`.

    Returns:
        Plain words.
    """
    candidates, ahead = summary["n_candidates"], summary.get("look_ahead", {})
    known = {
        "own": "policy's own sample",
        "random": "random candidate",
        "tuned": "preference-tuned policy's own sample",
        "oracle": f"best of {candidates} (oracle)",
        **{judge: f"best by {judge}, all {candidates} simulated" for judge in ahead},
        **{AHEAD + judge: f"{AHEAD}{judge}{_simulating(how, candidates)}" for judge, how in ahead.items()},
        **{BEAMS + name: f"{BEAMS}{name}{_carrying(count)}" for name, count in summary.get("beam_search", {}).items()},
    }
    return known.get(name, f"selection by {name}")


def _simulating(how: dict[str, Any] | None, candidates: int) -> str:
    if how is None:
        return ""
    return f", {min(how['keep'], candidates)} of {candidates} {'imagined' if how.get('imagined') else 'simulated'}"


def _carrying(count: int | None) -> str:
    return "" if count is None else f", {count} simulated"


def _subject(name: str, summary: dict[str, Any]) -> str:
    judge = judge_of(name)
    if name.startswith(BEAMS):
        return f"{name}{_carrying(summary['beam_search'][judge])},"
    if judge != name:
        return f"{name}{_simulating(summary['look_ahead'][judge], summary['n_candidates'])},"
    return f"selection by the {name} score"


def oriented_pairs(scores: Values, outcomes: Values, threshold: float) -> tuple[Values, Values]:
    """Pairs of candidates of one start, with the one that the score prefers first.

    Args:
        scores: (S, N) larger is better.
        outcomes: (S, N) larger is better.
        threshold: Outcomes that differ by no more than this do not make a pair.

    Returns:
        (n,) score margins, none negative, and (n,) 1 where the preferred one was better, 0 where it was worse, 0.5
        where the score had no preference.
    """
    first, second = np.triu_indices(outcomes.shape[1], k=1)
    gap = outcomes[:, first] - outcomes[:, second]
    margin = scores[:, first] - scores[:, second]
    kept = np.abs(gap) > threshold
    return np.abs(margin[kept]), (1 + np.sign(margin[kept] * gap[kept])) / 2


def in_order(names: Iterable[str]) -> list[str]:
    """Put scorers in the order of the table: the usual ones first, then by name."""
    return sorted(names, key=lambda name: (_ORDER.index(name) if name in _ORDER else len(_ORDER), name))


def signed(value: float, digits: int = 1) -> str:
    """Write a number with its sign, and zero without."""
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0 else text


def span(interval: dict[str, float], scale: float, digits: int = 1, *, signs: bool = True) -> str:
    """Write the ends of an interval.

    Args:
        interval: ``{low, high}``.
        scale: What to multiply them by, such as 100 for metres to centimetres.
        digits: Digits behind the point.
        signs: Whether to write plus signs.

    Returns:
        Such as ``+1.2 to +3.4``.
    """
    low, high = (scale * interval[end] for end in ("low", "high"))
    return " to ".join(signed(end, digits) if signs else f"{end:z.{digits}f}" for end in (low, high))


def _cell(interval: dict[str, float] | None, scale: float, digits: int = 1, *, signs: bool = False) -> str:
    if interval is None:
        return _NONE
    mean = scale * interval["mean"]
    text = signed(mean, digits) if signs else f"{mean:z.{digits}f}"
    if interval["low"] == interval["high"]:  # true by definition, such as the share that the best candidate closes
        return text
    return f"{text} ({span(interval, scale, digits, signs=signs)})"


def _number(value: float | None, scale: float) -> str:
    return _NONE if value is None else f"{scale * value:.1f}"


def _plain(estimate: Callable[..., Interval], *values: Values) -> dict[str, Any] | None:
    """An interval as plain data, or None where it is not defined."""
    try:
        return asdict(estimate(*values))
    except DataError:
        return None


def _rank(scores: Values, outcomes: Values) -> dict[str, Any] | None:
    found = rank_correlation(scores, outcomes)
    return _plain(bootstrap_mean, found[np.isfinite(found)])


def _error(scores: Values, outcomes: Values, threshold: float) -> float | None:
    margins, wins = oriented_pairs(scores, outcomes, threshold)
    return calibration(margins, wins, BINS).error if len(margins) else None


def _episode(episodes: Episodes, strategy: str) -> dict[str, Any]:
    steps = episodes.steps(strategy)
    median = float(np.median(steps))
    return {
        "success": asdict(wilson(int(np.isfinite(steps).sum()), len(steps), level=LEVEL)),
        "final_distance": _plain(bootstrap_mean, episodes.distances[strategy][:, -1]),
        "median_steps": median if np.isfinite(median) else None,
    }
