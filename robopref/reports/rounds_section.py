"""The section of the report on rounds in which the policy learnt from its own candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from markupsafe import Markup

from robopref.evaluation.intervals import Interval
from robopref.evaluation.round_record import ROUNDS, RoundRecord, best_round, load_rounds
from robopref.evaluation.summary import signed
from robopref.records import Goal
from robopref.reports import figures
from robopref.reports.template import block, figure, grid, paragraph, section, table, video

_NONE = "–"
_BRIEF = (0, 1, 2, 4, 5, 6, 8)  # columns
_COLUMNS = 12  # of all rounds; what policies that judge themselves prefer comes after these
_READING = (
    "Each round carries out candidates of the policy, has a reward judge what came of them, and lets the policy learn "
    "from that. Gains are over the own sample of the policy that the rounds began with, at the same validation starts, "
    "with 95 % intervals; these starts are neither learnt from nor those of the evaluation. What the judge prefers "
    "needs no truth, and decides which round is best. Entropy falls as samples become alike; the distance is how much "
    "better the policy denoises its own samples than the first one does. Actions are those that were executed to learn "
    "from, not those that compare the rounds."
)


def round_rows(rounds: Sequence[RoundRecord], goal: Goal) -> list[list[str]]:
    """Texts of a table of rounds, the header first.

    Args:
        rounds: From round 0 on.
        goal: In what terms they are shown.
    """
    header = [
        "round", "answers", "actions", f"own sample [{goal.unit}]", f"gain [{goal.unit}]",
        f"best by reward [{goal.unit}]", "judge prefers", "held-out pairs", "entropy", "distance", "real",
        "time [s]",
    ]  # fmt: skip
    made = [header, *(_row(one, goal) for one in rounds)]
    if any(one.watched is not None for one in rounds):
        shown = ["own preference", *(_NONE if one.watched is None else f"{one.watched:.0%}" for one in rounds)]
        made = [[*row, text] for row, text in zip(made, shown, strict=True)]
    return made


def brief_rows(rounds: Sequence[RoundRecord], goal: Goal) -> list[list[str]]:
    """The columns of `round_rows` that have room in a terminal."""
    rows = round_rows(rounds, goal)
    columns = [*_BRIEF, *range(_COLUMNS, len(rows[0]))]
    return [[row[column] for column in columns] for row in rows]


def _row(one: RoundRecord, goal: Goal) -> list[str]:
    return [
        str(one.round), f"{one.answers:,}", f"{one.carried_out:,}", f"{goal.scale * one.own:.1f}",
        _span(one.gain, goal), _span(one.best, goal), _NONE if one.round == 0 else f"{one.judged:.0%}",
        _NONE if one.agreement is None else f"{one.agreement:.0%}", f"{one.entropy:z.2f}", f"{one.distance:z.3f}",
        f"{one.real:.0%}", f"{one.seconds:,.0f}",
    ]  # fmt: skip


def _span(found: Interval | None, goal: Goal) -> str:
    if found is None:
        return _NONE
    low, high = (signed(goal.scale * end, 1) for end in (found.low, found.high))
    return f"{signed(goal.scale * found.mean, 1)} ({low} to {high})"


def rounds(folder: Path, goal: Goal) -> list[Markup]:
    """A section for each method by which there are rounds in a run folder.

    Args:
        folder: The run folder.
        goal: In what terms they are shown.

    Raises:
        DataError: What is kept of them is damaged.
    """
    made: list[Markup] = []
    for each in sorted(path for path in (folder / ROUNDS).glob("*") if path.is_dir()):
        found = load_rounds(each)
        if len(found) > 1:
            made.append(_section(each, found, goal))
    return made


def _section(folder: Path, found: Sequence[RoundRecord], goal: Goal) -> Markup:
    best, gains = best_round(found), dict[str, tuple[str, dict[str, float]]]()
    for one in found[1:]:
        for name, gain in (("own sample", one.gain), ("best by reward", one.best)):
            if gain is not None:
                gains[f"round {one.round}: {name}"] = (f"round {one.round}, {name}", asdict(gain))
    films = {0: "Round 0", best.round: f"Round {best.round}"} if best.round else {}
    held = {folder / f"round-{index}.mp4": caption for index, caption in films.items()}
    said = [f"The judge likes round {best.round} best." if best.round else "The judge finds no round better."]
    if found[-1].stopped:
        said.append(f"No round followed the last one: {found[-1].stopped}.")
    return section(
        f"Rounds by {folder.name}",
        paragraph(" ".join(said)),
        table(round_rows(found, goal), strong=[best.round]),
        grid([figure(*figures.gains(gains, goal)), block("How to read this", _READING)], "two"),
        *([grid([figure(caption, video(path)) for path, caption in held.items() if path.is_file()], "two")]
          if any(path.is_file() for path in held) else []),
    )  # fmt: skip
