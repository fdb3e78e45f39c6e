"""The greatest force of an action, felt at every step of its simulation."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import numpy as np

from envs.physics import Physics
from envs.tool import Tool


class Impact:
    """Feels the tool's contact force all along an action; at its end, what was hit is often gone.

    Args:
        physics: What is simulated.
        tool: What touches things.
    """

    def __init__(self, physics: Physics, tool: Tool) -> None:
        self._physics, self._tool = physics, tool
        self.peak = 0.0  # of the last action, N

    @contextmanager
    def felt(self) -> Generator[None]:
        """Feel what is simulated within; whoever watches the physics goes on watching."""
        watching, self.peak = self._physics.watch, 0.0

        def feel() -> None:
            self.peak = max(self.peak, float(np.linalg.norm(self._tool.force)))
            if watching is not None:
                watching()

        self._physics.watch = feel
        try:
            yield
        finally:
            self._physics.watch = watching
