"""A position-controlled two-finger gripper of finite speed that grasps flex vertices by contact range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.physics import Physics
from robopref.errors import ConfigError

Vector = NDArray[np.float64]
_NOTICED = 0.02  # s of a way after which what is not at rest moves faster than that


@dataclass(frozen=True)
class GripperLimits:
    """What the gripper can do.

    Attributes:
        speed: Largest Cartesian speed with open fingers, m/s.
        carry_speed: Largest Cartesian speed while holding, m/s.
        reach: Distance from the tool centre within which closing fingers catch a vertex, m.
        force: Largest pull before the held vertex slips out, N.
    """

    speed: float = 1.2
    carry_speed: float = 0.5
    reach: float = 0.035
    force: float = 2.0

    def __post_init__(self) -> None:
        for limit in fields(self):
            value = getattr(self, limit.name)
            if not value > 0:
                raise ConfigError(f"gripper.{limit.name} must be positive, got {value}")


class FlexGripper:
    """Moves a mocap body and closes it on the nearest flex vertex by a `connect` equality.

    The equality is retargeted by writing ``model.eq_obj2id``, so one model serves one gripper only.

    Args:
        physics: A scene with a mocap body and an inactive `connect` equality.
        vertices: Body ids of the graspable vertices.
        limits: Speed, reach and force limits.
        body: Name of the mocap body.
        equality: Name of the equality.
        rest: Speed below which a scene is at rest, m/s. Open fingers touch nothing, so a scene at rest is not simulated
            while they travel; 0 if it always is.
    """

    def __init__(
        self,
        physics: Physics,
        vertices: NDArray[np.int64],
        limits: GripperLimits,
        *,
        body: str = "gripper",
        equality: str = "grasp",
        rest: float = 0.0,
    ) -> None:
        self.limits, self._rest = limits, rest
        self.dropped = False
        self.physics, self._vertices = physics, vertices
        self._model, self._data = physics.model, physics.data
        self._mocap = int(self._model.body(body).mocapid[0])
        self._equality = int(self._model.equality(equality).id)

    @property
    def position(self) -> Vector:
        """Tool centre, (3,) in metres."""
        return self._data.mocap_pos[self._mocap]

    @property
    def speed(self) -> float:
        """Largest speed at present, m/s."""
        return self.limits.carry_speed if self.holding else self.limits.speed

    @property
    def holding(self) -> bool:
        """Whether a vertex is held."""
        return bool(self._data.eq_active[self._equality])

    @property
    def idle(self) -> bool:
        """Whether it holds nothing and the scene is at rest, so that its way changes nothing."""
        return not self.holding and float(np.abs(self._data.qvel).max()) < self._rest

    def close(self) -> bool:
        """Close the fingers; returns whether a vertex was within reach and is now held."""
        offsets = self._data.xpos[self._vertices] - self.position
        distance = np.linalg.norm(offsets, axis=1)
        nearest = int(np.argmin(distance))
        self.dropped = False
        if distance[nearest] > self.limits.reach:
            return False
        self._model.eq_obj2id[self._equality] = self._vertices[nearest]
        self._model.eq_data[self._equality, :6] = 0.0
        self._data.eq_active[self._equality] = 1
        return True

    def open(self) -> None:
        """Open the fingers and let go."""
        self._data.eq_active[self._equality] = 0

    def move_to(self, target: Vector) -> None:
        """Move in a straight line at no more than the speed limit, stepping the physics.

        Args:
            target: Tool centre to reach, (3,) in metres.
        """
        move_together([self], [target])

    def wait(self, seconds: float) -> None:
        """Hold still while the physics runs.

        Args:
            seconds: How long to wait.
        """
        self.physics.step(round(seconds / self.physics.timestep))

    def settle(self, speed: float, seconds: float) -> None:
        """Hold still until no vertex moves faster than `speed`, m/s, or `seconds` have passed.

        Args:
            speed: Speed below which a vertex counts as at rest.
            seconds: Longest wait.
        """
        for _ in range(round(seconds / 0.1)):
            before = self._data.xpos[self._vertices]
            self.wait(0.1)
            moved = np.linalg.norm(self._data.xpos[self._vertices] - before, axis=1)
            if moved.max() < 0.1 * speed:
                return

    def slip(self) -> None:
        """Let go if what is held pulls harder than the limit."""
        if self.holding and self.pull > self.limits.force:
            self.open()
            self.dropped = True

    @property
    def pull(self) -> float:
        """Force on the held vertex, N."""
        rows = (self._data.efc_type == mujoco.mjtConstraint.mjCNSTR_EQUALITY) & (self._data.efc_id == self._equality)
        return float(np.linalg.norm(self._data.efc_force[rows]))


def move_together(grippers: Sequence[FlexGripper], targets: Sequence[Vector]) -> None:
    """Move grippers of one scene in straight lines that begin and end together, none above its speed limit.

    Args:
        grippers: The grippers.
        targets: Tool centre that each is to reach, (3,) in metres.
    """
    physics = grippers[0].physics
    starts = [gripper.position.copy() for gripper in grippers]
    # The peak of a smoothstep profile is 1.5 times its mean speed.
    duration = max(
        1.5 * float(np.linalg.norm(target - start)) / gripper.speed
        for gripper, start, target in zip(grippers, starts, targets, strict=True)
    )
    steps = max(1, int(np.ceil(duration / physics.timestep)))
    first, still = round(_NOTICED / physics.timestep), False
    for number in range(1, steps + 1):
        fraction = number / steps
        blend = fraction * fraction * (3 - 2 * fraction)
        for gripper, start, target in zip(grippers, starts, targets, strict=True):
            gripper.position[:] = start + (target - start) * blend
        still = still or (number > first and all(gripper.idle for gripper in grippers))
        if still:
            physics.pass_time()
            continue
        physics.step()
        for gripper in grippers:
            gripper.slip()
