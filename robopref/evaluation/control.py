"""With and without, on the same starts: what strategies gain over a control, as plain data and as tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.evaluation.intervals import Values
from robopref.evaluation.matched_pairs import POWER, MatchedGain, compare_means, compare_successes
from robopref.evaluation.run_folder import Episodes
from robopref.evaluation.statistics import LEVEL
from robopref.evaluation.summary import signed, span
from robopref.records import Goal

CONTROL = "policy"  # the strategy of `robopref evaluate` that takes the policy's own sample

_FINDINGS = {"gain": "a gain", "loss": "a loss", "none": "no difference"}


@dataclass(frozen=True)
class StartOutcomes:
    """What came of every start.

    Attributes:
        solved: (S,) whether the task was solved; None if nobody knows.
        distance: (S,) distance to the goal at the end, in units of progress; None if it was not measured.
    """

    solved: NDArray[np.bool_] | None
    distance: Values | None


def outcomes_of(episodes: Episodes) -> dict[str, StartOutcomes]:
    """What came of every start of an evaluation.

    Args:
        episodes: Whole episodes, from the same starts under every strategy.

    Returns:
        The outcomes by strategy.
    """
    return {
        name: StartOutcomes(np.isfinite(episodes.steps(name)) if episodes.told else None, distances[:, -1])
        for name, distances in episodes.distances.items()
    }


def against_control(outcomes: Mapping[str, StartOutcomes], control: str = CONTROL) -> dict[str, Any] | None:
    """Compare every strategy with the control, start by start.

    Args:
        outcomes: By strategy, of the same starts in the same order.
        control: Which of them is the control.

    Returns:
        What `summary.json` holds as ``matched``: for each strategy ``success`` and ``final_distance``, each None if it
        is not known, with what was found with it (``tried``) and without (``control``), the ``gain``, positive where
        the strategy is better, as ``{mean, low, high, n}``, the ``smallest`` difference that as many starts can show,
        None if they can show none, and the ``finding``. None if there is nothing to compare.

    Raises:
        DataError: The strategies have unlike numbers of starts, or none.
    """
    if control not in outcomes or len(outcomes) < 2:
        return None
    other = outcomes[control]
    found = {name: _compared(one, other) for name, one in outcomes.items() if name != control}
    return {"control": control, "level": LEVEL, "power": POWER, "strategies": found}


def matched_tables(matched: Mapping[str, Any], goal: Goal) -> list[tuple[str, list[list[str]]]]:
    """Lay a comparison with the control out as tables, of success and of the final distance.

    Args:
        matched: From `against_control`.
        goal: In what terms the task is reported.

    Returns:
        Title, and rows of text of equal length, the header first, of each table that there is something for.
    """
    unit = f" [{goal.unit}]" if goal.unit else ""
    made = [
        _table(matched, "success", "Success [%]", 100.0),
        _table(matched, "final_distance", f"Final {goal.distance}{unit}", goal.scale),
    ]
    return [(title, rows) for title, rows in made if len(rows) > 1]


def finding_in_words(found: Mapping[str, Any], scale: float) -> str:
    """Say what the starts can show of a difference, and which one would be the smallest.

    Args:
        found: ``success`` or ``final_distance`` of a strategy, from `against_control`.
        scale: What to multiply differences by, such as 100 for metres to centimetres.

    Returns:
        Such as ``no difference (smallest: 36.7)``.
    """
    smallest = found["smallest"]
    return f"{_FINDINGS[found['finding']]} ({'too few' if smallest is None else f'smallest: {scale * smallest:.1f}'})"


def _table(matched: Mapping[str, Any], key: str, title: str, scale: float) -> tuple[str, list[list[str]]]:
    known = {name: found[key] for name, found in matched["strategies"].items() if found[key] is not None}
    starts = max((found["gain"]["n"] for found in known.values()), default=0)
    many = f"{starts} start{'s' if starts > 1 else ''}"
    tested = any("p" in found for found in known.values())
    header = ["strategy", "without → with", "gain", *(["McNemar's p"] if tested else []), f"what {many} can show"]
    return f"{title} with and without, on the same {many}", [header, *(_row(*one, scale) for one in known.items())]


def _row(name: str, found: Mapping[str, Any], scale: float) -> list[str]:
    gain, p = found["gain"], found.get("p")
    return [
        name,
        f"{scale * found['control']:z.1f} → {scale * found['tried']:z.1f}",
        f"{signed(scale * gain['mean'])} ({span(gain, scale)})",
        *([] if p is None else ["< 0.001" if p < 0.001 else f"{p:.3f}"]),
        finding_in_words(found, scale),
    ]


def _compared(one: StartOutcomes, other: StartOutcomes) -> dict[str, Any]:
    success: dict[str, Any] | None = None
    distance: dict[str, Any] | None = None
    if one.solved is not None and other.solved is not None:
        success = _plain(compare_successes(one.solved, other.solved))
    if one.distance is not None and other.distance is not None:
        # What is larger is better where means are compared.
        nearness = _plain(compare_means(-one.distance, -other.distance))
        distance = nearness | {key: -nearness[key] for key in ("tried", "control")}
    return {"success": success, "final_distance": distance}


def _plain(gain: MatchedGain) -> dict[str, Any]:
    found = asdict(gain)
    return {"gain": found.pop("interval"), "finding": gain.finding, **found}
