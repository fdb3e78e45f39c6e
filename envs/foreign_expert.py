"""A scripted policy of another package as a demonstrator."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.errors import ConfigError

Act = Callable[[Any], Any]
_METHODS = ("get_action", "act")


def load_expert(name: str) -> Act:
    """A scripted policy, from an observation of its environment to an action in the environment's own units.

    Args:
        name: ``<module>:<name>`` of a function of the observation, or of a class that is made without arguments and
            whose objects have ``get_action`` or ``act``, or can be called.

    Raises:
        ConfigError: There is no such thing, it cannot be made so, or it does not act.
    """
    module, _, attribute = name.partition(":")
    if not (module and attribute):
        raise ConfigError(f"expert must be <module>:<class or function>, got {name!r}")
    try:
        found = getattr(importlib.import_module(module), attribute)
        made = found() if isinstance(found, type) else found
    except (ImportError, AttributeError, TypeError) as error:
        raise ConfigError(f"cannot make the expert {name!r}: {error}") from error
    methods = [getattr(made, method) for method in _METHODS if callable(getattr(made, method, None))]
    if methods:
        return methods[0]
    if not callable(made):
        raise ConfigError(f"the expert {name!r} has none of {', '.join(_METHODS)} and cannot be called")
    return made


def checked(action: Any, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """What an expert answered, as an action.

    Raises:
        ConfigError: It is no action of the environment.
    """
    array = np.asarray(action, np.float64)
    if array.shape != shape or not np.isfinite(array).all():
        raise ConfigError(f"the expert's action must be {shape} finite numbers, got {action!r}")
    return array
