"""Who acts, by hand: schedules, the gate, and stretches that do not chatter."""

import pytest

from robopref.errors import ConfigError
from robopref.learning.agency import Handover, LinearSchedule, SuccessGate


def test_a_schedule_goes_from_its_beginning_to_its_end() -> None:
    schedule = LinearSchedule(0.75, 0.25, 100, 300)
    assert [schedule.at(step) for step in (0, 100, 200, 300, 999)] == [0.75, 0.75, 0.5, 0.25, 0.25]
    assert LinearSchedule(0.0, 1.0, 5, 5).at(5) == 1.0
    with pytest.raises(ConfigError, match="0 <= first <= last"):
        LinearSchedule(0, 1, 3, 2)


def test_the_gate_never_grows_on_a_regression() -> None:
    gate = SuccessGate(least=0.1, step=0.2, window=2)
    bounds = []
    for returned in (0, 0, 1, 1, 1, 0, 1, 1, 0, 1, 1, 1):
        gate.tell(returned)
        bounds.append(round(gate.bound, 2))
    # Means of two: 0 (first, grows), 1 (grows), 0.5 (stays), 1 (grows), 0.5 (stays), 1 (grows).
    assert bounds == [0.1, 0.3, 0.3, 0.5, 0.5, 0.5, 0.5, 0.7, 0.7, 0.7, 0.7, 0.9]
    for _ in range(4):
        gate.tell(1)
    assert gate.bound == 1.0
    again = SuccessGate(least=0.1, step=0.2, window=2)
    again.restore(gate.state())
    assert (again.bound, again.best) == (gate.bound, gate.best)
    for name, wrong in (("bound", 2.0), ("best", float("nan")), ("returns", [0.0] * 2), ("returns", [float("inf")])):
        with pytest.raises(ValueError, match="its gate"):
            again.restore({**gate.state(), name: wrong})


def test_the_share_of_the_planner_is_the_smaller_of_schedule_and_gate() -> None:
    assert [Handover(first=10, last=20).share(steps) for steps in (0, 10, 15, 20)] == [0.0, 0.0, 0.5, 1.0]
    assert Handover(last=20, most=0.6).share(99) == 0.6
    gated = Handover(last=20, gate=SuccessGate(least=0.3))
    assert (gated.share(2), gated.share(20)) == (0.1, 0.3)


def test_whoever_acts_goes_on_for_an_episode_or_a_stretch() -> None:
    handover = Handover(last=10)
    # Half of the way: 0.4 is drawn for the planner, and other draws within the episode change nothing.
    assert [handover.plans(5, drawn, begins=begins) for drawn, begins in ((0.4, True), (0.9, False), (0.6, True))] == [
        True, True, False,
    ]  # fmt: skip
    handover = Handover(last=10, dwell=2)
    drawn = [(0.4, True), (0.9, False), (0.9, False), (0.1, False), (0.1, False)]
    assert [handover.plans(5, one, begins=begins) for one, begins in drawn] == [True, True, False, False, True]
    with pytest.raises(ConfigError, match="dwell"):
        Handover(dwell=0)
