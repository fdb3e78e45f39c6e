"""Motions of a gripper that are simulated once: commands that are tested repeat what others did, to the bit.

The rope takes most of the time of tests of commands, which start from the same finished run. What comes next is decided
by the snapshot of the physics alone, which is what tests/envs see to, without this.
"""

import hashlib
import os
import pickle
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import mujoco
import numpy as np
import pytest

from envs.gripper import FlexGripper
from envs.physics import Physics
from envs.primitives import PickAndPlace


class Motions:
    """Where motions end, by how they began, in a folder that several processes may share.

    What is kept is the state before the last steps, and these are taken again: what MuJoCo derives belongs to the state
    before a step, so that nothing else would leave everything as the whole motion does.

    Args:
        folder: Where they are kept; made if need be.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._scenes: WeakKeyDictionary[Physics, bytes] = WeakKeyDictionary()

    def once(self, gripper: FlexGripper, name: str, move: Callable[[], Any]) -> Any:
        """Carry out a motion, or go to where it ended before.

        Args:
            gripper: What moves.
            name: The motion, with everything that decides it but the state.
            move: Carries it out.

        Returns:
            What `move` returns.
        """
        physics = gripper.physics
        if physics.watch is not None:  # each step is looked at
            return move()
        begun = hashlib.sha256(self._scene(physics) + physics.snapshot().tobytes() + repr(name).encode())
        begun.update(repr(gripper.limits).encode())
        path = self._folder / begun.hexdigest()
        if path.exists():
            before, steps, gripper.dropped, returned = pickle.loads(path.read_bytes())
            physics.restore(before)
            physics.step(steps)
            return returned
        with last_steps(physics) as last:
            returned = move()
        if last:
            kept = path.with_suffix(f".{id(last)}")
            kept.write_bytes(pickle.dumps((*last, gripper.dropped, returned)))
            kept.replace(path)
        return returned

    def _scene(self, physics: Physics) -> bytes:
        if physics not in self._scenes:
            model = physics.model
            whole = np.empty(mujoco.mj_sizeModel(model), np.uint8)
            mujoco.mj_saveModel(model, None, whole)
            self._scenes[physics] = hashlib.sha256(whole.tobytes()).digest()
        return self._scenes[physics]


def shared(tmp_path_factory: pytest.TempPathFactory, name: str) -> Path:
    """A path that all processes of the suite share."""
    root = tmp_path_factory.getbasetemp()
    return (root.parent if "PYTEST_XDIST_WORKER" in os.environ else root) / name


@contextmanager
def last_steps(physics: Physics) -> Generator[list[Any]]:
    """The state before the last steps that were taken together, and how many; empty if there were none."""
    last: list[Any] = []
    step = physics.step

    def noted(count: int = 1) -> None:
        last[:] = physics.snapshot(), count
        step(count)

    physics.step = noted  # type: ignore[method-assign]
    try:
        yield last
    finally:
        physics.step = step  # type: ignore[method-assign]


@contextmanager
def simulated_once(folder: Path) -> Generator[None]:
    """Have grippers that pick, place and settle repeat no motion."""
    motions = Motions(folder)
    pick_and_place, settle = PickAndPlace.__call__, FlexGripper.settle

    def placed(primitive: PickAndPlace, pick: Any, place: Any) -> bool:
        heights = (primitive.home.tolist(), primitive.grasp, primitive.carry, primitive.clear)
        name = f"{heights} {primitive.rest} {primitive.patience} {pick.tolist()} {place.tolist()}"
        return motions.once(primitive.gripper, name, lambda: pick_and_place(primitive, pick, place))

    def settled(gripper: FlexGripper, speed: float, seconds: float) -> None:
        motions.once(gripper, f"{speed} {seconds}", lambda: settle(gripper, speed, seconds))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PickAndPlace, "__call__", placed)
        patch.setattr(FlexGripper, "settle", settled)
        yield
