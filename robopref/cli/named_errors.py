"""Errors that say which setting they are about."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from robopref.errors import RoboprefError


@contextmanager
def named_after(setting: str, others: str = "") -> Generator[None]:
    """Say of errors which setting they are about, in place of those of others that have the same parts."""
    try:
        yield
    except RoboprefError as error:
        said = str(error)
        if others:
            said = said.replace(others, f"{setting}." if setting else "")
        elif not said.startswith(setting):
            said = f"{setting}: {said}"
        error.args = (said,)
        raise
