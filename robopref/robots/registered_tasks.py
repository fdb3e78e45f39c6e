"""Tasks that gymnasium knows by name: how they are made, and of what."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import gymnasium as gym


def recipe(task: str, options: Mapping[str, Any]) -> str | None:
    """How gymnasium makes an environment, as the JSON that other projects keep beside data.

    Args:
        task: Its id. A module that an id names is not imported, unless it is that of the tasks here: ids of data come
            from others.
        options: Its keyword arguments.

    Returns:
        The JSON; None for an environment that is not registered or cannot be told in JSON.
    """
    module, _, name = task.rpartition(":")
    if module not in ("", "envs"):
        return None
    try:
        if module:
            importlib.import_module(module)
        spec = gym.spec(name)
        return replace(spec, kwargs={**spec.kwargs, **options}).to_json()
    except (gym.error.Error, ImportError, ValueError, TypeError, AttributeError):
        return None


def made_by(task: str) -> str | Callable[..., Any] | None:
    """The class or function that gymnasium makes a task of, or its ``<module>:<name>``; the task's module is imported.

    Args:
        task: ``<module>:<id>``.

    Raises:
        gymnasium.error.Error: There is no such task.
        ImportError: There is no such module.
    """
    module, _, name = task.rpartition(":")
    importlib.import_module(module)
    return gym.spec(name).entry_point
