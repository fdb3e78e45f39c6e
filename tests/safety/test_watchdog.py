"""A watchdog that is not fed."""

import threading

from robopref.safety.clock import Clock
from robopref.safety.watchdog import Watchdog
from tests.safety.virtual import VirtualClock
from tests.waiting import PATIENCE


def watched(hold_after: float, stop_after: float) -> tuple[Watchdog, VirtualClock, list[tuple[str, float]]]:
    """One that notes what it calls, and when."""
    virtual, calls = VirtualClock(), list[tuple[str, float]]()
    dog = Watchdog(
        hold_after, stop_after, lambda _: calls.append(("hold", virtual.now)),
        lambda _: calls.append(("stop", virtual.now)), virtual.clock,
    )  # fmt: skip
    dog.close()  # the clock looks for it
    virtual.watch(dog.check)
    return dog, virtual, calls


def test_it_holds_then_stops_then_rests() -> None:
    dog, virtual, calls = watched(0.1, 0.25)
    virtual.sleep(0.2)
    assert calls == []  # nothing was ever commanded
    begun = virtual.now
    dog.feed()
    virtual.sleep(5.0)
    (hold, first), (stop, last) = calls
    assert (hold, stop) == ("hold", "stop")
    assert 0.1 <= first - begun <= 0.12
    assert 0.25 <= last - begun <= 0.27


def test_feeding_and_resting_keep_it_quiet() -> None:
    dog, virtual, calls = watched(0.4, 0.8)
    for _ in range(18):
        dog.feed()
        virtual.sleep(0.3)
    dog.feed(allowance=60.0)
    virtual.sleep(60.0)
    dog.rest()
    virtual.sleep(10.0)
    assert calls == []


def test_a_clock_that_is_set_back_does_not_keep_it_quiet() -> None:
    dog, virtual, calls = watched(0.1, 0.25)
    dog.feed()
    virtual.now -= 50.0
    virtual.sleep(0.3)
    assert [name for name, _ in calls] == ["hold", "stop"]


def test_a_hold_that_hangs_does_not_keep_it_from_stopping() -> None:
    release, stopped = threading.Event(), threading.Event()
    dog = Watchdog(0.02, 0.1, lambda _: release.wait(PATIENCE), lambda _: stopped.set(), Clock())  # in real time
    dog.feed()
    assert stopped.wait(PATIENCE)
    assert not release.is_set()
    release.set()
    dog.close()
