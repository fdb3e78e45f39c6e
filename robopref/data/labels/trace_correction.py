"""How acts of operators are corrected for what was shown, for how fast they came, and for how far back they reach."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from robopref.data.labels.drawn_orders import offer_weight, swap_weight
from robopref.data.labels.operator_acts import DeploymentEvent
from robopref.errors import ConfigError

_ASKED = ("accept", "correct")  # acts that a plan waits for


@dataclass(frozen=True)
class TraceCorrection:
    """Corrects what events of a deployment say.

    Attributes:
        clip: Largest inverse-propensity weight, of 1 for what was as likely shown otherwise.
        fastest: Seconds that people need to react. An act that came faster says nothing of the decision that it names:
            an answer was given without looking, and anything else was meant for the decision before.
        slowest: Seconds after which whoever was asked had looked at something else; their answer says nothing.
        discount: Weight of an outcome for each decision that it lies further back in its episode; 0 leaves it to the
            decision that it was said of.
        pairs: Most pairs of rated candidates of a scene.

    Raises:
        ConfigError: A value is out of range.
    """

    clip: float = 10.0
    fastest: float = 0.3
    slowest: float = 120.0
    discount: float = 0.5
    pairs: int = 200

    def __post_init__(self) -> None:
        if not 1 <= self.clip < math.inf:
            raise ConfigError(f"traces.clip must be a number from 1, got {self.clip}")
        if not 0 <= self.fastest < self.slowest:
            raise ConfigError(
                f"traces need 0 <= fastest < slowest in seconds, got fastest={self.fastest} and slowest={self.slowest}"
            )
        if not 0 <= self.discount <= 1:
            raise ConfigError(f"traces.discount must be in [0, 1], got {self.discount}")
        if self.pairs < 1:
            raise ConfigError(f"traces.pairs must be at least 1, got {self.pairs}")

    def hasty(self, event: DeploymentEvent) -> bool:
        """Whether an act came faster than people react; False where it is not known how fast it came."""
        return event.seconds is not None and event.seconds < self.fastest

    def timely(self, event: DeploymentEvent) -> bool:
        """Whether an act came in time to be about the decision that it names, as far as is known."""
        late = event.seconds is not None and event.seconds > self.slowest and event.kind in _ASKED
        return not (late or self.hasty(event))

    def pair_weight(self, event: DeploymentEvent, better: int, worse: int) -> float | None:
        """Inverse-propensity weight of a preference that an act states.

        Args:
            event: The act.
            better: Index of the candidate that is better; their number names the correction.
            worse: Of the other one.

        Returns:
            From 0 to `clip`; None if it cannot be corrected, as the order was not drawn, or it holds not both. A
            correction that is none of the candidates had no place, and is weighed by that of what was offered.
        """
        correction = len(event.candidates)
        if better == correction and event.corrected is not None:
            better = _found(event)
        if not event.chances or worse not in event.order:
            return None
        if better == correction:
            return self.offered_weight(event)
        if better not in event.order:
            return None
        return swap_weight(event.chances, event.order.index(better), event.order.index(worse), self.clip)

    def offered_weight(self, event: DeploymentEvent) -> float | None:
        """Inverse-propensity weight of what is said of the executed candidate.

        Args:
            event: The act.

        Returns:
            From 0 to `clip`; 1 where nothing was chosen, as there was one candidate, or a person chose; None if the
            choice cannot be corrected for.
        """
        if event.chances:
            return offer_weight(event.chances, self.clip) if event.order[0] == event.executed else 1.0
        return 1.0 if len(event.candidates) == 1 and event.kind not in ("takeover", "passed") else None


def _found(event: DeploymentEvent) -> int:
    """Index of the candidate that a correction is; their number if it is none of them."""
    same = [np.array_equal(chunk, event.corrected) for chunk in event.candidates]  # type: ignore[arg-type]
    return same.index(True) if True in same else len(same)
