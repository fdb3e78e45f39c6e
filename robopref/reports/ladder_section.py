"""The section of the report that says which step between random and best brings how much, and what it needs."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from robopref.evaluation import run_folder
from robopref.evaluation.intervals import Interval
from robopref.evaluation.ladder import largest_jump
from robopref.evaluation.matched_pairs import FEWEST
from robopref.evaluation.summary import label, signed, span
from robopref.reports import figures
from robopref.reports.palette import styles
from robopref.reports.template import block, figure, grid, mark, missing, paragraph, section, table, typeset

_NONE = "–"
_HEADER = [
    "way of choosing",
    "gap closed [%]",
    "questions answered for it",
    "actions executed for training",
    "candidates simulated a decision",
    "median time of a decision [ms]",
]
_READING = (
    "From a random candidate (0 %) up to the best of {candidates} (100 %). Questions and executed actions are those "
    "that a reward was trained on, or before it the one whose answers it learnt from; whoever answers may have "
    "executed actions as well, as a scripted teacher does. A score of actions looks at candidates and executes none. "
    "Three take no label: likelihood is the density that the policy itself gives an action, masked likelihood how much "
    "of it comes from what was seen of the scene, and candidate agreement how near the other candidates are. "
    "Beam search adds a score of actions up over several decisions, which it simulates: it chooses for what comes "
    "later, too, which a single decision does not show. "
    "Look-ahead simulates the few that such a score likes best and takes the one whose outcome is judged best. All "
    "{candidates} simulated outcomes are, as the oracle, "
    "nothing that a robot can have without a simulator; the oracle needs the true outcomes as well. Times are those of "
    "the machine that evaluated, simulation included."
)


def ladder(summary: dict[str, Any]) -> Markup:
    """Ways of choosing from a random candidate to the best one, and where the jump is.

    Args:
        summary: From `summarise`.
    """
    title, candidates = "The ladder: what each way of choosing brings, and what it needs", summary["n_candidates"]
    found = summary["ladder"]
    looks = styles(summary["improvement"])
    shares = {rung["name"]: summary["gap_closed"][rung["name"]] for rung in found["rungs"]}
    if any(share is None for share in shares.values()):
        return section(title, paragraph("All candidates are equally good, so there is no gap to close.", "note"))
    rows = [_HEADER, *(_row(rung, shares[rung["name"]], summary) for rung in found["rungs"])]
    marks = [mark(name, looks[name].glyph, looks[name].variable) for name in shares]
    drawn = {name: (_short(name, summary), share) for name, share in shares.items()}
    measured = any(rung["milliseconds"] is not None for rung in found["rungs"])
    return section(
        title,
        *(paragraph(typeset(sentence)) for sentence in jump_in_words(summary)),
        table(
            rows, marks=marks, strong=[list(shares).index(summary["leading"])] if summary["leading"] in shares else []
        ),
        grid(
            [
                figure(*figures.ladder(drawn, looks)),
                block("How to read this", typeset(_READING.format(candidates=candidates))),
            ],
            "two",
        ),
        *([] if measured else [missing(run_folder.NEEDS, "robopref evaluate")]),
    )


def jump_in_words(summary: dict[str, Any]) -> list[str]:
    """Say where the jump is, and what it takes and leaves, in two sentences; none where nothing can be compared.

    Args:
        summary: From `summarise`.
    """
    jump = largest_jump(summary["ladder"])
    if jump is None:
        return []
    share, starts = jump["share"], summary["n_starts"]
    before, after = (label(jump[end], summary) for end in ("from", "to"))
    size = f"{signed(100 * share['mean'], 0)} % of the gap"
    interval = f"{100 * summary['level']:.0f} % interval {span(share, 100, 0)} %"
    shown = starts >= FEWEST and Interval(**share).low > 0
    where = (
        f"The jump is from {before} to {after}: {size} ({interval})."
        if shown
        else f"No step can be shown with {starts} starts; the largest seen is from {before} to {after}: {size} "
        f"({interval})."
    )
    rung = next(rung for rung in summary["ladder"]["rungs"] if rung["name"] == jump["to"])
    spent = [
        f"{rung[key]:,} {words}"
        for key, words in (
            ("answers", "answered questions"), ("carried_out", "executed actions for training"),
            ("simulated", "simulated candidates a decision"),
        )
        if rung[key]
    ]  # fmt: skip
    costs = f"It takes {_listed(spent)}" if spent else "It takes no answer and no simulation"
    left = 100 * (1 - summary["gap_closed"][jump["to"]]["mean"])
    return [where, f"{costs}, and leaves {left:.0f} % of the gap to the best candidate."]


def _row(rung: dict[str, Any], share: dict[str, float], summary: dict[str, Any]) -> list[str]:
    time = rung["milliseconds"]
    closed = f"{100 * share['mean']:z.0f}"
    return [
        label(rung["name"], summary),
        closed if share["low"] == share["high"] else f"{closed} ({span(share, 100, 0, signs=False)})",
        *(_NONE if rung[key] is None else f"{rung[key]:,}" for key in ("answers", "carried_out", "simulated")),
        _NONE if time is None else f"{time:,.0f}" if time >= 10 else f"{time:.1f}",
    ]


def _short(name: str, summary: dict[str, Any]) -> str:
    candidates = summary["n_candidates"]
    known = {"own": "own sample", "oracle": f"best of {candidates}"}
    known |= {judge: f"by {judge}, all {candidates}" for judge in summary["look_ahead"]}
    return known.get(name, name)


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
