"""What an operator can do during a run, by key."""

from __future__ import annotations

from robopref.motion import Sight
from robopref.runtime.control_loop import Runtime
from robopref.safety.states import State

# key -> what it asks the run for; 2 to 9 correct to the n-th best.
KEYS = {" ": "stop", "t": "takeover", "g": "resume", "y": "accept", "s": "success", "f": "failure", "q": "quit"}
PLACES = "23456789"
CHOICES = f"y{PLACES}"  # those that are about one plan


def press(runtime: Runtime, key: str, note: str = "", sight: Sight | None = None) -> bool:
    """Do what a key stands for, if the robot is armed or running.

    Args:
        runtime: Is told what the operator did.
        key: One of `KEYS` or `PLACES`; others do nothing.
        note: Recorded with it.
        sight: Who presses it, seeing what.

    Returns:
        Whether the run was told.
    """
    if runtime.guard.state not in (State.RUNNING, State.ARMED):
        return False
    if key in KEYS:
        runtime.request(KEYS[key], note, sight=sight)
    elif len(key) == 1 and key in PLACES:
        runtime.request("correct", note, rank=int(key), sight=sight)
    else:
        return False
    return True
