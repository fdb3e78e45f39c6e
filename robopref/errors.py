"""Errors a user can meet. Every message says what was wrong, what was got and what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class RoboprefError(Exception):
    """Root of all errors raised on purpose; the command line prints its message as one line."""


class ConfigError(RoboprefError):
    """A setting, name or combination of settings that cannot work."""


class PolicyError(ConfigError):
    """A policy that lacks what a reward is made of."""


class DataError(RoboprefError):
    """A dataset, label database or checkpoint that is missing, damaged or does not fit."""


class ConflictError(DataError):
    """Something that cannot be done any more, because of what was done before."""


class MismatchError(DataError):
    """Something that was made with other settings than those that are asked for."""


class StaleError(MismatchError):
    """Something that was trained on labels to which others have come since, or from a policy that has changed since."""


class BusyError(DataError):
    """Something that another command is writing to at the moment."""


class ActionError(RoboprefError, ValueError):
    """An action of the wrong shape, not finite, or outside its bounds."""


class DependencyError(RoboprefError, ImportError):
    """A package or system library that has to be installed first."""


class TrainingError(RoboprefError):
    """Training that cannot go on, such as a loss term that is not finite."""


class PartError(RoboprefError):
    """Code of a part that settings name, which may be anybody's, that failed."""


class RobotError(RoboprefError):
    """A robot, or the connection to it, that failed."""


class SafetyError(RoboprefError):
    """Something that the safety filter does not allow, such as arming a robot without limits."""


def unknown_name(kind: str, name: str, allowed: Iterable[str]) -> ConfigError:
    """Build the error for a name that does not exist, with the nearest names that do.

    Args:
        kind: What the name stands for, such as ``"target"``.
        name: The name that was got.
        allowed: The names that would have worked.

    Returns:
        The error, to be raised by the caller.
    """
    names = sorted(allowed)
    near = difflib.get_close_matches(name, names, n=2)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    expected = f"expected one of {', '.join(names)}" if names else "there is none"
    return ConfigError(f"unknown {kind} {name!r}; {expected}.{hint}")
