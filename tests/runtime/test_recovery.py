"""How a halted run goes on."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from robopref.runtime import recovery
from robopref.runtime.recovery import LEAVE, RESET, Recovery
from robopref.safety.guard import Guard
from robopref.safety.states import State
from tests.robots.toy import LIMITS, PointRobot


@pytest.fixture
def guard() -> Guard:
    made = Guard(PointRobot(), LIMITS)
    made.halt("a test")
    return made


@pytest.mark.parametrize(("key", "state"), [(RESET, State.DISARMED), (LEAVE, State.HALTED)])
def test_a_person_clears_the_halt_or_leaves_the_robot_halted(guard: Guard, key: str, state: State) -> None:
    asked = Recovery(guard)
    assert not asked.answer(RESET, "ann")  # nobody asks yet
    with ThreadPoolExecutor(1) as waiting:
        decided = waiting.submit(asked.wait, lambda: asked.answer(key, "ann") or True)
        assert decided.result(20) is (key == RESET)
    assert guard.state is state
    assert not asked.answer(RESET, "ann")  # nor any more
    guard.close()


def test_nobody_is_waited_for_where_nobody_is(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Recovery(guard)
    assert not asked.wait(lambda: False)
    # Who was there may come back for a while.
    monkeypatch.setattr(recovery, "_GONE", 0.2)
    there = iter([True, True, False, True])
    assert not asked.wait(lambda: next(there, False))
    assert next(there, "all were asked") == "all were asked"
    assert guard.state is State.HALTED
    guard.close()
