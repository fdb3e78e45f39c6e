"""Waiting for what another thread or process does, however busy the machine is."""

import time
from collections.abc import Callable

PATIENCE = 120.0  # s; a test that passes waits for a moment only


def until(done: Callable[[], object]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < end, f"it did not happen within {PATIENCE:g} s"
        time.sleep(0.01)
