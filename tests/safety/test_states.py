"""The states of a robot, explored exhaustively."""

import itertools

import pytest

from robopref.errors import SafetyError
from robopref.safety.states import EVENTS, State, StateMachine


def explore(depth: int) -> int:
    """Try every sequence of events; says how many there were."""
    count = 0
    for sequence in itertools.product(EVENTS, repeat=depth):
        machine, armed, halted = StateMachine(), False, False
        for event in sequence:
            before = machine.state
            try:
                machine.apply(event, "because")
            except SafetyError:
                assert machine.state is before
                continue
            # Armed by an arm and nothing else; a halt, reset or disarm takes it back.
            armed = event == "arm" or (armed and event == "run")
            halted = event == "halt" or (halted and event != "reset")
            assert (machine.state in (State.ARMED, State.RUNNING)) == armed
            assert (machine.state is State.HALTED) == halted
            assert (machine.state is State.RUNNING) == (armed and event == "run")
            assert bool(machine.cause) == halted
        count += 1
    return count


def test_every_sequence_of_events_keeps_a_robot_at_rest_unless_armed() -> None:
    assert explore(6) == 5**6


def test_the_first_cause_of_a_halt_is_kept_and_told() -> None:
    machine = StateMachine()
    machine.apply("halt", "camera frozen")
    machine.apply("halt", "something later")
    with pytest.raises(SafetyError, match=r"cannot arm a robot that is halted \(camera frozen\)"):
        machine.apply("arm")
    machine.apply("reset")
    assert machine.apply("arm") is State.ARMED
