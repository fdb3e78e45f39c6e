"""What an operator can do during a run, by key."""

from __future__ import annotations

from robopref.runtime.loop import Runtime
from robopref.safety.states import State

# key -> what it asks the run for; 2 to 9 correct to the n-th best.
KEYS = {" ": "stop", "t": "takeover", "g": "resume", "y": "accept", "s": "success", "f": "failure", "q": "quit"}
PLACES = "23456789"


def press(runtime: Runtime, key: str, note: str = "") -> bool:
    """Do what a key stands for, if the robot is armed or running.

    Args:
        runtime: Is told what the operator did.
        key: One of `KEYS` or `PLACES`; others do nothing.
        note: Recorded with it.

    Returns:
        Whether the run was told.
    """
    if runtime.guard.state not in (State.RUNNING, State.ARMED):
        return False
    if key in KEYS:
        runtime.request(KEYS[key], note)
    elif len(key) == 1 and key in PLACES:
        runtime.request("correct", note, rank=int(key))
    else:
        return False
    return True
