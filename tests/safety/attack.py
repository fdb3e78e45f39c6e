"""Commands and readings that try to get something past the filter."""

from collections import Counter

import numpy as np

from robopref.motion import Command
from robopref.safety.filter import SafetyFilter
from tests.robots.toy import LIMITS, PointRobot
from tests.safety import oracle


def attack(seed: int, count: int) -> Counter[str]:
    """Put `count` commands to a filter whose robot moves to where it is let.

    Returns:
        How many commands passed, were refused or halted the filter; ``broken`` names every limit that was broken.
    """
    rng, spec = np.random.default_rng(seed), PointRobot().spec
    guard = SafetyFilter(LIMITS, spec)
    tool, drift = np.array([0.0, 0.0, 0.1]), np.zeros(3)
    trail, last, seen, found = [], -np.inf, [], Counter[str]()
    velocity = np.zeros(3)
    for number, now in zip(range(count), oracle.trials(rng), strict=False):
        reading = oracle.readings(rng, tool, now, number)
        reason = guard.read(reading, now)
        if not reason or "s old" in reason or "the same for" in reason:
            seen = [*seen[-1:], (reading.time, np.asarray(reading.tool, float))]
        command = _willed(rng, tool, drift) if rng.random() < 0.6 else oracle.commands(rng, tool)
        verdict = guard.admit(command, now)
        if rng.random() < 0.02:
            drift = rng.normal(0, 1, 3)
        if verdict.command is None:
            trail = []
            found["halted" if verdict.halt else "refused"] += 1
            if verdict.halt:
                guard.forget()
                seen, last = [], -np.inf
            continue
        if not trail or now - last > 2 * spec.period:
            trail, velocity = [seen[-1][1].tolist()], _measured(seen, spec.period)
        point = verdict.command.points[0].tolist()
        wrong = oracle.broken(trail, list(velocity), seen[-1][1], point, LIMITS, spec.period)
        if now - seen[-1][0] > LIMITS.age or now < seen[-1][0] - 0.005:
            wrong.append("age")
        if now - last < 0.4 * spec.period:
            wrong.append("rate")
        for name in wrong:
            found[f"broken {name}"] += 1
        found["clamped" if verdict.clamped else "passed"] += 1
        tool, last = verdict.command.points[0].astype(float), now
        trail = [*trail[-3:], point]
    return found


def _willed(rng: np.random.Generator, tool: np.ndarray, drift: np.ndarray) -> Command:
    """Somewhere further in one direction, as a policy would go."""
    return Command((tool + 0.02 * drift + rng.normal(0, 0.002, 3))[None])


def _measured(seen: list, period: float) -> np.ndarray:
    if len(seen) < 2:
        return np.zeros(3)
    elapsed = seen[1][0] - seen[0][0]
    if not 1e-3 < elapsed < 3 * period:
        return np.zeros(3)
    velocity = (seen[1][1] - seen[0][1]) / elapsed
    return velocity * min(1, LIMITS.speed / max(float(np.linalg.norm(velocity)), 1e-12))
