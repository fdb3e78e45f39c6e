"""A simulated cell with two depth cameras, one of which was calibrated badly: known amounts off."""

from pathlib import Path

import mujoco
import numpy as np

from envs.camera import DepthCamera, DepthCameraConfig
from robopref.cameras import Calibration

# Blocks at odd angles on a table: surfaces in every direction.
SCENE = """
<mujoco>
  <compiler angle="degree"/>
  <visual><global offwidth="320" offheight="320"/><map znear="0.01" zfar="10"/></visual>
  <worldbody>
    <light pos="0 0 2"/>
    <geom type="box" size="0.3 0.3 0.01" pos="0 0 -0.01"/>
    <geom type="box" size="0.06 0.04 0.05" pos="0.08 0.06 0.04" euler="20 15 30"/>
    <geom type="box" size="0.03 0.08 0.04" pos="-0.11 0.03 0.03" euler="-15 20 -25"/>
    <geom type="ellipsoid" size="0.05 0.04 0.07" pos="0.02 -0.11 0.03"/>
    <camera name="front" pos="0 -0.5 0.6" xyaxes="1 0 0 0 0.77 0.64" fovy="46"/>
    <camera name="side" pos="0.55 0.1 0.6" xyaxes="0 1 0 -0.74 0 0.68" fovy="46"/>
  </worldbody>
</mujoco>
"""
# The camera at the side is said to be 5 mm away from where it is (3, -4 and 0 mm along the axes), and turned by 0.8
# degrees about the vertical.
OFF = np.array([0.003, -0.004, 0.0])
TURN = np.deg2rad(0.8)


def record(folder: Path) -> dict[str, np.ndarray]:
    """Write front.json, front.npy, side.json and side.npy.

    Returns:
        The true base_from_camera of each.
    """
    model = mujoco.MjModel.from_xml_string(SCENE)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    rng, true = np.random.default_rng(0), {}
    for name in ("front", "side"):
        view = DepthCameraConfig(
            name, (240, 240), lower=(-0.3, -0.3, -0.005), upper=(0.3, 0.3, 0.3), noise=0.0005, points=60000
        )
        camera = DepthCamera(model, view)
        points = camera.points(data, rng)
        camera.close()
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = data.cam(name).xmat.reshape(3, 3), data.cam(name).xpos
        true[name] = pose
        np.save(folder / f"{name}.npy", ((points - pose[:3, 3]) @ pose[:3, :3]).astype(np.float32))
        Calibration(pose if name == "front" else disturbed(pose), name).save(folder / f"{name}.json")
    return true


def disturbed(pose: np.ndarray) -> np.ndarray:
    """The pose turned in its place and shifted by what is known."""
    wrong = pose.copy()
    turn = np.array([[np.cos(TURN), -np.sin(TURN), 0], [np.sin(TURN), np.cos(TURN), 0], [0, 0, 1]])
    wrong[:3, :3], wrong[:3, 3] = turn @ pose[:3, :3], pose[:3, 3] + OFF
    return wrong
