"""Who acts while a robot learns: the clone of its demonstrations, or the planner that is to take over."""

from __future__ import annotations

import math
from dataclasses import dataclass

from robopref.errors import ConfigError


@dataclass(frozen=True)
class LinearSchedule:
    """A number that goes from one value to another over some steps, and stays there.

    Attributes:
        begin: Value until step `first`.
        end: Value from step `last` on.
        first: Step at which it begins to change.
        last: Step at which it has changed.

    Raises:
        ConfigError: It ends before it begins.
    """

    begin: float
    end: float
    first: int
    last: int

    def __post_init__(self) -> None:
        if not 0 <= self.first <= self.last:
            raise ConfigError(f"a schedule needs 0 <= first <= last, got {self.first} and {self.last}")

    def at(self, step: int) -> float:
        """The value at a step."""
        if step >= self.last:
            return self.end
        done = max(0.0, (step - self.first) / max(1, self.last - self.first))
        return self.begin + done * (self.end - self.begin)


class SuccessGate:
    """A bound on agency that grows only while episodes go as well as they ever did, and never shrinks (MoDem-V2).

    Args:
        least: Bound to begin with.
        step: By which it grows.
        window: Episodes whose mean return is compared with the best mean of as many before.

    Raises:
        ConfigError: A share is not within [0, 1], or there is no window.
    """

    def __init__(self, *, least: float = 0.1, step: float = 0.1, window: int = 5) -> None:
        if not (0 <= least <= 1 and 0 < step <= 1) or window < 1:
            raise ConfigError(
                f"a gate needs least within [0, 1], step within (0, 1] and window >= 1, got {least}, {step}, {window}"
            )
        self.step, self.window = step, window
        self.bound, self.best = least, -float("inf")
        self.returns: list[float] = []

    def tell(self, returned: float) -> None:
        """Take the return of an episode that is over."""
        self.returns.append(returned)
        if len(self.returns) < self.window:
            return
        mean, self.returns = sum(self.returns) / self.window, []
        if mean >= self.best:
            self.best, self.bound = mean, min(1.0, self.bound + self.step)

    def state(self) -> dict[str, object]:
        """What it goes on from."""
        return {"bound": self.bound, "best": self.best, "returns": list(self.returns)}

    def restore(self, state: dict[str, object]) -> None:
        """Go on from a state.

        Raises:
            KeyError, TypeError, ValueError: It is of another form, or a number is out of range.
        """
        bound, best = float(state["bound"]), float(state["best"])  # type: ignore[arg-type]
        returns = [float(one) for one in state["returns"]]  # type: ignore[attr-defined]
        if not 0 <= bound <= 1 or not best < math.inf or len(returns) >= self.window:
            raise ValueError(f"its gate stands at {bound} after returns of up to {best}, and {len(returns)} since")
        if not all(map(math.isfinite, returns)):
            raise ValueError("a return of its gate is not finite")
        self.bound, self.best, self.returns = bound, best, returns


class Handover:
    """Hands the robot from the clone to the planner, for whole episodes or stretches, so that it does not chatter.

    Args:
        first: Steps of interaction before the planner acts at all.
        last: Steps after which it acts always, as far as `most` and the gate let it.
        most: Largest share of the planner.
        dwell: Steps for which whoever acts goes on at least; None decides once an episode.
        gate: Bounds the share by how episodes go; None leaves it to the schedule.

    Raises:
        ConfigError: A number is out of range.
    """

    def __init__(
        self, *, first: int = 0, last: int = 2000, most: float = 1.0, dwell: int | None = None,
        gate: SuccessGate | None = None,
    ) -> None:  # fmt: skip
        if not 0 <= most <= 1 or (dwell is not None and dwell < 1):
            raise ConfigError(f"a handover needs most within [0, 1] and dwell >= 1 or null, got {most} and {dwell}")
        self.schedule = LinearSchedule(0.0, most, first, last)
        self.dwell, self.gate = dwell, gate
        self._plans, self._since = False, 0

    def share(self, steps: int) -> float:
        """Probability that the planner acts after so many steps of interaction."""
        share = self.schedule.at(steps)
        return share if self.gate is None else min(share, self.gate.bound)

    def plans(self, steps: int, drawn: float, *, begins: bool) -> bool:
        """Whether the planner acts in the next step.

        Args:
            steps: Of interaction so far.
            drawn: A number in [0, 1) that was drawn for the step.
            begins: Whether an episode begins.
        """
        if begins or (self.dwell is not None and self._since >= self.dwell):
            self._plans, self._since = drawn < self.share(steps), 0
        self._since += 1
        return self._plans
