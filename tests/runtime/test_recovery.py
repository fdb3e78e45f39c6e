"""How a halted run goes on."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from robopref.runtime.recovery import LEAVE, RESET, Recovery
from robopref.safety.guard import Guard
from robopref.safety.states import State
from tests.robots.toy import LIMITS, PointRobot
from tests.safety.virtual import VirtualClock
from tests.waiting import PATIENCE


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
        assert decided.result(PATIENCE) is (key == RESET)
    assert guard.state is state
    assert not asked.answer(RESET, "ann")  # nor any more
    guard.close()


def test_nobody_is_waited_for_where_nobody_is() -> None:
    virtual = VirtualClock()
    guard = Guard(PointRobot(), LIMITS, clock=virtual.clock)
    guard.halt("a test")
    asked, begun = Recovery(guard), virtual.now
    assert not asked.wait(lambda: False)
    assert virtual.now == begun
    # Who was there may come back for a while.
    assert not asked.wait(lambda: virtual.now < begun + 3 or begun + 12 < virtual.now < begun + 15)
    assert virtual.now == pytest.approx(begun + 25, abs=0.2)
    assert guard.state is State.HALTED
    guard.close()
