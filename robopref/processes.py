"""Processes that work for this one, and end with it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any


def process_pool(count: int, set_up: Callable[..., object] | None = None, *given: Any) -> ProcessPoolExecutor:
    """Processes to submit calls to, started anew when they are first needed.

    They end when this process ends, even if it is killed.

    Args:
        count: How many.
        set_up: A module-level function that each calls first.
        *given: Its arguments.
    """
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(count, context, initializer=_begin, initargs=(set_up, given))


def leave_interrupts_to_parent() -> None:
    """Go on when Ctrl-C is pressed, which a terminal tells all processes; the parent says so, and ends this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _begin(set_up: Callable[..., object] | None, given: tuple[Any, ...]) -> None:
    threading.Thread(target=_end_with_parent, name="robopref-parent", daemon=True).start()
    if set_up is not None:
        set_up(*given)


def _end_with_parent() -> None:
    """A worker whose parent was killed would otherwise work on, and then wait for more for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
