"""A watchdog that is not fed."""

import time

from robopref.safety.watchdog import Watchdog


def test_it_holds_then_stops_then_rests() -> None:
    calls: list[tuple[str, float]] = []
    begun = time.monotonic()

    def note(name: str) -> None:
        calls.append((name, time.monotonic() - begun))

    dog = Watchdog(0.1, 0.25, lambda _: note("hold"), lambda _: note("stop"))
    time.sleep(0.2)
    assert calls == []  # nothing was ever commanded
    begun = time.monotonic()
    dog.feed()
    time.sleep(0.5)
    dog.close()
    (hold, first), (stop, last) = calls
    assert (hold, stop) == ("hold", "stop")
    assert first >= 0.1
    assert last >= 0.25


def test_feeding_and_resting_keep_it_quiet() -> None:
    calls: list[str] = []
    dog = Watchdog(0.4, 0.8, lambda _: calls.append("hold"), lambda _: calls.append("stop"))
    for _ in range(18):
        dog.feed()
        time.sleep(0.03)
    dog.feed(allowance=60.0)
    time.sleep(0.5)
    dog.rest()
    time.sleep(0.1)
    dog.close()
    assert calls == []
