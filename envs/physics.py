"""One MuJoCo scene: stepping, and exact snapshots of everything that decides what happens next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path

import mujoco
import numpy as np
from numpy.typing import NDArray

from robopref.errors import ConfigError, unknown_name

_STATE = mujoco.mjtState.mjSTATE_INTEGRATION


class Physics:
    """A model with its data.

    Grasping retargets equality constraints, which live in the model, so a `Physics` is never shared between threads.
    What a task randomises has to live in the state as well: joints, mocap bodies and equalities, not other fields of
    the model.

    Args:
        model: The compiled scene.
        data: Its state, where somebody else holds that already.

    Attributes:
        watch: Called after every step if set, for filming.
    """

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData | None = None) -> None:
        self.model, self.data = model, data or mujoco.MjData(model)
        self.watch: Callable[[], None] | None = None
        self._default = self._equalities()

    @classmethod
    def load(cls, scene: str | Path, parts: Mapping[str, str] | None = None) -> Physics:
        """Compile a scene.

        Args:
            scene: File name among the installed assets, such as ``rope.xml``, or the path of another file.
            parts: What to write in place of each ``{name}`` in a file of the assets.

        Returns:
            The scene at its initial state.

        Raises:
            ConfigError: MuJoCo is older than 4, or there is no such scene.
        """
        if int(mujoco.__version__.split(".")[0]) < 4:
            raise ConfigError(f"robopref's own environments need mujoco >= 4, found {mujoco.__version__}")
        if isinstance(scene, Path):
            if not scene.is_file():
                raise ConfigError(f"there is no scene at {scene}")
            return cls(mujoco.MjModel.from_xml_path(str(scene)))
        folder = resources.files("robopref.assets")
        assets = {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}
        if scene not in assets:
            raise unknown_name("scene", scene, [name for name in assets if name.endswith(".xml")])
        # Scenes include parts that they share, by file name.
        return cls(mujoco.MjModel.from_xml_string(assets[scene].decode().format_map(parts or {}), assets))

    @property
    def timestep(self) -> float:
        """Seconds a step."""
        return float(self.model.opt.timestep)

    @property
    def size(self) -> int:
        """Numbers of a snapshot."""
        return mujoco.mj_stateSize(self.model, _STATE) + len(self._default)

    def reset(self) -> None:
        """Return to the initial state of the scene."""
        mujoco.mj_resetData(self.model, self.data)
        self._retarget(self._default)

    def forward(self) -> None:
        """Bring everything derived up to date with the state, without stepping."""
        # Which is part of the state, and which MuJoCo 3 writes here.
        guess = self.data.qacc_warmstart.copy()
        mujoco.mj_forward(self.model, self.data)
        self.data.qacc_warmstart[:] = guess

    def step(self, count: int = 1) -> None:
        """Advance time.

        Args:
            count: Number of timesteps.
        """
        if self.watch is None:
            mujoco.mj_step(self.model, self.data, nstep=count)
            return
        for _ in range(count):
            mujoco.mj_step(self.model, self.data)
            self.watch()

    def pass_time(self) -> None:
        """Let the time of a timestep pass in which only mocap bodies move, for scenes at rest."""
        self.data.time += self.timestep
        if self.watch is not None:
            mujoco.mj_kinematics(self.model, self.data)
            self.watch()

    def snapshot(self) -> NDArray[np.float64]:
        """Everything that decides what happens next."""
        state = np.empty(mujoco.mj_stateSize(self.model, _STATE))
        mujoco.mj_getState(self.model, self.data, state, _STATE)
        return np.concatenate([state, self._equalities()])

    def restore(self, snapshot: NDArray[np.float64]) -> None:
        """Return to a snapshot; what follows is then the same, bit for bit.

        Args:
            snapshot: From `snapshot`.

        Raises:
            ConfigError: It is of another scene.
        """
        if snapshot.shape != (self.size,):
            raise ConfigError(f"a snapshot of this scene has shape ({self.size},), got {snapshot.shape}")
        size = self.size - len(self._default)
        mujoco.mj_resetData(self.model, self.data)
        mujoco.mj_setState(self.model, self.data, snapshot[:size], _STATE)
        self._retarget(snapshot[size:])
        self.forward()

    def _equalities(self) -> NDArray[np.float64]:
        return np.concatenate([self.model.eq_obj2id.astype(np.float64), self.model.eq_data.ravel()])

    def _retarget(self, stored: NDArray[np.float64]) -> None:
        self.model.eq_obj2id[:] = stored[: self.model.neq].astype(np.int32)
        self.model.eq_data[:] = stored[self.model.neq :].reshape(self.model.eq_data.shape)
