"""All that decides what happens next in another package's environment, as one vector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.physics import Physics
from robopref.errors import ConfigError

# What packages change of a compiled model at a reset: where things are, their sizes, masses and friction.
_FIELDS = (
    "actuator_gainprm", "body_inertia", "body_mass", "body_pos", "body_quat", "dof_damping", "geom_friction",
    "geom_pos", "geom_quat", "geom_size", "site_pos", "site_quat",
)  # fmt: skip
_PLAIN = (bool, int, float, np.generic, np.ndarray)


class ForeignState:
    """The physics, what is changed of its model at a reset, and what the environment's objects keep beside it.

    Kept are the attributes of the objects that are numbers or arrays of numbers, or None in their place: steps so far,
    an earlier observation, a target. Objects of other kinds, such as lists, and random generators are not kept.
    Attributes that look into MuJoCo's own memory follow the physics by themselves.

    Args:
        physics: The scene.
        objects: The environment and its wrappers, after a reset and a step, when they hold all that they ever will.
        forget: Attributes that are left out, such as logs that grow.
    """

    def __init__(self, physics: Physics, objects: Sequence[object], forget: Sequence[str] = ()) -> None:
        self._physics = physics
        self._kept: list[tuple[object, str, NDArray[Any]]] = []
        for one in objects:
            for name, value in sorted(vars(one).items()):
                if name not in forget and _is_plain(value):
                    self._kept.append((one, name, np.array(value)))

    @property
    def names(self) -> list[str]:
        """The attributes that are kept, as ``<class>.<attribute>``."""
        return [f"{type(one).__name__}.{name}" for one, name, _ in self._kept]

    def snapshot(self) -> NDArray[np.float64]:
        """The state; of one environment always of the same size.

        Raises:
            ConfigError: An attribute is no number any more, or an array of another shape.
        """
        model = [getattr(self._physics.model, name).ravel() for name in _FIELDS]
        return np.concatenate([self._physics.snapshot(), *model, *(self._held(*one) for one in self._kept)])

    def restore(self, snapshot: NDArray[np.float64]) -> None:
        """Return to a state; what follows is then the same, bit for bit, if all that decides it is kept.

        Args:
            snapshot: From `snapshot`.

        Raises:
            ConfigError: It is of another environment.
        """
        parts = [getattr(self._physics.model, name) for name in _FIELDS]
        kept = sum(example.size + 1 for *_, example in self._kept)
        model = sum(part.size for part in parts)
        physics = self._physics.size
        if snapshot.shape != (physics + model + kept,):
            raise ConfigError(
                f"a snapshot of this environment has shape ({physics + model + kept},), got {snapshot.shape}"
            )
        begin = physics
        for part in parts:
            part[:] = snapshot[begin : begin + part.size].reshape(part.shape)
            begin += part.size
        # Last, as it computes what follows from the model.
        self._physics.restore(snapshot[:physics])
        for one, name, example in self._kept:
            known, values = snapshot[begin], snapshot[begin + 1 : begin + 1 + example.size]
            setattr(one, name, _as(values, example, vars(one).get(name)) if known else None)
            begin += 1 + example.size

    @staticmethod
    def _held(one: object, name: str, example: NDArray[Any]) -> NDArray[np.float64]:
        """Whether there is a value, and the value, (1 + size,)."""
        value = vars(one).get(name)
        if value is None:
            return np.zeros(1 + example.size)
        if not _is_plain(value) or np.shape(value) != example.shape:
            raise ConfigError(
                f"{type(one).__name__}.{name} was of shape {example.shape} at first and is {np.shape(value)} now, so "
                f"it cannot be kept; leave it out with +env.options.forget=[{name}]"
            )
        return np.append(1.0, np.asarray(value, np.float64).ravel())


def _is_plain(value: object) -> bool:
    """Whether it is a number or an array of numbers in memory of its own."""
    if not isinstance(value, _PLAIN):
        return False
    root: Any = value
    while isinstance(root, np.ndarray) and root.base is not None:
        root = root.base
    return np.asarray(value).dtype.kind in "biuf" and isinstance(root, _PLAIN)


def _as(values: NDArray[np.float64], example: NDArray[Any], now: object) -> Any:
    """A value of the kind that the attribute has; arrays are new ones, as others may hold the present one."""
    array = values.reshape(example.shape).astype(example.dtype)
    return array if example.ndim or isinstance(now, np.ndarray) else array.item()
