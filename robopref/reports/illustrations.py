"""Sections of the report that show what happened: learning curves, starts from above, videos."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from robopref.evaluation import run_folder, stored_arrays
from robopref.evaluation.intervals import Values
from robopref.evaluation.run_folder import AHEAD, BEAMS, Decisions
from robopref.evaluation.summary import in_order, signed
from robopref.files import number
from robopref.records import ActionGeometry, Goal
from robopref.reports import figures
from robopref.reports.palette import BEST, NEUTRAL, WORST, styles
from robopref.reports.template import figure, folded, grid, key, missing, paragraph, section, table, typeset, video

_PICTURES = 6
_SPOKEN = {"oracle": "best candidate", "own": "policy's own sample"}
_CURVE_POINTS = 200
_PANELS = 4
_NO_TERMS = ("step", "phase")  # of a line, which say where a training was


def learning(curves: dict[str, list[dict[str, Any]]]) -> Markup:
    """Learning curves of the policy and of the rewards.

    Args:
        curves: Logged lines, ``{step, term: value, ...}``, by the name of what was trained.
    """
    title = "Learning curves"
    if not curves:
        return section(title, missing("policy/metrics.jsonl and rewards/<name>/metrics.jsonl", "robopref train"))
    drawn, left_out = [], []
    for name, lines in curves.items():
        panels = _terms(lines)
        for unit, terms in list(panels.items())[:_PANELS]:
            drawn.append(
                figure(*figures.learning_curves(f"{name}: {'accuracy' if unit == '%' else unit}", terms, unit))
            )
        left_out += [f"{name} {unit}" for unit in list(panels)[_PANELS:]]
    note = f"Long curves are averaged over blocks of steps, to at most {_CURVE_POINTS} points."
    hidden = f" Logged but not drawn: {', '.join(left_out)}." if left_out else ""
    return section(title, paragraph(note + hidden), grid(drawn))


def pictures(decisions: Decisions, geometry: ActionGeometry | None, goal: Goal, scorer: str) -> Markup:
    """Some starts from above, with candidates as arrows and who chose which.

    Args:
        decisions: Candidates, scores and outcomes.
        geometry: What an action means in space, or None if it was not stored.
        goal: In what terms the task is reported.
        scorer: Which is set beside the policy's own sample.
    """
    title = "What was chosen, from above"
    if geometry is None:
        return section(title, missing(run_folder.GEOMETRY, "robopref evaluate"))
    if geometry.matrix.shape[2] != decisions.actions.shape[3]:
        wanted, got = geometry.matrix.shape[2], decisions.actions.shape[3]
        text = f"`{run_folder.GEOMETRY}` is for actions of {wanted} numbers, the candidates have {got}."
        return section(title, paragraph(text, "missing"))
    if geometry.origin is not None and decisions.proprio is None:
        return section(title, missing(f"proprio of {run_folder.DECISIONS}", "robopref evaluate"))
    gain = decisions.of(decisions.selected(scorer)) - decisions.of(decisions.own)
    count = min(_PICTURES, len(gain))
    shown = np.argsort(gain, kind="stable")[np.linspace(0, len(gain) - 1, count).round().astype(int)]
    scale = max(float(np.quantile(np.abs(decisions.outcomes[shown]), 0.98)), 1e-3)
    chosen = [AHEAD + name if name in decisions.ahead else name for name in in_order(decisions.scores)]
    marks = {name: decisions.selected(name) for name in (*chosen, *(BEAMS + name for name in decisions.beams))}
    marks = {"oracle": decisions.outcomes.argmax(axis=1), "own": decisions.own, **marks}
    # More of them would lie over each other: what the page is about, and the first that looks ahead.
    few = ["oracle", "own", scorer, *[name for name in chosen if name.startswith(AHEAD)][:1]]
    few = [name for name in dict.fromkeys(few) if name in marks]
    way = scorer if scorer.startswith((AHEAD, BEAMS)) else f"{scorer} selection"
    drawn = [
        _picture(decisions, geometry, int(start), {name: marks[name] for name in few}, scale, goal) for start in shown
    ]
    lead = (
        f"Arrows run from {geometry.labels[0]} to {geometry.labels[-1]}: the four best and the four worst candidates "
        f"and the chosen ones; the rest are hairlines. The starts run evenly from where {way} lost most "
        "against the policy's own sample to where it gained most, so they are not a selection of successes."
    )
    dotted = " The dotted line is the target." if decisions.target is not None else ""
    others = [] if len(few) == len(marks) else [_others(decisions, marks, shown, goal)]
    return section(title, paragraph(lead + dotted), _key(few, scale, goal), grid(drawn), *others)


def videos(folder: Path) -> Markup:
    """The same start without and with selection, side by side.

    Args:
        folder: The run folder.

    Returns:
        HTML, which holds the videos themselves.
    """
    title = "The same start, without and with selection"
    captions = {"policy.mp4": "Policy's own samples", "selected.mp4": "With selection"}
    held = {folder / "evaluation" / name: caption for name, caption in captions.items()}
    drawn = [figure(caption, video(path)) for path, caption in held.items() if path.is_file()]
    lacking = [f"evaluation/{path.name}" for path in held if not path.is_file()]
    return section(
        title,
        *([grid(drawn, "two")] if drawn else []),
        *(missing(name, "robopref evaluate") for name in lacking),
    )


def _terms(lines: list[dict[str, Any]]) -> dict[str, dict[str, tuple[Values, Values]]]:
    """Curves of each panel by its unit: losses, accuracies, and every other term by itself."""
    names = list(dict.fromkeys(name for line in lines for name in line if name not in _NO_TERMS))
    panels: dict[str, dict[str, tuple[Values, Values]]] = {"loss": {}, "%": {}}
    for name in names:
        told = [(line["step"], number(line.get(name))) for line in lines]
        seen = [(step, value) for step, value in told if value is not None and abs(value) <= stored_arrays.LARGEST]
        if not seen:
            continue
        panel = "%" if "accuracy" in name else "loss" if "loss" in name else name
        panels.setdefault(panel, {})[name] = _thinned(np.array(seen, dtype=np.float64))
    return {unit: curves for unit, curves in panels.items() if curves}


def _thinned(rows: NDArray[np.float64]) -> tuple[Values, Values]:
    """Average (n, 2) steps and values over blocks."""
    blocks = np.array_split(rows[np.argsort(rows[:, 0], kind="stable")], min(len(rows), _CURVE_POINTS))
    means = np.array([block.mean(axis=0) for block in blocks])
    return means[:, 0], means[:, 1]


def _picture(
    decisions: Decisions,
    geometry: ActionGeometry,
    start: int,
    marks: dict[str, NDArray[np.int64]],
    scale: float,
    goal: Goal,
) -> Markup:
    chosen = {name: int(index[start]) for name, index in marks.items()}
    anchors = geometry.anchors(
        decisions.actions[start], None if decisions.proprio is None else decisions.proprio[start]
    )
    paths = anchors.reshape(len(anchors), -1, 3)
    if paths.shape[1] == 1:
        # A single anchor is no path: it starts where it ends.
        paths = np.repeat(paths, 2, axis=1)
    outcomes = decisions.outcomes[start]
    drawing = figures.candidates_above(
        f"start {start}: {goal.distance} {goal.scale * decisions.start_distance[start]:.1f} {goal.unit}",
        decisions.points[start],
        paths,
        outcomes,
        chosen,
        scale=scale,
        target=decisions.target,
    )
    names = {"oracle": "best", "own": "own sample"}
    gained = (f"{names.get(name, name)} {signed(goal.scale * outcomes[i])}" for name, i in chosen.items())
    return figure(*drawing, f"Improvement [{goal.unit}]: {typeset(', '.join(gained))}.")


def _others(decisions: Decisions, marks: dict[str, NDArray[np.int64]], shown: NDArray[np.int64], goal: Goal) -> Markup:
    """What every way of choosing brought at the starts that are shown."""
    rows = [[f"improvement [{goal.unit}]", *(f"start {start}" for start in shown)]]
    for name, index in marks.items():
        gained = decisions.outcomes[shown, index[shown]]
        rows.append([_SPOKEN.get(name, name), *(signed(goal.scale * value) for value in gained)])
    return folded("What every way of choosing brought at these starts", table(rows))


def _key(names: list[str], scale: float, goal: Goal) -> Markup:
    entries = [(look.outline, _SPOKEN.get(name, f"chosen by {name}")) for name, look in styles(names).items()]
    end = f"{goal.scale * scale:.2g} {goal.unit}"
    return key(entries, (WORST, NEUTRAL, BEST), (f"−{end}", f"+{end}"))
