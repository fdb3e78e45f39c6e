"""Calls in other threads, none of which keeps a process from ending."""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


def start(name: str, call: Callable[..., T], *given: Any) -> Future[T]:
    """Make a call in a thread of its own; in this one if there can be no more.

    Args:
        name: Of the thread.
        call: What to call.
        *given: Its arguments.

    Returns:
        What will hold its result, or what it raised.
    """
    future: Future[T] = Future()
    try:
        threading.Thread(target=_make, args=(future, call, given), name=name, daemon=True).start()
    except RuntimeError:  # there can be no more threads; a robot is stopped all the same
        _make(future, call, given)
    return future


def end_process(status: int, seconds: float) -> None:
    """End this process some time from here on, even if threads of others keep it.

    Args:
        status: Its exit status.
        seconds: How long they may take.
    """

    def end() -> None:
        time.sleep(seconds)
        mine = (threading.main_thread(), threading.current_thread())
        left = [thread.name for thread in threading.enumerate() if not thread.daemon and thread not in mine]
        sys.stderr.write(f"robopref: ended without waiting for {', '.join(left) or 'threads'} any longer\n")
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(status)

    start("robopref-end", end)


class Worker:
    """One thread that makes calls one after the other.

    Args:
        name: Of the thread.
    """

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[tuple[Future[Any], Callable[..., Any], tuple[Any, ...]] | None]
        self._calls = queue.SimpleQueue()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def submit(self, call: Callable[..., T], *given: Any) -> Future[T]:
        """Make a call after those before it.

        Args:
            call: What to call.
            *given: Its arguments.
        """
        future: Future[T] = Future()
        self._calls.put((future, call, given))
        return future

    def close(self) -> None:
        """End the thread after what was submitted, without waiting for it."""
        self._calls.put(None)

    def _work(self) -> None:
        while (item := self._calls.get()) is not None:
            _make(*item)
            del item  # an idle thread keeps nothing alive


def _make(future: Future[Any], call: Callable[..., Any], given: tuple[Any, ...]) -> None:
    try:
        future.set_result(call(*given))
    except BaseException as error:  # whoever waits for the result decides what it means
        future.set_exception(error)
