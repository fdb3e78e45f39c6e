"""What happened in a run, counted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Tally:
    """What happened in a run.

    Attributes:
        cause: Why it ended.
        success: Whether the task was solved, as far as is known.
        halted: Whether the robot was halted.
        seconds: How long it took.
        ticks: Turns of the loop.
        commands: Executed commands.
        plans: Plans that were made.
        missed: Ticks without the plan that was due.
        waited: Ticks that waited for a plan that was not yet due.
        dropped: Plans that came too late to be of use.
        overrun: Ticks that began too late.
        clamped: Commands that the safety filter changed.
        refused: Commands that the safety filter refused, and plans of which it refused every candidate.
    """

    cause: str = ""
    success: bool = False
    halted: bool = False
    seconds: float = 0.0
    ticks: int = 0
    commands: int = 0
    plans: int = 0
    missed: int = 0
    waited: int = 0
    dropped: int = 0
    overrun: int = 0
    clamped: int = 0
    refused: int = 0
