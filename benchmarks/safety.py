"""The safety filter under attack: a million commands and readings, every sequence of states, and faults in a real loop.

A fifth of the commands is for an arm with orientation, joints and gripper. Ticks are jittered, late, in bursts and
backwards; limits are judged by the clock, and by what is measured of robots that are blocked, lag or drift.

`make bench-safety` takes about fifteen minutes on one core; `python -m benchmarks.safety 20000` attacks less.
"""

from __future__ import annotations

import sys
import time
from collections import Counter

import numpy as np

from benchmarks.records import Record, exactly, write
from robopref.safety.states import EVENTS
from tests.robots.toy import LIMITS
from tests.runtime import test_faults as faults
from tests.safety.attack import ARM, POINT, WAYS, attack
from tests.safety.test_states import explore

COMMANDS, BLOCK, DEPTH = 1_000_000, 10_000, 8


def main() -> None:
    """Measure everything and write the result."""
    commands = int(sys.argv[1]) if len(sys.argv) > 1 else COMMANDS
    records = [*attacked(commands), explored(DEPTH), *broken()]
    for record in records:
        print(f"{record.value:10.4g} {record.unit}, target {record.target or '-'}: {record.claim}")
    if commands == COMMANDS:
        print(f"result: {write('safety', records)}")


def attacked(commands: int) -> list[Record]:
    """Random and adversarial commands and readings against limits that are written down a second time."""
    found, begun = Counter[str](), time.process_time()
    with np.errstate(all="ignore"):
        for seed in range(commands // BLOCK):
            found += attack(seed, BLOCK, POINT if seed % 5 else ARM)
            print(f"\r{(seed + 1) * BLOCK} of {commands}", end="", flush=True)
    print()
    wrong = sum(count for name, count in found.items() if name.startswith("broken"))
    shares = ", ".join(f"{found[name]} {name}" for name in ("passed", "clamped", "refused", "halted"))
    bodies = ", ".join(f"{found[name]} of a robot that {name}" for name in WAYS)
    spent = 1000 * (time.process_time() - begun) / commands
    claim = (
        "outputs of the filter that break a limit, by the clock and by what is measured: NaN, inf, denormal, huge, "
        f"stale, reordered, frozen, wrong shape or dtype, too fast, in bursts, late ({shares}; {bodies})"
    )
    return [
        exactly(claim, wrong, "outputs", commands),
        Record("processor time of an attempt, with the check of its output", spent, spent, spent, "", None, "ms",
               commands),
    ]  # fmt: skip


def explored(depth: int) -> Record:
    """Every sequence of events up to a depth; the exploration itself raises where a robot could move unarmed."""
    count = sum(explore(length) for length in range(1, depth + 1))
    expected = sum(len(EVENTS) ** length for length in range(1, depth + 1))
    claim = f"sequences of up to {depth} events that let an unarmed or halted robot move, of {count}"
    return exactly(claim, abs(expected - count), "sequences", count)


def broken() -> list[Record]:
    """What breaks in a running loop, and how long the robot takes to be held or stopped."""
    times, unnamed, moved = list[float](), list[str](), 0
    for fault, cause, _ in faults.FAULTS:
        one, tally, when = faults.provoke(fault, limits=LIMITS, real=True)
        wait = {faults.camera_freezes: LIMITS.frozen, faults.packets_are_lost: LIMITS.age}.get(fault, 0.0)
        times.append(faults.moving_after(one, when) - (wait or 0.0))
        told = [event.cause for event in one.witness.events] + [tally.cause]
        if not any(cause in text for text in told):
            unnamed.append(cause)
        stops = one.robot.named("stop")
        moved += sum(t > min(stops) for t in one.robot.named("execute")) if stops else 0
    worst, bound = max(times), LIMITS.stop_after
    return [
        Record(
            f"longest time from one of {len(times)} faults, or from when it can be noticed, to a robot that is held or "
            f"stopped (watchdog: held after {LIMITS.hold_after} s, stopped after {bound} s)",
            round(worst, 3), round(min(times), 3), round(worst, 3), f"<= {bound}", worst <= bound, "s", len(times),
        ),
        exactly(f"faults whose cause is not named {unnamed or ''}".strip(), len(unnamed), "faults", len(times)),
        exactly("commands after a stop", moved, "commands", len(times)),
    ]  # fmt: skip


if __name__ == "__main__":
    main()
