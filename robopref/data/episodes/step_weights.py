"""How often steps of recorded episodes are drawn in cloning, by the rewards that were recorded or learnt of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from robopref.errors import ConfigError

Floats = NDArray[np.float64]
_SMALL = 1e-6  # spread below which all steps are alike


@runtime_checkable
class StepWeighting(Protocol):
    """Weighs the decisions of recorded episodes, each of which begins at a step, by what was gained from there on."""

    def weights(self, reward: Floats, ends: NDArray[np.int64]) -> Floats:
        """How often each step is to be drawn, in any unit.

        Args:
            reward: (S,) of every step.
            ends: (episodes,) one past the last step of each.

        Returns:
            (S,) finite and not negative.
        """
        ...


@dataclass(frozen=True)
class RewardWeighted:
    """In proportion to ``exp(advantage / temperature)``, at most `clip`.

    Reward-weighted regression (Peters & Schaal 2007) with the clipped weights of advantage-weighted regression (Peng et
    al. 2019, appendix), where what is expected anyhow is a mean over the data in place of a learnt value. Advantages
    are in standard deviations over all steps, so that the temperature does not depend on the unit of the rewards.

    Attributes:
        temperature: Standard deviations by which a weight changes e-fold.
        clip: Largest weight; 1 is that of a step that is as good as expected.
        discount: Of rewards, a step.
        steps: Of which rewards are added up, such as those of a chunk; None adds up to the end of the episode.
        baseline: What is expected: ``step``, the mean over episodes at the same step, as less is left to gain at later
            ones; or ``all``, the mean over all steps.

    Raises:
        ConfigError: A value is out of range.
    """

    temperature: float = 1.0
    clip: float = 20.0
    discount: float = 1.0
    steps: int | None = None
    baseline: Literal["step", "all"] = "step"

    def __post_init__(self) -> None:
        if not self.temperature > 0 or not self.clip > 0 or not 0 < self.discount <= 1:
            raise ConfigError(
                "recipe needs temperature > 0, clip > 0 and discount in (0, 1], got "
                f"{self.temperature}, {self.clip} and {self.discount}"
            )
        _require_steps(self.steps)
        if self.baseline not in ("step", "all"):
            raise ConfigError(f"recipe.baseline must be step or all, got {self.baseline!r}")

    def weights(self, reward: Floats, ends: NDArray[np.int64]) -> Floats:
        """See `StepWeighting.weights`."""
        gained = returns_to_go(reward, ends, self.steps, self.discount)
        advantage = gained - (gained.mean() if self.baseline == "all" else _at_same_step(gained, ends))
        spread = float(advantage.std())
        if spread < _SMALL:
            return np.ones_like(gained)
        return np.exp(np.minimum(advantage / (spread * self.temperature), math.log(self.clip)))


@dataclass(frozen=True)
class ProgressWeighted:
    """By how far a measure of progress rises within so many steps: reward-aligned cloning (RA-BC).

    Equations 8 and 9 of SARM (Chen et al. 2025), as LeRobot weighs by them: a rise above `kappa` counts 1, one from
    zero to `kappa` as it lies between two standard deviations below and above the mean rise, a fall not at all. Beyond
    the end of an episode the last step stands for those after it.

    Attributes:
        kappa: Rise above which a step counts in full, in the unit of the measure.
        steps: Within which the measure has to rise: those of a chunk.

    Raises:
        ConfigError: A value is out of range.
    """

    kappa: float = 0.01
    steps: int = 8

    def __post_init__(self) -> None:
        if not 0 <= self.kappa < math.inf:
            raise ConfigError(f"recipe.kappa must not be negative, got {self.kappa}")
        _require_steps(self.steps)

    def weights(self, reward: Floats, ends: NDArray[np.int64]) -> Floats:
        """See `StepWeighting.weights`; here, `reward` is the measure of progress at every step."""
        last = np.repeat(ends, np.diff(ends, prepend=0)) - 1
        rise = reward[np.minimum(np.arange(len(reward)) + self.steps, last)] - reward
        mean, spread = max(float(rise.mean()), 0.0), max(float(rise.std()), _SMALL)
        between = np.clip((rise - mean + 2 * spread) / (4 * spread + _SMALL), 0, 1)
        return np.where(rise > self.kappa, 1.0, np.where(rise >= 0, between, 0.0))


def returns_to_go(reward: Floats, ends: NDArray[np.int64], steps: int | None = None, discount: float = 1.0) -> Floats:
    """Discounted sums of the rewards from every step on, within its episode.

    Args:
        reward: (S,).
        ends: (episodes,) one past the last step of each.
        steps: How many rewards are added up; None adds up to the end of the episode.
        discount: In (0, 1].

    Returns:
        (S,).
    """
    found = np.zeros(len(reward))
    for start, end in zip(np.append(0, ends[:-1]).tolist(), ends.tolist(), strict=True):
        total, count = 0.0, end - start if steps is None else min(steps, end - start)
        for at in range(end - 1, start - 1, -1):
            total = reward[at] + discount * total
            if at + count < end:  # the reward that is no longer among those that are added up
                total -= discount**count * reward[at + count]
            found[at] = total
    return found


def _at_same_step(values: Floats, ends: NDArray[np.int64]) -> Floats:
    """Mean over episodes of the values at the same number of a step."""
    lengths = np.diff(ends, prepend=0)
    number = np.arange(len(values)) - np.repeat(ends - lengths, lengths)
    return (np.bincount(number, values) / np.bincount(number))[number]


def _require_steps(steps: int | None) -> None:
    if steps is not None and steps < 1:
        raise ConfigError(f"recipe.steps must be 1 or more, got {steps}")
