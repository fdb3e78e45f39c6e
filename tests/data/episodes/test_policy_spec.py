"""What a policy is made for, by what was recorded."""

from pathlib import Path

import numpy as np
import pytest

from robopref.data.episodes.geometry import described_geometry
from robopref.data.episodes.policy_spec import recorded_spec, require_observed
from robopref.data.episodes.store import EpisodeStore
from robopref.errors import ConfigError, DataError


def store(path: Path, attrs: dict[str, object], **shapes: tuple[int, ...]) -> EpisodeStore:
    made = EpisodeStore.create(path / "made.zarr", attrs)
    made.append({name: np.zeros((2, *shape), np.float32) for name, shape in shapes.items()})
    return made


def test_parts_are_those_that_were_observed(tmp_path: Path) -> None:
    shapes = {"action": (5,), "points": (4, 6), "wrist": (3, 3, 3), "success": ()}
    spec = recorded_spec(store(tmp_path, {"observations": ["wrist"]}, **shapes))
    assert dict(spec.shapes) == {"points": (4, 6), "wrist": (3, 3, 3)}
    assert (spec.actions, spec.geometry) == (5, None)


def test_what_is_lacking_is_named_with_the_words_that_add_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"only joints; read.names.action="):
        recorded_spec(store(tmp_path, {}, joints=(5,)))
    (tmp_path / "b").mkdir()
    with pytest.raises(DataError, match=r"none of its arrays .*action, joints.* read.names.state="):
        recorded_spec(store(tmp_path / "b", {}, joints=(5,), action=(2,)))
    (tmp_path / "c").mkdir()
    with pytest.raises(DataError, match=r"has no points, which this policy observes; it has state. policy=observed"):
        require_observed(store(tmp_path / "c", {}, state=(5,), action=(2,)), ["points"])


def test_recordings_that_share_nothing_observed_are_told_what_is_taken(tmp_path: Path) -> None:
    for name, shapes in (("one", {}), ("several", {"dataset": ()})):
        with pytest.raises(DataError, match="says of none of its arrays that it was observed") as caught:
            recorded_spec(store(tmp_path / name, {}, action=(2,), **shapes))
        assert ("only arrays that all of them have are taken" in str(caught.value)) == (name == "several")


def test_moves_begin_where_the_tool_is() -> None:
    told = {"moves": [1, 2, 0], "metres": 0.5, "tool": [0, 1, 2], "radius": 1}
    geometry = described_geometry(told, 4, 3)
    chunk = np.array([[0, 0.2, 0.4, 1], [0, 0.2, 0, 1]], np.float32)
    # x moves by the second entry: 1 + 0.5 * 0.2 = 1.1, then 1.2; y by the third: 2 + 0.5 * 0.4; z by the first: 3.
    reached = geometry.anchors(chunk, np.array([1, 2, 3], np.float32))
    np.testing.assert_allclose(reached[:, 0], [[1.1, 2.2, 3], [1.2, 2.2, 3]], rtol=1e-6)


def test_what_is_reached_is_measured_from_an_offset() -> None:
    geometry = described_geometry({"reaches": [0, 1, 2], "metres": 2, "offset": [1, 0, 0], "radius": 1}, 3, 0)
    np.testing.assert_allclose(geometry.anchors(np.array([[0.5, 1, 0]], np.float32))[0, 0], [2, 2, 0])


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"move": [0, 1, 2]}, "word of geometry 'move'"),
        ({"metres": 1, "radius": 1}, "either moves or reaches"),
        ({"moves": [0, 1, 2], "reaches": [0, 1, 2]}, "either moves or reaches"),
        ({"moves": [0, 1, 4], "metres": 1, "tool": [0, 1, 2], "radius": 1}, "moves must be three different entries"),
        ({"moves": [0, 1, 2], "metres": 0, "tool": [0, 1, 2], "radius": 1}, "metres must be a positive number"),
        ({"moves": [0, 1, 2], "metres": 1, "radius": 1}, "tool must be three different entries of proprio"),
        ({"moves": [0, 1, 2], "metres": 1, "tool": [0, 1, 2]}, "radius must be a positive number"),
        ({"reaches": [0, 1, 2], "metres": 1, "offset": [0, "a", 0], "radius": 1}, "offset must be three numbers"),
    ],
)
def test_words_that_say_no_geometry_are_named(told: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        described_geometry(told, 4, 3)


def test_geometry_of_what_was_not_recorded_says_what_is_missing() -> None:
    told = {"moves": [0, 1, 2], "metres": 1, "tool": [0, 1, 2], "radius": 1}
    with pytest.raises(ConfigError, match=r"tool names three entries of proprio, .* has 0; read\.names\.proprio="):
        described_geometry(told, 4, 0)
    with pytest.raises(ConfigError, match=r"moves names three entries of an action, .* has 2; read\.names\.action="):
        described_geometry(told, 2, 3)
