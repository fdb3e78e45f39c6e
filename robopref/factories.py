"""Classes and functions that settings name, which may be anybody's: what they take, and what they raise."""

from __future__ import annotations

import inspect
import os
import sysconfig
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from robopref.errors import ConfigError, PartError, RoboprefError

Given = ParamSpec("Given")
Returned = TypeVar("Returned")
_LIBRARIES = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")})


def parameters_of(factory: Callable[..., Any], said: str) -> Mapping[str, inspect.Parameter]:
    """What a factory takes, beside its settings.

    Args:
        factory: A class or function, with its settings.
        said: How the error begins.

    Raises:
        ConfigError: It does not take its settings.
    """
    return _signature(factory, said).parameters


def require_call(factory: Callable[..., Any], said: str, *given: object) -> None:
    """Require that a factory can be called.

    Args:
        factory: A class or function, with its settings.
        said: How the error begins.
        *given: What it will be called with.

    Raises:
        ConfigError: It takes something else, or does not take its settings.
    """
    try:
        _signature(factory, said).bind(*given)
    except TypeError as error:
        raise ConfigError(f"{said}: {error}") from error


def call_part(said: str, function: Callable[Given, Returned], *given: Given.args, **settings: Given.kwargs) -> Returned:
    """Call what a part that may be somebody else's is made by, or one of its methods.

    Args:
        said: What is called, for the error.
        function: To be called.
        *given: What it takes.
        **settings: What it takes by name.

    Returns:
        What it returns.

    Raises:
        PartError: It raised anything that is no `RoboprefError`; the message says what, and in which line.
    """
    try:
        return function(*given, **settings)
    except RoboprefError:
        raise
    except Exception as error:  # whatever code of somebody else raises
        why = " ".join(str(error).split())[:300]
        raise PartError(
            f"{said} raised {type(error).__name__}{why and f': {why}'}{_place(error)}; mend it, or choose another"
        ) from error


def _place(error: Exception) -> str:
    """The line that an error comes from, in the first file that is of no library."""
    frames = traceback.extract_tb(error.__traceback__)[1:]  # without that of the call
    files = [frame.filename for frame in frames if not frame.filename.startswith(_LIBRARIES)]
    own = [frame for frame in frames if frame.filename in files[:1]] or frames
    return f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""


def _signature(factory: Callable[..., Any], said: str) -> inspect.Signature:
    try:
        return inspect.signature(factory)
    except (TypeError, ValueError) as error:  # of settings that are not taken, the cause names one
        raise ConfigError(f"{said}: {error.__cause__ or error}") from error
