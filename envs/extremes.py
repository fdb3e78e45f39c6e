"""The worst that the timesteps of a scene did: edges that stretch, and contacts that sink in."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

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
        depths, between = -data.contact.dist, (data.contact.geom < 0).all(axis=1)
        self.depth = max(self.depth, float(depths[~between].max(initial=0)))
        self.layers.append(float(depths[between].max(initial=0)))
        if self.stretches:
            lengths = data.flexedge_length[self._edges] / model.flexedge_length0[self._edges]
            self.stretch = max(self.stretch, float(lengths.max()))
