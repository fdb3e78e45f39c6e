"""What a model gets to see of an item."""

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robopref.data.episodes.store import EpisodeStore
from robopref.errors import ConfigError, DataError
from robopref.labelers.people.item_pictures import ScenePictures, StorePictures, pictures_of
from robopref.labelers.people.scenes import Scenes
from robopref.labelers.served import ServedJudge
from robopref.labelers.subject import Subject
from robopref.labelers.vlm_settings import VlmSettings
from robopref.protocols import Pictures
from robopref.records import Item, Query
from tests.labelers.people.desks import candidate, candidate_store

FRAMES = np.arange(6 * 4 * 5 * 3, dtype=np.uint8).reshape(6, 4, 5, 3)


def stored(folder: Path, **arrays: np.ndarray) -> EpisodeStore:
    store = EpisodeStore.create(folder / "data.zarr", {})
    store.append(arrays)
    return store


def test_pictures_of_a_dataset_are_those_of_its_steps(tmp_path: Path) -> None:
    shown = pictures_of(stored(tmp_path, image=FRAMES))
    assert isinstance(shown, Pictures)
    np.testing.assert_array_equal(shown.frames(Item("d", 1, 4)), FRAMES[1:4])


def test_floats_become_bytes(tmp_path: Path) -> None:
    frames = np.linspace(0, 1, 12, dtype=np.float32).reshape(1, 2, 2, 3)
    np.testing.assert_array_equal(
        StorePictures(stored(tmp_path, image=frames)).frames(Item("d", 0, 1)).ravel(),
        [0, 23, 46, 70, 93, 116, 139, 162, 185, 209, 232, 255],  # k * 255 / 11, rounded
    )


def test_bytes_that_were_stored_as_floats_are_bytes_in_dark_pictures_too(tmp_path: Path) -> None:
    frames = np.zeros((2, 2, 2, 3), np.float32)
    frames[0], frames[1, 0, 0] = 254, 1
    shown = StorePictures(stored(tmp_path, image=frames))
    np.testing.assert_array_equal(shown.frames(Item("d", 0, 2)), frames.astype(np.uint8))
    np.testing.assert_array_equal(shown.frames(Item("d", 1, 2)), frames[1:].astype(np.uint8))


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    for name, wrong in (("a", FRAMES + np.float32(0.5)), ("b", FRAMES[..., 0]), ("c", FRAMES.astype(np.int32))):
        with pytest.raises(DataError, match="image of"):
            StorePictures(stored(tmp_path / name, image=wrong)).frames(Item("d", 0, 2))
    with pytest.raises(DataError, match="not within"):
        StorePictures(stored(tmp_path / "d", image=FRAMES)).frames(Item("d", 4, 9))
    with pytest.raises(ConfigError, match="image"):
        StorePictures(stored(tmp_path / "e", state=np.zeros((3, 2))))
    with pytest.raises(DataError, match="nothing to see: expected an array image"):
        pictures_of(EpisodeStore.open(tmp_path / "e" / "data.zarr"))


def test_an_outcome_is_the_last_picture_with_what_was_before_in_grey(tmp_path: Path) -> None:
    store = candidate_store(tmp_path)
    shown = pictures_of(store, after=lambda item: store.array("points", item.start, item.stop)[0] * [-1, 1, 1])
    action, outcome = shown.frames(candidate(0, 3))
    np.testing.assert_array_equal(action, pictures_of(store).frames(candidate(0, 3))[0])

    def pixels(picture: np.ndarray, color: tuple[int, int, int]) -> int:
        return int((np.abs(picture.astype(int) - color).sum(axis=-1) < 20).sum())

    grey, orange = (0x9A, 0xA0, 0xA8), (0xD5, 0x5E, 0x00)
    assert pixels(action, grey) == 0 < pixels(outcome, grey)
    assert pixels(outcome, orange) == 0 < pixels(action, orange)


def test_a_model_that_sees_outcomes_answers_in_another_version(tmp_path: Path) -> None:
    pool = [Query("q", "pair", (candidate(0, 0), candidate(0, 3)))]
    subject = Subject("candidates", candidate_store(tmp_path), pool, after=lambda _: np.zeros((50, 3)), folder=tmp_path)
    settings = VlmSettings(ServedJudge("simulated", base_url="http://127.0.0.1:1/v1"))
    assert settings(subject).version == settings(replace(subject, after=None)).version + " of outcomes"


def test_candidates_are_drawn_with_their_action_inside_the_workspace(tmp_path: Path) -> None:
    store = candidate_store(tmp_path)
    shown = pictures_of(store)
    pictures = [shown.frames(candidate(1, k)) for k in (0, 3)]
    for picture in pictures:
        assert picture.shape == (1, 384, 384, 3)
        assert picture.dtype == np.uint8
        assert (picture == 255).all(axis=-1).mean() > 0.5  # mostly white
    # The clouds are the same, what differs is orange: candidate 3 places 0.3 m to the right of the pick.
    orange = [(picture[0] == (0xD5, 0x5E, 0x00)).all(axis=-1) for picture in pictures]
    assert orange[1].sum() > orange[0].sum() > 0
    columns = [np.flatnonzero(one.any(axis=0)) for one in orange]
    assert columns[1].max() > columns[0].max() + 50
    assert abs(int(columns[1].min()) - int(columns[0].min())) < 8
    np.testing.assert_array_equal(shown.frames(candidate(1, 3)), pictures[1])


def test_segments_without_pictures_are_drawn_step_by_step(tmp_path: Path) -> None:
    points = np.zeros((20, 3, 3), np.float32)
    points[:, 1] = 1
    points[:, 2, 0] = np.linspace(0.1, 0.9, 20)  # moves to the right
    shown = pictures_of(stored(tmp_path, points=points))
    frames = shown.frames(Item("data", 2, 5))
    assert frames.shape == (3, 384, 384, 3)
    right = [np.flatnonzero((frame < 255).any(axis=(0, 2))).mean() for frame in frames]
    assert right[0] < right[1] < right[2]
    assert len(shown.frames(Item("data", 0, 20))) == 8
    np.testing.assert_array_equal(shown.frames(Item("data", 0, 20))[-1], shown.frames(Item("data", 19, 20))[0])


def test_several_threads_may_draw(tmp_path: Path) -> None:
    shown = ScenePictures(Scenes(candidate_store(tmp_path)), size=64)
    alone = {k: shown.frames(candidate(0, k)).copy() for k in range(4)}
    again = ScenePictures(shown.scenes, size=64)
    found: dict[int, np.ndarray] = {}
    threads = [threading.Thread(target=lambda k=k: found.update({k: again.frames(candidate(0, k))})) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k, picture in alone.items():
        np.testing.assert_array_equal(found[k], picture)
