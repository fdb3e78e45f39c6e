"""ROS messages as rosbridge writes them in JSON, for ROS 1 and 2."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.errors import DataError
from robopref.motion import Vector

Message = Mapping[str, Any]
_DATATYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 8: "f8"}  # sensor_msgs/PointField


def type_name(name: str, ros: int) -> str:
    """A message or service type such as ``geometry_msgs/PoseStamped``, as a version of ROS writes it."""
    package, _, kind = name.partition("/")
    return name if ros == 1 else f"{package}/{'srv' if package.endswith('_srvs') else 'msg'}/{kind}"


def other_version(status: Message, ros: int) -> str:
    """What to set if an error of the server means that it is one of the other version of ROS; empty if it does not.

    Args:
        status: The server's message.
        ros: 1 or 2, as it is spoken to.
    """
    said = str(status.get("msg", ""))
    # ROS 1 takes types of two parts, and its stamps have other fields.
    signs = ("not a valid type string", "nanosec") if ros == 2 else ("secs", "nsecs")
    return (
        f"; if the server is one of ROS {3 - ros}, set robot.ros={3 - ros}" if any(one in said for one in signs) else ""
    )


def header(ros: int, frame: str = "", *, at: float | None = None) -> dict[str, Any]:
    """A header stamped with the wall clock.

    Args:
        ros: 1 or 2.
        frame: Frame of what follows.
        at: Seconds since the epoch; None for now.
    """
    nanoseconds = time.time_ns() if at is None else int(at * 1e9)
    names = ("secs", "nsecs") if ros == 1 else ("sec", "nanosec")
    return {"stamp": dict(zip(names, divmod(nanoseconds, 10**9), strict=True)), "frame_id": frame}


def stamp(head: Message) -> tuple[int, int]:
    """Seconds and nanoseconds of a header, of either version."""
    found = head["stamp"]
    return int(found.get("sec", found.get("secs"))), int(found.get("nanosec", found.get("nsecs")))


def measured(message: Message) -> float:
    """When a message was measured, on this machine's monotonic clock.

    Messages without a header count from their arrival. Where the sender's clock is not synchronised with this one's,
    the time is wrong by as much, and the safety filter refuses what is too old or in the future.
    """
    if "header" not in message:
        return time.monotonic()
    seconds, nanoseconds = stamp(message["header"])
    return time.monotonic() - (time.time() - (seconds + 1e-9 * nanoseconds))


def pose(point: Vector, quaternion: Vector | None = None) -> dict[str, Any]:
    """A pose of a point (3,) and a wxyz quaternion (4,)."""
    w, x, y, z = (1.0, 0.0, 0.0, 0.0) if quaternion is None else map(float, quaternion)
    return {
        "position": dict(zip("xyz", map(float, point), strict=True)),
        "orientation": {"x": x, "y": y, "z": z, "w": w},
    }


def read_pose(message: Message) -> tuple[Vector, Vector]:
    """Point (3,) and wxyz quaternion (4,) of a pose."""
    position, orientation = message["position"], message["orientation"]
    return (
        np.array([position[axis] for axis in "xyz"], np.float64),
        np.array([orientation[axis] for axis in "wxyz"], np.float64),
    )


def cloud(points: NDArray[np.float32], head: Message) -> dict[str, Any]:
    """A sensor_msgs/PointCloud2 of (P, 3) points."""
    data = np.ascontiguousarray(points, "<f4").tobytes()
    fields = [{"name": axis, "offset": 4 * at, "datatype": 7, "count": 1} for at, axis in enumerate("xyz")]
    return {
        "header": head, "height": 1, "width": len(points), "fields": fields, "is_bigendian": False, "point_step": 12,
        "row_step": len(data), "data": base64.b64encode(data).decode(), "is_dense": True,
    }  # fmt: skip


def read_cloud(message: Message) -> NDArray[np.float32]:
    """The finite (P, 3) points of a sensor_msgs/PointCloud2, with any other fields, row padding and byte order.

    Raises:
        DataError: It has no x, y, z, or less data than it says.
    """
    order = ">" if message["is_bigendian"] else "<"
    fields = {field["name"]: field for field in message["fields"]}
    if not {"x", "y", "z"} <= fields.keys():
        raise DataError(f"a point cloud needs fields x, y, z, got {', '.join(fields) or 'none'}")
    data = message["data"]
    raw = np.frombuffer(base64.b64decode(data), np.uint8) if isinstance(data, str) else np.asarray(data, np.uint8)
    height, width = int(message["height"]), int(message["width"])
    step, row = int(message["point_step"]), int(message["row_step"])
    if len(raw) < height * row or row < width * step:
        raise DataError(
            f"{height} rows of {row} bytes, {width} points of {step}, do not fit into a cloud of {len(raw)} bytes"
        )
    try:
        layout = np.dtype({
            "names": list("xyz"), "offsets": [int(fields[axis]["offset"]) for axis in "xyz"],
            "formats": [order + _DATATYPES[int(fields[axis]["datatype"])] for axis in "xyz"], "itemsize": step,
        })  # fmt: skip
    except (KeyError, ValueError) as error:
        raise DataError(f"fields x, y, z of a point cloud do not fit into {step} bytes a point: {error}") from error
    rows = np.ascontiguousarray(raw[: height * row].reshape(height, row)[:, : width * step])
    found = rows.reshape(-1).view(layout)
    points = np.stack([found[axis] for axis in "xyz"], axis=-1).astype(np.float32)
    return points[np.isfinite(points).all(axis=1)]
