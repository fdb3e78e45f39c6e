"""The worst that the timesteps of a scene did: edges that stretch, and contacts that sink in."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from envs.physics import Physics


class Extremes:
    """The largest stretch and the deepest contact of every timestep that is watched.

    Args:
        physics: The scene.

    Attributes:
        stretch: Largest length of an edge over its length at rest; 1 where nothing stretched.
        depth: Deepest contact with something solid, m.
        layers: Deepest contact of a rope or a cloth with itself, m, for every timestep.
        stretches: Whether anything can stretch.
    """

    def __init__(self, physics: Physics) -> None:
        self.stretch, self.depth, self.layers = 1.0, 0.0, list[float]()
        self._physics = physics
        self._edges = ~physics.model.flexedge_rigid.astype(bool) & (physics.model.flexedge_length0 > 0)
        self.stretches = bool(self._edges.any())

    @contextmanager
    def watched(self) -> Generator[None, None, None]:
        """Watch every timestep meanwhile."""
        self._physics.watch = self._look
        try:
            yield
        finally:
            self._physics.watch = None

    def _look(self) -> None:
        model, data = self._physics.model, self._physics.data
        solid = ~_between_layers(self._physics)
        self.depth = max(self.depth, float((-data.contact.dist[solid]).max(initial=0)))
        self.layers.append(depth_between_layers(self._physics))
        if self.stretches:
            lengths = data.flexedge_length[self._edges] / model.flexedge_length0[self._edges]
            self.stretch = max(self.stretch, float(lengths.max()))


def depth_between_layers(physics: Physics) -> float:
    """Deepest contact of a rope or a cloth with itself, m; 0 where it does not touch itself."""
    return float((-physics.data.contact.dist[_between_layers(physics)]).max(initial=0))


def _between_layers(physics: Physics) -> NDArray[np.bool_]:
    """Which contacts have no solid body on either side."""
    return (physics.data.contact.geom < 0).all(axis=1)
