"""Commands and readings that try to get something past the safety filter."""

import dataclasses
from collections import Counter
from typing import Any

import numpy as np

from robopref.motion import Command, Reading, RobotSpec
from robopref.rotations import from_rotation, multiply
from robopref.safety.filter import SafetyFilter
from robopref.safety.limits import Cone
from tests.robots.toy import LIMITS
from tests.safety import oracle

POINT = RobotSpec("point", 20.0)
ARM = RobotSpec("arm", 20.0, oriented=True, joints=3, gripper=True)
ARM_LIMITS = dataclasses.replace(
    LIMITS, cone=Cone((0, 0, -1), 0.4), turn=1.0, turn_step=0.08, joint_lower=(-1.0, -2.0, 0.0),
    joint_upper=(1.0, 2.0, 3.0), joint_speed=1.0, joint_acceleration=8.0, joint_step=0.08, gripper_speed=3.0, clamps=20,
)  # fmt: skip
WAYS = {"follows": (1.0, 0.0), "lags": (0.3, 0.0), "is blocked": (0.0, 0.0), "drifts": (0.5, 0.002)}


class Body:
    """A robot whose tool, joints and so on go where they are told, or part of the way, or not at all, or elsewhere."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.at = Command(
            np.array([[0.0, 0.0, 0.1]]), np.array([0.0, 1.0, 0.0, 0.0]), np.array([0.0, 0.5, 1.0]), np.array([0.5])
        )  # fmt: skip
        self.told, self.ways = self.at, dict.fromkeys(self.at.parts(), "follows")

    def move(self) -> None:
        """A period passes."""
        parts = {}
        for (name, at), told in zip(self.at.parts().items(), self.told.parts().values(), strict=True):
            if self.rng.random() < 0.01:
                self.ways[name] = str(self.rng.choice(list(WAYS), p=[0.55, 0.15, 0.15, 0.15]))
            share, noise = WAYS[self.ways[name]]
            parts[name] = at + share * (told - at) + self.rng.normal(0, noise, at.shape)
        parts["quaternion"] /= np.linalg.norm(parts["quaternion"])
        self.at = Command(**parts)

    def tell(self, command: Command) -> None:
        """What it was not told stays as it is."""
        given = {name: part for name, part in command.parts().items() if part is not None}
        self.told = dataclasses.replace(self.at, **given)

    def reading(self, now: float, number: int) -> Any:
        """What it reports, now and then damaged."""
        made = oracle.readings(self.rng, self.at.points[0], now, number)
        if not isinstance(made, Reading):
            return made
        joints = self.at.joints if self.rng.random() > 0.005 else np.full(3, np.nan)
        return dataclasses.replace(made, quaternion=self.at.quaternion, joints=joints, gripper=self.at.gripper)


def attack(seed: int, count: int, spec: RobotSpec = POINT) -> Counter[str]:
    """Put `count` commands to a safety filter whose robot moves to where it is let, or does not.

    Returns:
        How many commands passed, were refused or halted the safety filter; ``broken`` names all broken limits.
    """
    rng, limits = np.random.default_rng(seed), ARM_LIMITS if spec.joints else LIMITS
    guard, watch, body = SafetyFilter(limits, spec), oracle.Watch(limits, spec), Body(rng)
    will, found = np.zeros(10), Counter[str]()
    for number, now in zip(range(count), oracle.trials(rng, spec.period), strict=False):
        body.move()
        reading = body.reading(now, number)
        reason = guard.read(reading, now)
        if not reason or "s old" in reason or "the same for" in reason:
            watch.see(reading)
        if rng.random() < 0.02:
            will = rng.normal(0, 10.0 ** rng.uniform(-2, 0.3), 10)
        verdict = guard.admit(_asked(rng, body.told, will, spec), now)
        if verdict.command is None:
            watch.rest()
            found["halted" if verdict.halt else "refused"] += 1
            if verdict.halt:
                guard.forget()
                watch.forget()
            continue
        for name in watch.broken(verdict.command, now):
            found[f"broken {name}"] += 1
        found["clamped" if verdict.clamped else "passed"] += 1
        found[body.ways["points"]] += 1
        body.tell(verdict.command)
    return found


def _asked(rng: np.random.Generator, told: Command, will: np.ndarray, spec: RobotSpec) -> Any:
    """Somewhere further in one direction, as a policy would go; or something absurd."""
    further = Command(
        told.points + 0.02 * will[:3] + rng.normal(0, 0.002, 3),
        multiply(from_rotation(0.03 * will[3:6]), told.quaternion),
        told.joints + 0.04 * will[6:9],
        told.gripper + 0.1 * will[9:],
    )
    if rng.random() < 0.3:
        absurd = oracle.commands(rng, told.points[0])
        if not spec.joints or not isinstance(absurd, Command) or absurd.quaternion is not None:
            return absurd
        further = dataclasses.replace(further, points=absurd.points)
        for name in rng.choice(["quaternion", "joints", "gripper"], rng.integers(3), replace=False):
            part = getattr(further, name)
            wild = rng.choice(oracle.AWKWARD, part.shape) if rng.random() < 0.5 else part + rng.normal(0, 1, part.shape)
            further = dataclasses.replace(further, **{name: wild})
        return further
    return further if spec.joints else Command(further.points)
