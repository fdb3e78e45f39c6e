"""A robot that is watched but never moved."""

from __future__ import annotations

from dataclasses import replace

from robopref.motion import Command, Reading
from robopref.robot_protocols import Robot


class DryRun:
    """Reads a robot and sends it nothing, not even a reset.

    Args:
        robot: The robot.
    """

    def __init__(self, robot: Robot) -> None:
        self.robot, self.actions = robot, robot.actions
        self.spec = replace(robot.spec, name=f"{robot.spec.name}-dry-run", real=False, follows=False, longest=0.0)

    def reset(self, *, seed: int | None = None) -> Reading:
        """The newest reading."""
        return self.robot.observe()

    def observe(self) -> Reading:
        """The newest reading."""
        return self.robot.observe()

    def execute(self, command: Command) -> None:
        """Does nothing."""

    def hold(self) -> None:
        """Does nothing."""

    def stop(self) -> None:
        """Does nothing."""

    def close(self) -> None:
        """Free the connection."""
        self.robot.close()
