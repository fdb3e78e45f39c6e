"""Whether a simulated task is the one that data were recorded in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from robopref.errors import ConfigError


def require_task(env: Any, keys: Sequence[str], sizes: tuple[int, int]) -> None:
    """Refuse a task that a policy of some data cannot act in.

    Args:
        env: A gymnasium task.
        keys: What the policy sees.
        sizes: Numbers of an observation that are no points, and of an action.

    Raises:
        ConfigError: It observes something else, or takes other actions.
    """
    space = env.observation_space
    seen = {name: part.shape for name, part in getattr(space, "spaces", {"state": space}).items()}
    if absent := [key for key in keys if key not in seen]:
        raise ConfigError(f"evaluate.env does not observe {', '.join(absent)}, only {', '.join(map(str, seen))}")
    vector = sum(int(np.prod(seen[key] or (1,))) for key in keys if key != "points")
    action = int(np.prod(env.action_space.shape or (1,)))
    if (vector, action) != sizes:
        raise ConfigError(
            f"evaluate.env observes {vector} numbers and takes {action}, the policy was learnt from {sizes[0]} and "
            f"{sizes[1]}; it is not the task of these data"
        )
