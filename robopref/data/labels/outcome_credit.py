"""What acts of operators say of executed candidates, each on its own: ratings, also of decisions further back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from robopref.data.labels.operator_acts import DeploymentEvent
from robopref.data.labels.trace_correction import TraceCorrection
from robopref.records import Array

_WANTED = {"accept": 1.0, "reuse": 1.0, "success": 1.0, "takeover": 0.0, "abort": 0.0, "undo": 0.0, "failure": 0.0}
# Said of how things went, which earlier decisions have led to.
_OUTCOMES = ("success", "failure", "abort", "takeover")


@dataclass(frozen=True, eq=False)
class RatedChunk:
    """An executed candidate, and whether it was wanted.

    Attributes:
        event: That tells what was seen.
        chunk: (H, A) what was executed.
        value: 1 if it was wanted, else 0.
        credit: How much of an observation that is, in (0, 1].
        weight: Inverse-propensity weight.
        operator: Who said so.
        time: When, seconds since the epoch.
    """

    event: DeploymentEvent
    chunk: Array
    value: float
    credit: float
    weight: float
    operator: str
    time: float


def rated_chunks(events: Sequence[DeploymentEvent], correction: TraceCorrection | None) -> list[RatedChunk]:
    """The ratings that acts state, and with a correction those that follow for earlier decisions.

    An act that states a preference is no rating beside that, but what led to it is rated by it. The k-th decision
    before the one that an outcome is about gets ``discount ** k`` of it, if what was executed there was recorded.

    Args:
        events: All of a deployment, whose episodes have a number each; the same event counts once.
        correction: None takes ratings as they were given, each as one.
    """
    events = list({event.id: event for event in events}.values())
    executed, said = _executed(events), set[tuple[str, int, int]]()
    found: list[RatedChunk] = []
    for event in events:
        value = _WANTED.get(event.kind)
        if value is None:
            continue
        # Taking over is told when it begins, and with what was done when it ends.
        again = (outcome := (event.kind, event.episode, event.step)) in said
        said.add(outcome)
        for back, credit in enumerate(_credits(event, correction)):
            if back and again:
                break
            step = event.step - back
            about = event if back == 0 else executed.get((event.episode, step))
            if about is None or not credit or (back == 0 and states_preference(event)):
                continue
            weight = 1.0 if correction is None else correction.offered_weight(about)
            chunk = _chunk(about) if back else event.candidates[event.executed]
            found.append(
                RatedChunk(about, chunk, value, credit, 1.0 if weight is None else weight, event.operator, event.time)
            )
    return found


def states_preference(event: DeploymentEvent) -> bool:
    """Whether an act says which of two candidates is better."""
    if event.kind == "accept":
        return any(index != event.executed for index in event.shown)
    return event.kind in ("correct", "takeover") and event.corrected is not None


def _credits(event: DeploymentEvent, correction: TraceCorrection | None) -> list[float]:
    """How much of an act belongs to the decision that it names, and to each before."""
    if correction is None:
        return [1.0]
    if event.kind not in _OUTCOMES:
        return [1.0] if correction.timely(event) else []
    # What is said sooner than people react was meant for what they saw before.
    lead = [0.0] if correction.hasty(event) else []
    back = event.step + 1 - len(lead) if correction.discount > 0 else min(1, event.step + 1 - len(lead))
    return [*lead, *(credit for k in range(back) if (credit := correction.discount**k) > _LEAST)]


_LEAST = 0.01  # credit that counts


def _executed(events: Sequence[DeploymentEvent]) -> dict[tuple[int, int], DeploymentEvent]:
    """By episode and decision the event that tells what was executed there."""
    by_decision: dict[tuple[int, int], list[DeploymentEvent]] = defaultdict(list)
    for event in events:
        by_decision[event.episode, event.step].append(event)
    # What an operator chose takes the place of what was offered.
    return {
        key: next((event for event in some if event.kind == "correct"), some[-1]) for key, some in by_decision.items()
    }


def _chunk(event: DeploymentEvent) -> Array:
    corrected = event.corrected if event.kind == "correct" else None
    return event.candidates[event.executed] if corrected is None else corrected
