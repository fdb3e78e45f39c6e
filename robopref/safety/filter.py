"""The safety filter: what it remembers of readings and commands, and its verdict on the next one."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.motion import Command, Reading, RobotSpec, standing
from robopref.records import Observation
from robopref.robot_protocols import ActionMap
from robopref.safety.constrain import FARTHEST, Motion, constrain
from robopref.safety.limits import Limits

_WINDOW = 1.0  # s over which changed and refused commands are counted
_EARLY = 0.4  # of a period: commands that come faster are refused
_LATE = 2.0  # periods after which a robot without a command rests
_SLOWED = {"gripper speed"}  # changes that are no incident: a gripper that is opened takes its time
_FUTURE = 0.005  # s by which a reading may seem to come from the future


@dataclass(frozen=True)
class Verdict:
    """What becomes of a command.

    Attributes:
        command: What may be executed; None if nothing may.
        clamped: Names of the limits that changed it.
        refused: Why it is refused; empty if it is not.
        halt: Whether the robot has to be halted.
    """

    command: Command | None
    clamped: tuple[str, ...] = ()
    refused: str = ""
    halt: bool = False


class SafetyFilter:
    """Decides on commands by what was last read, deterministically; keeps no clock of its own.

    Args:
        limits: What the robot may do.
        spec: What kind of robot it is.
    """

    def __init__(self, limits: Limits, spec: RobotSpec) -> None:
        self.limits, self.spec = limits, spec
        self._incidents: deque[float] = deque()
        self.forget()

    def forget(self) -> None:
        """Begin anew, as after a reset of the robot."""
        self._reading: Reading | None = None
        self._velocity, self._turning = np.zeros(3), np.zeros(self.spec.joints)
        self._changed = -np.inf  # when the cloud was last another one
        self._distrust = "nothing was read yet"
        self._alarm = ""
        self._now = self._last = -np.inf
        self._incidents.clear()
        self.rest()

    def rest(self) -> None:
        """The robot was held: the next command starts from where it is then."""
        self._motion: Motion | None = None

    @property
    def alarm(self) -> str:
        """Why the robot has to be halted, whatever is commanded; empty if it has not."""
        return self._alarm

    def read(self, reading: Any, now: float) -> str:
        """Take note of a reading.

        Args:
            reading: What the robot reports; anything at all.
            now: Monotonic seconds.

        Returns:
            Why it cannot be trusted; empty if it can.
        """
        self._distrust, self._alarm = "", self._alarm or self._clock(now)
        fault = _fault(reading, self.spec)
        before = self._reading
        if fault:
            self._distrust = fault
            return fault
        if before is not None and (reading.time < before.time or reading.sequence < before.sequence):
            self._distrust = "readings come in the wrong order"
            return self._distrust
        if reading.time > now + _FUTURE:
            self._distrust = f"a reading is {reading.time - now:.3f} s in the future; its clock is not this machine's"
            return self._distrust
        self._alarm = self._alarm or self._overload(reading)
        if before is None or not np.array_equal(_seen(before), _seen(reading)):
            self._changed = reading.time
        elapsed = 0.0 if before is None else reading.time - before.time
        if before is not None and elapsed > 0:
            usable = 1e-3 < elapsed < 3 * self.spec.period
            moved = (np.asarray(reading.tool, np.float64) - before.tool) / elapsed if usable else np.zeros(3)
            fastest = self.limits.speed if self.limits.speed is not None else np.inf
            self._velocity = moved * min(1.0, fastest / max(float(np.linalg.norm(moved)), 1e-12))
            if reading.joints is not None and before.joints is not None and self.spec.joints:
                turned = (reading.joints - before.joints) / elapsed if usable else np.zeros(self.spec.joints)
                most = self.limits.joint_speed if self.limits.joint_speed is not None else np.inf
                self._turning = np.clip(np.asarray(turned, np.float64), -most, most)
        self._reading = reading
        return self._age(now)

    def admit(self, command: Any, now: float) -> Verdict:
        """Decide on a command; if the verdict has one, it has to be executed now.

        Args:
            command: The command; anything at all.
            now: Monotonic seconds.

        Returns:
            The verdict.
        """
        return self._count(self._alarmed(now) or self._decide(command, now), now)

    def refuse(self, reason: str, now: float) -> Verdict:
        """Refuse what is not even a command.

        Args:
            reason: Why.
            now: Monotonic seconds.

        Returns:
            The verdict.
        """
        return self._count(self._alarmed(now) or Verdict(None, refused=reason), now)

    def _alarmed(self, now: float) -> Verdict | None:
        self._alarm = self._alarm or self._clock(now)
        return Verdict(None, refused=self._alarm, halt=True) if self._alarm else None

    def _count(self, verdict: Verdict, now: float) -> Verdict:
        """Turn one incident too many into a halt."""
        if verdict.command is None:
            self.rest()
        else:
            self._last = now
        if verdict.refused or set(verdict.clamped) - _SLOWED:
            self._incidents.append(now)
            while self._incidents and self._incidents[0] <= now - _WINDOW:
                self._incidents.popleft()
            if len(self._incidents) > self.limits.clamps and not verdict.halt:
                last = verdict.refused or f"changed for {', '.join(verdict.clamped)}"
                self.rest()
                cause = f"{len(self._incidents)} commands were changed or refused within a second; the last: {last}"
                return Verdict(None, refused=cause, halt=True)
        return verdict

    def screen(
        self, candidates: NDArray[np.float32], actions: ActionMap, now: float
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """What would become of (N, H, A) candidate chunks if they were executed from here on.

        Args:
            candidates: As the policy made them.
            actions: What they mean.
            now: Monotonic seconds.

        Returns:
            The chunks as they would be executed, and (N,) whether all of a chunk would be. Those that would not are as
            they were, NaN and all.
        """
        count, horizon = candidates.shape[:2]
        reading, motion = self._reading, self._moving(now)  # another thread may replace them meanwhile
        if reading is None or self._distrust:
            return candidates, np.zeros(count, dtype=bool)
        motion = (motion or self._start(reading)).repeat(count)
        measured = standing(reading, self.spec)
        safe = candidates.copy()
        passed: NDArray[np.bool_] = np.asarray(np.isfinite(candidates).all(axis=(1, 2)))
        known = np.where(passed[:, None, None], candidates, 0)
        for step in range(horizon):
            origin = motion.command
            found = constrain(
                actions.to_command(known[:, step], origin), motion, measured, self.limits, self.spec, self.spec.period
            )
            safe[:, step] = actions.to_actions(found.command, origin)
            passed = passed & found.passed
            motion, measured = found.motion, _there(found.command)
        return np.where(passed[:, None, None], safe, candidates), passed

    def origin(self, now: float) -> Command | None:
        """The command that one at time `now` follows: the last one, or to stay where the robot is; None if unknown."""
        if self._reading is None:
            return None
        return (self._moving(now) or self._start(self._reading)).command

    def _decide(self, command: Any, now: float) -> Verdict:
        reason = self._distrust or self._age(now)
        reading = self._reading
        if reason or reading is None:
            return Verdict(None, refused=reason)
        reason = _misfit(command, self.spec)
        if reason:
            return Verdict(None, refused=reason)
        gap, period = now - self._last, self.spec.period
        motion = self._moving(now)
        # One that was held may have been told so on its way: it has a whole period to come to rest.
        if gap < (_EARLY if motion or not self.spec.follows else 1 - 1e-9) * period:
            return Verdict(None, refused=f"commands come {gap:.3f} s apart, the period is {period:.3f} s")
        since = min(gap, period if self.spec.primitive or motion is None else _LATE * period)
        found = constrain(
            command, motion or self._start(reading), standing(reading, self.spec), self.limits, self.spec, since
        )
        if not bool(found.passed):
            return Verdict(None, refused=", ".join(name for name, mask in found.refused.items() if bool(mask)))
        self._motion = found.motion
        return Verdict(found.command, tuple(name for name, mask in found.clamped.items() if bool(mask)))

    def _moving(self, now: float) -> Motion | None:
        """How the robot moves; None if it got no command for so long that it is where it was read."""
        if not self.spec.follows or now - self._last > _LATE * self.spec.period + self.spec.longest:
            return None
        return self._motion

    def _start(self, reading: Reading) -> Motion:
        return Motion(standing(reading, self.spec), self._velocity.copy(), np.zeros(3), self._turning.copy())

    def _age(self, now: float) -> str:
        if self._reading is None:
            return "nothing was read yet"
        age = now - self._reading.time
        if self.limits.age is not None and age > self.limits.age:
            return f"the last reading is {age:.3f} s old, the limit is {self.limits.age} s"
        if self.limits.frozen is not None and self._reading.time - self._changed > self.limits.frozen:
            return f"the cloud has been the same for {self._reading.time - self._changed:.3f} s; is the camera alive?"
        return ""

    def _clock(self, now: float) -> str:
        if not np.isfinite(now) or now < self._now:
            return "the clock went backwards"
        self._now = now
        return ""

    def _overload(self, reading: Reading) -> str:
        if reading.wrench is None:
            return ""
        force, torque = (float(np.linalg.norm(reading.wrench[part])) for part in (slice(3), slice(3, 6)))
        for name, value, limit, unit in (
            ("force", force, self.limits.force, "N"), ("torque", torque, self.limits.torque, "N m"),
        ):  # fmt: skip
            if limit is not None and not value <= limit:
                return f"{name} of {value:.1f} {unit} at the tool, the limit is {limit} {unit}"
        return ""


def _there(command: Command) -> Command:
    """Where robots are measured that did as they were told."""
    last = command.points[..., -1:, :]
    return replace(command, points=np.broadcast_to(last, command.points.shape))


def _seen(reading: Reading) -> Any:
    """What comes from the camera."""
    observation = reading.observation
    return observation.image if observation.points is None else observation.points


def _fault(reading: Any, spec: RobotSpec) -> str:
    """What is wrong with a reading by itself; empty if nothing is."""
    return _unformed(reading) or _unsound(reading, spec)


def _unformed(reading: Any) -> str:
    """What is not of the kind that a reading has."""
    if not isinstance(reading, Reading):
        return f"a reading must be a Reading, got {type(reading).__name__}"
    moment: Any = reading.time
    number: Any = reading.sequence
    seen: Any = reading.observation
    if not isinstance(moment, (int, float)) or not np.isfinite(moment):
        return "the time of a reading is not finite"
    if not isinstance(number, Integral):
        return f"the sequence of a reading must be a whole number, got {number!r:.40}"
    if not isinstance(seen, Observation):
        return f"observation of a reading must be an Observation, got {type(seen).__name__}"
    return ""


def _unsound(reading: Reading, spec: RobotSpec) -> str:
    """What is not of the shape and size that the robot's readings have."""
    expected: dict[str, tuple[Any, tuple[int | None, ...]]] = {"tool": (reading.tool, (3,))}
    # A robot that has nothing to say of itself is seen by its cameras.
    if reading.observation.proprio is not None or not reading.observation.parts:
        expected["proprio"] = (reading.observation.proprio, (None,))
    if reading.observation.points is not None:
        expected["points"] = (reading.observation.points, (None, None))
    if reading.observation.state is not None:
        expected["state"] = (reading.observation.state, (None,))
    if spec.oriented:
        expected["quaternion"] = (reading.quaternion, (4,))
    if spec.joints:
        expected["joints"] = (reading.joints, (spec.joints,))
    if spec.gripper:
        expected["gripper"] = (reading.gripper, (1,))
    if spec.wrench:
        expected["wrench"] = (reading.wrench, (6,))
    for name, (array, shape) in expected.items():
        fault = _unlike(array, shape)
        if not fault and name == "points" and not len(array):
            fault = "are none; is the camera covered?"
        if fault:
            return f"{name} of a reading {fault}"
        if not bool((np.abs(array) <= FARTHEST).all()):
            return f"{name} of a reading is not finite, or beyond {FARTHEST:g}"
    if spec.oriented and abs(float(np.linalg.norm(np.asarray(reading.quaternion))) - 1) > 1e-2:
        return "quaternion of a reading is no orientation"
    return ""


def _misfit(command: Any, spec: RobotSpec) -> str:
    """Why something is no command for this robot; empty if it is one."""
    if not isinstance(command, Command):
        return f"a command must be a Command, got {type(command).__name__}"
    shapes: dict[str, tuple[int, ...] | None] = {
        "points": (spec.points, 3),
        "quaternion": (4,) if spec.oriented else None,
        "joints": (spec.joints,) if spec.joints else None,
        "gripper": (1,) if spec.gripper else None,
    }
    for name, shape in shapes.items():
        part = command.parts()[name]
        if shape is None:
            if part is not None:
                return f"robot {spec.name} takes no {name}"
            continue
        fault = _unlike(part, shape)
        if fault:
            return f"{name} of a command {fault}"
    return ""


def _unlike(array: Any, shape: tuple[int | None, ...]) -> str:
    if not isinstance(array, np.ndarray) or array.dtype.kind != "f" or array.dtype.itemsize not in (4, 8):
        got = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
        return f"must be an array of float32 or float64, got {got}"
    if array.ndim != len(shape) or any(want not in (None, size) for size, want in zip(array.shape, shape, strict=True)):
        return f"must have shape {shape}, got {array.shape}"
    return ""
