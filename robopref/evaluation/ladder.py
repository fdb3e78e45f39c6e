"""The ladder of ways of choosing: from a random candidate to the best one, what each step brings and what it needs."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from robopref.errors import DataError
from robopref.evaluation.choice_needs import ChoiceNeeds, LearntFrom
from robopref.evaluation.intervals import Interval, Values
from robopref.evaluation.run_folder import AHEAD, BEAMS, judge_of
from robopref.evaluation.statistics import ratio_of_means
from robopref.rewards.derived import LABEL_FREE

STEPS = ("random", "own", "label-free", "actions", "beam search", "look-ahead", "outcomes", "oracle")


@dataclass(frozen=True)
class Rung:
    """One way of choosing.

    Attributes:
        name: As `strategies` names it.
        step: Of `STEPS`, on which it stands.
        answers: Questions that were answered for it; None if it is not known.
        carried_out: Actions that were executed for what it learnt; None if it is not known.
        simulated: Candidates that are executed in simulation before each decision; None if it is not known.
        milliseconds: Median time of a decision; None if it was not measured.
    """

    name: str
    step: str
    answers: int | None
    carried_out: int | None
    simulated: int | None
    milliseconds: float | None


def ladder_of(
    rows: Mapping[str, Values], judges: Collection[str], needs: ChoiceNeeds, *, candidates: int, leading: str
) -> dict[str, Any]:
    """Lay ways of choosing out as a ladder.

    Args:
        rows: (S,) outcomes of each, from `strategies`.
        judges: Rewards of outcomes among them, by name.
        needs: What they need.
        candidates: How many there are, N.
        leading: The one that the report is about, which stands for its step; else ``combined``, else the first does.

    Returns:
        ``rungs``, each as of `Rung`; and ``jumps``, from what stands for a step to what stands for the next one: the
        ``share`` of the gap between a random and the best candidate that it gains, as ``{mean, low, high, n}``.
    """
    rungs = [rung for name in rows if (rung := _rung(name, judges, needs, candidates)) is not None]
    rungs.sort(key=lambda rung: STEPS.index(rung.step))
    ends: list[Rung] = []
    for step in STEPS:
        on = {rung.name: rung for rung in rungs if rung.step == step}
        if on:
            ends.append(next((on[name] for name in (leading, "combined") if name in on), next(iter(on.values()))))
    jumps = [
        {"from": one.name, "to": other.name, "share": asdict(share)}
        for one, other in itertools.pairwise(ends)
        if (share := _share(rows, one.name, other.name)) is not None
    ]
    return {"rungs": [asdict(rung) for rung in rungs], "jumps": jumps}


def largest_jump(ladder: Mapping[str, Any]) -> dict[str, Any] | None:
    """The jump that gains most; None if there is none. That to the best candidate, which nobody knows, is left out."""
    return max(
        (jump for jump in ladder["jumps"] if jump["to"] != "oracle"),
        key=lambda jump: jump["share"]["mean"],
        default=None,
    )


def _rung(name: str, judges: Collection[str], needs: ChoiceNeeds, candidates: int) -> Rung | None:
    step = _step(name, judges)
    if step is None:
        return None
    judge = judge_of(name)
    learns = step in ("actions", "beam search", "look-ahead", "outcomes")
    learnt = needs.learnt.get(judge, LearntFrom()) if learns else LearntFrom(0, 0)
    simulated = candidates if step in ("outcomes", "oracle") else 0
    if step == "beam search":
        simulated = needs.beams.get(judge)
        learnt = LearntFrom(0, 0) if judge in LABEL_FREE else learnt
    if step == "look-ahead":
        how = needs.ahead.get(judge)
        simulated = None if how is None else 0 if how.imagined else min(how.keep, candidates)
        if how is not None and how.imagined:
            learnt = needs.learnt.get(how.imagined, LearntFrom())
        learnt = learnt.beside(_keeper(judge, needs))
    time = needs.milliseconds.get("own" if step == "random" else name)
    return Rung(name, step, learnt.answers, learnt.carried_out, simulated, time)


def _keeper(judge: str, needs: ChoiceNeeds) -> LearntFrom:
    """What the score learnt from that keeps candidates for a judge."""
    by = needs.ahead[judge].by if judge in needs.ahead else None
    return LearntFrom(0, 0) if by is None or by in LABEL_FREE else needs.learnt.get(by, LearntFrom())


def _step(name: str, judges: Collection[str]) -> str | None:
    """The step that a way of choosing stands on; None for a policy of its own, which chooses among no candidates."""
    known = {
        "random": "random",
        "own": "own",
        "oracle": "oracle",
        "tuned": None,
        **dict.fromkeys(LABEL_FREE, "label-free"),
    }
    if name in known:
        return known[name]
    if name in judges:
        return "outcomes"
    if name.startswith(BEAMS):
        return "beam search"
    return "look-ahead" if name.startswith(AHEAD) else "actions"


def _share(rows: Mapping[str, Values], one: str, other: str) -> Interval | None:
    try:
        return ratio_of_means(rows[other] - rows[one], rows["oracle"] - rows["random"])
    except DataError:  # all candidates are equally good
        return None
