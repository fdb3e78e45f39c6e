"""Records that robots, the safety filter and the runtime hand to each other, in physical units.

Shape alphabet as in `robopref.records`; `L` tool points of a command, `J` joints. Lengths in metres in the robot's base
frame, angles in radians, quaternions wxyz, times in seconds of this machine's monotonic clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.errors import ConfigError
from robopref.records import Observation

Vector = NDArray[np.float64]
_NUMBERS: dict[str, type] = {"rate": Real, "longest": Real, "deadman": Real, "points": Integral, "joints": Integral}


@dataclass(frozen=True)
class RobotSpec:
    """What kind of commands a robot takes and what it reports.

    Attributes:
        name: For people and logs.
        rate: Commands a second.
        points: Tool points L that a command names: 1 for a target pose, 2 for pick and place, 0 for joints only.
        oriented: Whether a command has a tool orientation.
        joints: Joints J that a command names; 0 for none.
        gripper: Whether a command opens or closes a gripper.
        wrench: Whether readings carry force and torque at the tool.
        primitive: Whether a command is a whole motion that `Robot.execute` carries out before it returns; otherwise it
            is the target of the next period.
        longest: Longest time that `Robot.execute` may take, s; the watchdog allows it on top.
        real: Whether anything can come to harm; such a robot needs complete limits.
        follows: Whether it goes where it is told; to one that does not, as in a dry run, every command starts from
            where it is measured.
        deadman: Seconds after which the robot holds by itself when commands cease, as when this process is killed; None
            if it does not.
    """

    name: str
    rate: float
    points: int = 1
    oriented: bool = False
    joints: int = 0
    gripper: bool = False
    wrench: bool = False
    primitive: bool = False
    longest: float = 0.0
    real: bool = False
    follows: bool = True
    deadman: float | None = None

    def __post_init__(self) -> None:
        for name, kind in _NUMBERS.items():
            value: Any = getattr(self, name)
            if not (name == "deadman" and value is None) and (isinstance(value, bool) or not isinstance(value, kind)):
                wanted = "a number" if kind is Real else "a whole number"
                raise ConfigError(f"{name} of robot {self.name} must be {wanted}, got {value!r}")
        if not 0 < self.rate <= 1000:
            raise ConfigError(f"rate of robot {self.name} must be in (0, 1000] Hz, got {self.rate}")
        if min(self.points, self.joints) < 0 or self.points + self.joints == 0:
            raise ConfigError(f"robot {self.name} needs commands with points or joints, got {self.points} points")
        if not 0 <= self.longest < 3600:
            raise ConfigError(f"longest command of robot {self.name} must be in [0, 3600) s, got {self.longest}")
        if self.deadman is not None and not 0 < self.deadman < 3600:
            raise ConfigError(f"deadman of robot {self.name} must be in (0, 3600) s, got {self.deadman}")
        if self.points > 1 and not self.primitive:
            # Speeds are those of one point that moves on from command to command.
            raise ConfigError(f"a command of {self.points} points is a whole motion; set primitive=true")

    @property
    def period(self) -> float:
        """Seconds between commands."""
        return 1.0 / self.rate


@dataclass(frozen=True)
class Command:
    """What a robot is asked to do next; leading dimensions (...) are candidates.

    Attributes:
        points: (..., L, 3) where the tool goes, one after the other, m.
        quaternion: (..., 4) orientation of the tool, unit length; None if the robot takes none.
        joints: (..., J) targets, rad; None if the robot takes none.
        gripper: (..., 1) opening, 0 closed to 1 open; None if the robot takes none.
    """

    points: Vector
    quaternion: Vector | None = None
    joints: Vector | None = None
    gripper: Vector | None = None

    def __getitem__(self, index: Any) -> Command:
        """Some of the candidates."""
        return Command(*(None if part is None else part[index] for part in self.parts().values()))  # type: ignore[arg-type]

    def parts(self) -> dict[str, Vector | None]:
        """The parts by name."""
        return {
            "points": self.points, "quaternion": self.quaternion, "joints": self.joints, "gripper": self.gripper,
        }  # fmt: skip

    def vector(self) -> Vector:
        """One command as a flat array, for logs: points, quaternion, joints, gripper."""
        return np.concatenate([np.ravel(part) for part in self.parts().values() if part is not None])


@dataclass(frozen=True)
class Reading:
    """What a robot reports of one moment.

    Attributes:
        observation: What the policy sees: points (P, 3), proprio (D,).
        time: When it was measured, not when it arrived.
        tool: (3,) tool centre, m.
        sequence: Number of the measurement; never falls.
        quaternion: (4,) orientation of the tool, or None.
        joints: (J,) rad, or None.
        gripper: (1,) opening, or None.
        wrench: (6,) force, N, and torque, N m, at the tool, or None.
        success: Whether the task is known to be solved.
        ended: Whether the episode is over for another reason, such as the end of a recording.
        progress: How good the state is, larger is better; NaN if it is not known.
    """

    observation: Observation
    time: float
    tool: Vector
    sequence: int = 0
    quaternion: Vector | None = None
    joints: Vector | None = None
    gripper: Vector | None = None
    wrench: Vector | None = None
    success: bool = False
    ended: bool = False
    progress: float = float("nan")


def standing(reading: Reading, spec: RobotSpec) -> Command:
    """The command to stay where the robot is.

    Args:
        reading: Where it is.
        spec: What kind of commands it takes.

    Returns:
        One command.

    Raises:
        ConfigError: The reading lacks what the commands need.
    """
    needed = {"quaternion": spec.oriented, "joints": spec.joints > 0, "gripper": spec.gripper}
    lacking = [name for name, wanted in needed.items() if wanted and getattr(reading, name) is None]
    if lacking:
        raise ConfigError(f"readings of robot {spec.name} lack {', '.join(lacking)}, which its commands have")
    points = np.tile(np.asarray(reading.tool, dtype=np.float64), (spec.points, 1))
    rest = (np.asarray(getattr(reading, name), np.float64) if wanted else None for name, wanted in needed.items())
    return Command(points, *rest)


@dataclass(frozen=True)
class Event:
    """Something that happened during a run.

    Attributes:
        kind: Such as ``armed``, ``held``, ``halted``, ``accept``, ``takeover``.
        time: Monotonic seconds.
        cause: Why, in words.
        detail: Further values that JSON has; of what an operator did, ``by`` whom and which candidates were ``shown``.
        plan: The plan that an operator's act is about, as it was before the act; None if there was none.
        intervention: What an operator did who had taken over; of an event ``intervention`` only.
    """

    kind: str
    time: float
    cause: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict[str, Any])
    plan: Plan | None = None
    intervention: Intervention | None = None


@dataclass(frozen=True)
class Intervention:
    """What an operator did with the robot while they had it, one step a period.

    Attributes:
        readings: T + 1 measurements: before each step, and after the last.
        commands: T commands that would have led from each to the next.
        actions: (T, A) the same as actions of the policy, within [-1, 1].
        planned: (H, A) what the policy would have done there: the rest of its chunk, the last action repeated; None if
            nothing was planned.
    """

    readings: tuple[Reading, ...]
    commands: tuple[Command, ...]
    actions: NDArray[np.float32]
    planned: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Sight:
    """Who acts on a run, and what is before their eyes.

    Attributes:
        by: Name; empty if nobody said.
        plan: The plan that is shown; None if none is, or if nobody knows which.
        shown: Indices of those of its candidates that can be seen.
    """

    by: str = ""
    plan: Plan | None = None
    shown: tuple[int, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A chunk that was chosen among candidates.

    Attributes:
        reading: What it was planned from.
        issued: Number of commands that had been executed by then.
        raw: (H, A) the chosen chunk as the policy made it.
        safe: (H, A) the same after the safety filter; what was ranked.
        candidates: (N, H, A) after the safety filter.
        scores: (N,) larger is better; NaN for those that the safety filter refused.
        index: Which was chosen.
        refused: Number of candidates that the safety filter refused.
        seconds: How long each stage took.
        order: Indices of the candidates by the place at which they are offered, if that was drawn.
        chances: Of each in `order` the probability that it came first.
    """

    reading: Reading
    issued: int
    raw: NDArray[np.float32]
    safe: NDArray[np.float32]
    candidates: NDArray[np.float32]
    scores: NDArray[np.float32]
    index: int
    refused: int
    seconds: Mapping[str, float]
    order: tuple[int, ...] = ()
    chances: tuple[float, ...] = ()

    @property
    def places(self) -> tuple[int, ...]:
        """Indices of the candidates by place: as drawn, or else those that have a score, the best first."""
        best = np.argsort(-self.scores)[: int(np.isfinite(self.scores).sum())]  # unknown scores come last
        return self.order or tuple(int(index) for index in best)

    @property
    def margin(self) -> float:
        """By how much the best score exceeds the second; 0 if there is no second."""
        known = np.sort(self.scores[np.isfinite(self.scores)])
        return float(known[-1] - known[-2]) if len(known) > 1 else 0.0


@dataclass(frozen=True)
class Step:
    """One executed command.

    Attributes:
        number: Counts executed commands of the episode from 0.
        reading: What was seen before.
        raw: (A,) action as the policy made it.
        action: (A,) action that was executed.
        command: The same in physical units.
        clamped: Names of the limits that changed it.
        plan: The plan that it comes from.
        seconds: How long each stage of the tick took.
    """

    number: int
    reading: Reading
    raw: NDArray[np.float32]
    action: NDArray[np.float32]
    command: Command
    clamped: tuple[str, ...]
    plan: Plan
    seconds: Mapping[str, float]
