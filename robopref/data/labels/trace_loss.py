"""What the correction of acts costs, and what is lost without it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from robopref.data.labels.operator_acts import DeploymentEvent
from robopref.data.labels.outcome_credit import states_preference
from robopref.data.labels.rated_pairs import rated_pairs
from robopref.data.labels.trace_correction import TraceCorrection


@dataclass(frozen=True)
class TraceLoss:
    """Of the events of a deployment.

    Attributes:
        acts: Acts that say something, each once.
        uncorrectable: Of these, acts about candidates of which nobody knows how they came to be executed or shown.
        untimely: Of these, acts that came too fast or too late.
        effective: As how many acts of equal weight the correctable and timely ones count, ``(sum w)^2 / sum w^2`` (Kish
            1965).
        pairs: Pairs of rated candidates of one scene.
        alone: Ratings of candidates that nothing else was rated beside.
        turned: Share of the pairs that the counts without a correction decide the other way; NaN if neither has any.
    """

    acts: int
    uncorrectable: int
    untimely: int
    effective: float
    pairs: int
    alone: int
    turned: float

    @classmethod
    def of(cls, events: Sequence[DeploymentEvent], correction: TraceCorrection) -> TraceLoss:
        """Measure it.

        Args:
            events: All of a deployment.
            correction: That is used, or would be.
        """
        acts = [event for event in {event.id: event for event in events}.values() if event.kind != "passed"]
        known = [(event, act_weight(event, correction)) for event in acts]
        weights = np.array([weight for event, weight in known if weight is not None and correction.timely(event)])
        pairs, alone = rated_pairs(events, correction)
        counted = {pair.id: pair.p for pair in rated_pairs(events, None)[0]}
        turned = [(counted[pair.id] - 0.5) * (pair.p - 0.5) < 0 for pair in pairs if pair.id in counted]
        return cls(
            len(acts),
            sum(weight is None for _, weight in known),
            sum(not correction.timely(event) for event in acts),
            float(weights.sum() ** 2 / (weights**2).sum()) if len(weights) else 0.0,
            len(pairs),
            alone,
            float(np.mean(turned)) if turned else float("nan"),
        )

    def told(self, *, corrected: bool) -> list[str]:
        """Lines for people.

        Args:
            corrected: Whether the labels are.
        """
        if not self.acts:
            return []
        left = self.acts - self.uncorrectable
        lines = [
            f"traces: {self.acts} acts, {self.uncorrectable / self.acts:.0%} of them not correctable (the order of the "
            f"candidates was not drawn, or not recorded); the other {left} count as much as "
            f"{self.effective:.1f} (effective sample size), {self.untimely} of all came too fast or too late"
        ]
        if self.pairs or self.alone:
            turned = f"; counts without a correction turn {self.turned:.0%} of these around"
            turned = "" if math.isnan(self.turned) else turned
            lines.append(
                f"ratings: {self.pairs} pairs of candidates of one scene{turned}; {self.alone} ratings have no other "
                "beside them and compare nothing"
            )
        if not corrected:
            lines.append("traces.correct=false: the labels are not corrected")
        return lines


def act_weight(event: DeploymentEvent, correction: TraceCorrection) -> float | None:
    """Inverse-propensity weight of an act: the mean of those of its preferences, or that of its rating.

    Args:
        event: The act.
        correction: Weighs it.

    Returns:
        The weight; None if the act cannot be corrected.
    """
    if event.kind != "accept" or not states_preference(event):
        if event.kind == "correct":
            return correction.pair_weight(event, len(event.candidates), event.executed)
        return correction.offered_weight(event)
    weights = [correction.pair_weight(event, event.executed, index) for index in event.shown if index != event.executed]
    known = [weight for weight in weights if weight is not None]
    return sum(known) / len(known) if len(known) == len(weights) else None
