"""Starts of tasks that are drawn until one is as it has to be, and not for ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from robopref.errors import RoboprefError

_T = TypeVar("_T")


def first_fitting(draw: Callable[[], _T | None], most: int, wanted: str, remedy: str) -> _T:
    """The first start that fits.

    Args:
        draw: Draws one; None if it does not fit.
        most: How many are drawn at most.
        wanted: What a start has to be, for the message.
        remedy: What helps where none is.

    Raises:
        RoboprefError: None fits.
    """
    for _ in range(most):
        if (found := draw()) is not None:
            return found
    raise RoboprefError(f"of {most} starts that were drawn, none {wanted}; {remedy}")
