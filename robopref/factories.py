"""Classes and functions that settings name, to be called once what they make a part of is known."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from robopref.errors import ConfigError


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


def _signature(factory: Callable[..., Any], said: str) -> inspect.Signature:
    try:
        return inspect.signature(factory)
    except (TypeError, ValueError) as error:  # of settings that are not taken, the cause names one
        raise ConfigError(f"{said}: {error.__cause__ or error}") from error
