"""What the page is told to draw."""

import base64
from pathlib import Path

import numpy as np
import pytest

from robopref.data.episodes.store import EpisodeStore
from robopref.errors import DataError
from robopref.labelers.people.item_pictures import ScenePictures
from robopref.labelers.people.scenes import Scenes, describe_scenes
from robopref.records import Item, Query
from tests.labelers.people.desks import candidate, candidate_store, segment, segment_store


def test_clouds_come_once_a_state_and_paths_in_the_order_shown(tmp_path: Path) -> None:
    store = candidate_store(tmp_path)
    guide = np.array([[0, 0, 0], [0.1, 0, 0]], np.float32)
    scenes = {"candidates": Scenes(store, guide)}
    query = Query("q", "pair", (candidate(1, 0), candidate(1, 3)))
    described = describe_scenes(scenes, query, (1, 0))
    assert list(described["clouds"]) == ["candidates/1"]
    cloud = np.frombuffer(base64.b64decode(described["clouds"]["candidates/1"]), "<f4").reshape(-1, 3)
    np.testing.assert_array_equal(cloud, store.array("points", 1, 2)[0])
    # Candidate 3 places at 0.75 of 0.4 m; both anchors lie 12 mm above the table.
    one, two = ([frame["path"] for frame in item["frames"]] for item in described["items"])
    np.testing.assert_allclose(one, [[[[0, 0, 0.012], [0.3, 0, 0.012]]]], atol=1e-6)
    np.testing.assert_allclose(two, [[[[0, 0, 0.012], [0, 0, 0.012]]]], atol=1e-6)
    assert described["labels"] == ["pick", "place"]
    np.testing.assert_allclose(described["guide"], guide, atol=1e-4)


def test_a_segment_is_one_frame_a_step_with_its_action(tmp_path: Path) -> None:
    store = segment_store(tmp_path)
    described = describe_scenes({"demos": Scenes(store)}, Query("q", "pair", (segment(0, 3), segment(2, 5))), (0, 1))
    one, two = ([frame["cloud"] for frame in item["frames"]] for item in described["items"])
    assert (one, two) == (["demos/0", "demos/1", "demos/2"], ["demos/2", "demos/3", "demos/4"])
    assert sorted(described["clouds"]) == [f"demos/{step}" for step in range(5)]
    # The action of step k places k / 10 of 0.4 m to the right.
    places = [frame["path"][0][1][0] for frame in described["items"][1]["frames"]]
    np.testing.assert_allclose(places, [0.08, 0.12, 0.16], atol=1e-4)


def test_an_outcome_is_drawn_over_what_was_before_and_the_action_comes_beside_it(tmp_path: Path) -> None:
    store = candidate_store(tmp_path)

    def after(item: Item) -> np.ndarray:
        coloured = np.full((1, 50, 4), 7.0, np.float32)
        coloured[0, :, :3] = store.array("points", item.start, item.stop)[0] + item.candidate
        return coloured[0]

    query = Query("q", "pair", (candidate(1, 0), candidate(1, 3)))
    described = describe_scenes({"candidates": Scenes(store, after=after)}, query, (1, 0))
    three, none = described["items"]
    assert three["frames"] == [{"cloud": "candidates/1-2/3/after", "path": [], "before": "candidates/1"}]
    assert [frame["cloud"] for frame in none["actions"]] == ["candidates/1"]
    np.testing.assert_allclose(three["actions"][0]["path"], [[[0, 0, 0.012], [0.3, 0, 0.012]]], atol=1e-6)
    clouds = {
        name: np.frombuffer(base64.b64decode(held), "<f4").reshape(-1, 3) for name, held in described["clouds"].items()
    }
    np.testing.assert_array_equal(clouds["candidates/1-2/3/after"], clouds["candidates/1"] + np.float32(3))
    with pytest.raises(DataError, match=r"what came of .* must be a cloud \(P, 3\) of finite numbers, got \(50, 2\)"):
        Scenes(store, after=lambda _: np.zeros((50, 2))).outcome(candidate(1, 0))


@pytest.mark.parametrize("brightest", [1, 255])
def test_colours_of_points_are_no_places(brightest: int, tmp_path: Path) -> None:
    store = EpisodeStore.create(tmp_path / "coloured.zarr", {})
    places = np.random.default_rng(0).uniform(0, 0.1, (4, 9, 3)).astype(np.float32)
    store.append({"points": np.concatenate([places, np.full_like(places, brightest)], axis=-1)})
    scenes = Scenes(store)
    assert scenes.radius < 0.1
    described = describe_scenes({"d": scenes}, Query("q", "pair", (Item("d", 0, 2), Item("d", 2, 4))), (0, 1))
    clouds = [np.frombuffer(base64.b64decode(held), "<f4").reshape(-1, 3) for held in described["clouds"].values()]
    np.testing.assert_array_equal(clouds, places)
    assert ScenePictures(scenes).frames(Item("d", 0, 3)).shape == (3, 384, 384, 3)


@pytest.mark.parametrize("shape", [(4, 9, 2), (4, 27), (4, 0, 3)])
def test_what_is_called_points_and_is_no_cloud_is_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    store = EpisodeStore.create(tmp_path / "flat.zarr", {})
    store.append({"points": np.zeros(shape, np.float32)})
    with pytest.raises(DataError, match=r"points of .*flat.zarr must be clouds \(P, 3\) or \(P, 3\+C\)"):
        Scenes(store)


def test_long_segments_are_thinned_evenly_and_datasets_without_geometry_show_points_only(tmp_path: Path) -> None:
    store = EpisodeStore.create(tmp_path / "foreign.zarr", {})
    points = np.array([[0, 0, 0], [0, 0, 2]], np.float32)
    store.append({"points": np.tile(points, (100, 1, 1)), "action": np.zeros((100, 7), np.float32)})
    scenes = Scenes(store)
    frames = scenes.frames(Item("foreign", 10, 90))
    assert (len(frames), frames[0].step, frames[-1].step) == (24, 10, 89)
    assert frames[0].path.size == 0
    assert (scenes.center.tolist(), scenes.radius) == ([0, 0, 1], 1)
    described = describe_scenes({"foreign": scenes}, Query("q", "rating", (Item("elsewhere", 0, 1),)), (0,))
    assert described == {"clouds": {}, "items": [{"frames": []}]}
    empty = EpisodeStore.create(tmp_path / "numbers.zarr", {})
    empty.append({"state": np.zeros((2, 3), np.float32)})
    with pytest.raises(DataError, match="no points to show"):
        Scenes(empty)


def test_what_is_no_candidate_is_refused(tmp_path: Path) -> None:
    scenes = Scenes(candidate_store(tmp_path))
    for item in (candidate(0, 4), Item("candidates", 3, 5), Item("candidates", 2, 2), candidate(9, 0)):
        with pytest.raises(DataError):
            scenes.frames(item)
