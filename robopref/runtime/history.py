"""The last observations, as a policy wants them."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import torch

from robopref.errors import ConfigError
from robopref.motion import Reading
from robopref.records import Observation


class History:
    """Keeps the readings of the last ticks; before there are enough, the first one stands for those before it.

    Args:
        length: How many a policy sees.

    Raises:
        ConfigError: None at all.
    """

    def __init__(self, length: int = 1) -> None:
        if length < 1:
            raise ConfigError(f"a policy sees at least one observation, got history={length}")
        self._readings: deque[Reading] = deque(maxlen=length)

    def clear(self) -> None:
        """Begin an episode."""
        self._readings.clear()

    def add(self, reading: Reading) -> None:
        """Add the reading of a tick."""
        missing = (self._readings.maxlen or 1) if not self._readings else 1
        self._readings.extend([reading] * missing)

    def observation(self, device: torch.device) -> Observation:
        """The observations as a batch of one.

        Args:
            device: Where the policy is.

        Returns:
            points (1, P, 3) and proprio (1, D); with a history of T > 1, (1, T, P, 3) and (1, T, D), the newest last.
        """
        seen = [reading.observation.parts for reading in self._readings]
        return Observation.of({name: _stacked([one[name] for one in seen], device) for name in seen[-1]})


def _stacked(parts: list[Any], device: torch.device) -> torch.Tensor:
    """A part of several observations as a batch of one."""
    stacked = torch.as_tensor(np.stack(parts), device=device)
    return stacked[None] if len(parts) > 1 else stacked
