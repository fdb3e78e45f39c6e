"""ROS messages, against layouts worked out by hand."""

import base64
import struct
import time
from typing import Any

import numpy as np
import pytest

from robopref.errors import DataError
from robopref.robots import ros_messages as ros_msgs


def field(name: str, offset: int, datatype: int = 7) -> dict[str, Any]:
    return {"name": name, "offset": offset, "datatype": datatype, "count": 1}


def message(data: bytes, fields: list[dict[str, Any]], step: int, row: int, height: int, width: int, big: bool) -> Any:
    return {
        "height": height, "width": width, "fields": fields, "is_bigendian": big, "point_step": step, "row_step": row,
        "data": base64.b64encode(data).decode(), "is_dense": False,
    }  # fmt: skip


@pytest.mark.parametrize("ros", [1, 2])
def test_a_cloud_comes_back_as_it_was(ros: int) -> None:
    points = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    np.testing.assert_array_equal(ros_msgs.read_cloud(ros_msgs.cloud(points, ros_msgs.header(ros))), points)


@pytest.mark.parametrize(("order", "big"), [("<", False), (">", True)])
def test_colours_row_padding_byte_order_and_doubles_are_understood(order: str, big: bool) -> None:
    # 2 rows of 2 points of 28 bytes (z and y as float32, colour, x as float64, 4 unused), each row padded by 8.
    fields = [field("z", 0), field("y", 4), field("rgb", 8), field("x", 16, 8)]
    rows = []
    for row in range(2):
        for column in range(2):
            at = 10 * row + column
            rows.append(struct.pack(order + "fff4xd4x", at + 0.25, at + 0.5, 9.0, at))
        rows.append(b"\xff" * 8)
    found = ros_msgs.read_cloud(message(b"".join(rows), fields, 28, 64, 2, 2, big))
    np.testing.assert_array_equal(found, [[at, at + 0.5, at + 0.25] for at in (0, 1, 10, 11)])


def test_points_that_are_not_finite_are_left_out_and_lists_of_bytes_are_read() -> None:
    data = struct.pack("<6f", 1, 2, 3, float("nan"), 5, 6)
    given = message(data, [field("x", 0), field("y", 4), field("z", 8)], 12, 24, 1, 2, big=False)
    for written in (given, given | {"data": list(data)}):
        np.testing.assert_array_equal(ros_msgs.read_cloud(written), [[1, 2, 3]])


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"fields": [field("x", 0), field("y", 4)]}, "needs fields x, y, z, got x, y"),
        ({"width": 3}, "do not fit into a cloud of 24 bytes"),
        ({"height": 2}, "do not fit into a cloud of 24 bytes"),
        ({"fields": [field("x", 0), field("y", 4), field("z", 10)]}, "do not fit into 12 bytes a point"),
        ({"fields": [field("x", 0), field("y", 4), field("z", 8, 99)]}, "do not fit into 12 bytes a point"),
    ],
)
def test_a_cloud_that_does_not_fit_together_is_refused(change: dict[str, Any], complaint: str) -> None:
    given = message(bytes(24), [field("x", 0), field("y", 4), field("z", 8)], 12, 24, 1, 2, big=False)
    with pytest.raises(DataError, match=complaint):
        ros_msgs.read_cloud(given | change)


@pytest.mark.parametrize(("ros", "names"), [(1, {"secs", "nsecs"}), (2, {"sec", "nanosec"})])
def test_headers_say_when_something_was_measured(ros: int, names: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 5000.25)
    monkeypatch.setattr(time, "monotonic", lambda: 70.0)
    head = ros_msgs.header(ros, "base", at=time.time() - 2.0)
    assert set(head["stamp"]) == names
    assert ros_msgs.measured({"header": head}) == pytest.approx(68.0, abs=1e-6)
    assert ros_msgs.measured({"data": 1}) == 70.0


def test_poses_keep_point_and_orientation() -> None:
    point, turn = np.array([1.0, 2.0, 3.0]), np.array([0.5, -0.5, 0.5, -0.5])
    made = ros_msgs.pose(point, turn)
    assert made["orientation"] == {"x": -0.5, "y": 0.5, "z": -0.5, "w": 0.5}
    found = ros_msgs.read_pose(made)
    np.testing.assert_array_equal(found[0], point)
    np.testing.assert_array_equal(found[1], turn)


def test_types_are_written_as_each_version_does() -> None:
    assert ros_msgs.type_name("std_msgs/Bool", 1) == "std_msgs/Bool"
    assert ros_msgs.type_name("std_msgs/Bool", 2) == "std_msgs/msg/Bool"
    assert ros_msgs.type_name("std_srvs/Trigger", 2) == "std_srvs/srv/Trigger"
