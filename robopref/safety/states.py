"""Whether a robot may move: disarmed, armed by an operator, running, halted until reset."""

from __future__ import annotations

from enum import Enum

from robopref.errors import SafetyError


class State(Enum):
    """Where a run is."""

    DISARMED = "disarmed"
    ARMED = "armed"
    RUNNING = "running"
    HALTED = "halted"


# From a state, by an event, to a state. What is not here is refused and changes nothing.
TRANSITIONS: dict[tuple[State, str], State] = {
    (State.DISARMED, "arm"): State.ARMED,
    (State.DISARMED, "disarm"): State.DISARMED,
    (State.ARMED, "run"): State.RUNNING,
    (State.ARMED, "disarm"): State.DISARMED,
    (State.RUNNING, "disarm"): State.DISARMED,
    (State.HALTED, "reset"): State.DISARMED,
    # Whatever the state, a halt halts.
    **{(state, "halt"): State.HALTED for state in State},
}
EVENTS = ("arm", "run", "disarm", "halt", "reset")


class StateMachine:
    """Follows the transitions, and remembers why it halted."""

    def __init__(self) -> None:
        self.state = State.DISARMED
        self.cause = ""

    def apply(self, event: str, cause: str = "") -> State:
        """Take an event.

        Args:
            event: One of `EVENTS`.
            cause: Why; kept for the first halt until the reset.

        Returns:
            The new state.

        Raises:
            SafetyError: The event is not possible now; the state stays.
        """
        following = TRANSITIONS.get((self.state, event))
        if following is None:
            because = f" ({self.cause})" if self.cause else ""
            raise SafetyError(f"cannot {event} a robot that is {self.state.value}{because}")
        if event == "halt" and self.state is not State.HALTED:
            self.cause = cause or "no cause was given"
        if event == "reset":
            self.cause = ""
        self.state = following
        return following
