"""How many answers are wrong, by what a reward says of answers that it did not learn from."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from robopref.errors import DataError

_RATES = torch.arange(0.0, 0.5, 0.005, dtype=torch.float64)
_SLOPES = torch.logspace(-2, 2, 81, dtype=torch.float64)  # of the logistic link, of standardised margins
_WITHIN = 1.92  # nats of log-likelihood, half the 95 % point of chi squared with one degree of freedom


NOTHING = 0.49  # of the answers wrong: as good as a coin


@dataclass(frozen=True)
class LapseRate:
    """An estimated share of wrong answers.

    Attributes:
        value: The likeliest.
        low: Least that is nearly as likely.
        high: Greatest that is nearly as likely.
        n: Answers that it is estimated from.
    """

    value: float
    low: float
    high: float
    n: int

    def told(self, setting: str) -> str:
        """It in a line for a person.

        Args:
            setting: By which another share is given.
        """
        nothing = "; they may say nothing at all" if self.high > NOTHING else ""
        return (
            f"{self.value:.0%} of the answers seem wrong ({self.low:.0%} to {self.high:.0%} fit nearly as well), by "
            f"what rewards say of {self.n} that they did not learn from; {setting}= sets another share{nothing}"
        )


def lapse_rate(margins: Tensor, p: Tensor) -> LapseRate:
    """Estimate the share of answers that are wrong whatever is compared.

    The likeliest ``e`` in ``P(answer follows the margin m) = e + (1 - 2 e) sigmoid(s |m|)``: errors of the reward are
    those of small margins, by the slope ``s``, and what contradicts large margins too is the labelers'. Both are found
    on a grid, and the interval is that of the profile likelihood (95 %). A reward that is wrong about clear pairs as
    well makes the estimate too high.

    Args:
        margins: (R,) how much better a reward finds the first item than the second, which did not learn from the
            answer.
        p: (R,) probability that the first item is the better one, as answered; ties say nothing.

    Returns:
        The estimate, in [0, 0.5).

    Raises:
        DataError: No answer is decided, or no margin differs from zero.
    """
    decided = p != 0.5
    signed = (margins * (2 * p - 1).sign())[decided].double().cpu()
    scale = signed.square().mean().sqrt() if len(signed) else torch.zeros(())
    if not (torch.isfinite(scale) and scale > 0):
        raise DataError("how many answers are wrong cannot be told: none is decided, or rewards tell no items apart")
    follows = torch.sigmoid(_SLOPES[:, None] * (signed / scale))  # (S, R)
    # P(answer) of an answer that follows, or contradicts, the margin are both e + (1 - 2 e) sigmoid(s m) of its side.
    chance = [(rate + (1 - 2 * rate) * follows).log().sum(1).max() for rate in _RATES]
    profile = torch.stack(chance)
    near = _RATES[profile >= profile.max() - _WITHIN]
    return LapseRate(float(_RATES[profile.argmax()]), float(near[0]), float(near[-1]), len(signed))
