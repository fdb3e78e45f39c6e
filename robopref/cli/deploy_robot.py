"""The robot of `robopref deploy`: connected, compared with the policy, and freed whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from robopref.cli.building import build
from robopref.cli.context import Context
from robopref.errors import ConfigError, RobotError, SafetyError
from robopref.motion import RobotSpec
from robopref.nets.parts_encoder import PartsEncoder
from robopref.nets.points import StateEncoder
from robopref.policies.abilities import history_of
from robopref.protocols import ChunkPolicy
from robopref.robot_protocols import Robot
from robopref.robots import demands
from robopref.robots.dry_run import DryRun
from robopref.safety.guard import Guard, free
from robopref.safety.limits import Limits

_METHODS = ("reset", "observe", "execute", "hold", "stop", "close")


@contextmanager
def guarded(context: Context, limits: Limits) -> Generator[Guard]:
    """Connect to the robot of the settings, and free it at the end, however that comes.

    Args:
        context: Of the command.
        limits: What the robot may do.

    Yields:
        The guard of the robot, which is not armed.

    Raises:
        ConfigError: The settings make no robot.
        SafetyError: A real robot lacks limits.
        RobotError: It cannot be reached, or does not let go.
    """
    made: Any = build(context.config.robot)
    leave: Callable[[], None] = partial(free, made, type(made).__name__)
    try:
        robot = _robot(made)
        if robot.spec.real and not context.config.deploy.send:
            context.console.print("dry run: nothing is sent to the robot; deploy.send=true moves it")
            robot = DryRun(robot)
            if missing := limits.missing(robot.spec):
                context.console.print(
                    f"[yellow]before it can be armed, this robot needs safety.{', safety.'.join(missing)}"
                )
        guard = Guard(robot, limits)
        leave = guard.close
        yield guard
    except BaseException:
        try:
            leave()
        except RobotError as error:  # what went wrong before is the reason why this command ends
            context.console.print(str(error), markup=False, highlight=False)
        raise
    leave()


def require_fit(policy: ChunkPolicy, guard: Guard, history: int, recorded: Callable[[], int]) -> None:
    """Demand a robot that sees and takes what the policy sees and gives; nothing moves.

    Args:
        policy: The policy.
        guard: Of the robot.
        history: Observations that the policy is to be given.
        recorded: Gives the number of points of the clouds that the policy was trained on.

    Raises:
        ConfigError: It does not.
        SafetyError: Its readings cannot be trusted.
    """
    name, size = guard.spec.name, policy.shape[1]
    if guard.robot.actions.size != size:
        raise ConfigError(f"the policy's actions have {size} numbers, those of robot {name} {guard.robot.actions.size}")
    reading, distrust = guard.observe()
    if distrust:
        raise SafetyError(f"the robot's readings cannot be trusted: {distrust}")
    encoder: Any = getattr(policy, "encoder", None)
    if not isinstance(encoder, StateEncoder | PartsEncoder):
        return  # a policy of one's own knows by itself what it sees
    if history != (known := history_of(policy)):
        seen = "one observation" if known == 1 else f"the last {known} observations"
        raise ConfigError(f"the policy sees {seen}, got deploy.pace.history={history}")
    if isinstance(encoder, PartsEncoder):
        _require_parts(encoder, reading.observation.parts, name)
        return
    points, proprio = reading.observation.points, reading.observation.proprio
    known = encoder.proprio_mean.shape[0]
    if proprio.shape != (known,):
        raise ConfigError(f"the policy sees {known} numbers of proprioception, robot {name} reports {len(proprio)}")
    if points is None:
        raise ConfigError(f"the policy sees point clouds, robot {name} reports none; give it a camera")
    if points.shape[1] != 3:
        raise ConfigError(f"the policy sees points of 3 numbers, those of robot {name} have {points.shape[1]}")
    least = min(encoder.points, recorded())
    if len(points) < least:
        raise ConfigError(f"the policy sees clouds of at least {least} points, robot {name} reports {len(points)}")


def require_following(guard: Guard) -> None:
    """Demand a robot that goes where it is told; of another one nothing can be compared.

    Args:
        guard: Of the robot.

    Raises:
        ConfigError: It stays where it is, or goes where it was recorded.
    """
    if not guard.spec.follows:
        raise ConfigError(
            f"deploy.control=true compares what comes of commands, and {guard.spec.name} carries none out; "
            "take robot=sim, or give deploy.send=true to a real robot"
        )


def _require_parts(encoder: PartsEncoder, reported: Mapping[str, Any], robot: str) -> None:
    """Demand that a robot reports what a policy of any parts sees."""
    for part in encoder.shapes:
        if part not in reported:
            raise ConfigError(
                f"the policy sees {part}, robot {robot} reports {', '.join(reported) or 'nothing'}; add what it lacks, "
                "or train a policy of what there is: policy.observation=[...]"
            )
        shape = tuple(reported[part].shape)
        if not encoder.takes(part, shape):
            raise ConfigError(f"the policy sees {part} of shape ({encoder.form(part)}), robot {robot} reports {shape}")


def recorded_points(context: Context) -> int:
    """How many points the clouds of the demonstrations have."""
    return int(context.demonstrations.array("points", 0, 1).shape[1])


def _robot(made: Any) -> Robot:
    """Demand a robot of what the settings made."""
    kind = type(made).__name__
    lacking = [name for name in _METHODS if not callable(getattr(made, name, None))]
    lacking += [name for name in ("spec", "actions") if not hasattr(made, name)]
    if lacking:
        raise ConfigError(f"{kind} is no robot: it lacks {', '.join(lacking)}; see robopref.robot_protocols.Robot")
    if not isinstance(made.spec, RobotSpec):
        raise ConfigError(f"spec of {kind} must be a RobotSpec, got {type(made.spec).__name__}")
    demands.fitting(made.actions, made.spec)
    robot: Robot = made
    return robot
