"""How items become parts of a question."""

import numpy as np
import pytest

from robopref.errors import ConfigError, DataError
from robopref.labelers.showing import Showing
from tests.labelers.asking import pictures, texts

FIRST = np.stack([np.full((8, 10, 3), 10 * k, np.uint8) for k in range(7)])  # brightness 0, 10, ..., 60
SECOND = FIRST + 100


def test_images_show_the_last_frame_of_each() -> None:
    parts = Showing("images").parts([FIRST, SECOND])
    assert pictures(parts) == [60, 160]
    assert texts(parts).index("first") < texts(parts).index("second")


def test_a_clip_shows_evenly_spaced_frames_of_each() -> None:
    assert pictures(Showing("clip", frames=3).parts([FIRST, SECOND])) == [0, 30, 60, 100, 130, 160]
    assert pictures(Showing("clip", frames=1).parts([FIRST, SECOND])) == [60, 160]
    # Nothing is shown twice if there are fewer.
    assert pictures(Showing("clip", frames=4).parts([FIRST[:2]])) == [0, 10]


def test_a_grid_is_one_picture_with_a_row_an_item() -> None:
    parts = Showing("grid", frames=3).parts([FIRST, SECOND])
    (grid,) = [part for part in parts if not isinstance(part, str)]
    # Two rows of 8 and three columns of 10 pixels, with gaps of 8.
    assert grid.shape == (8 + 8 + 8, 10 + 8 + 10 + 8 + 10, 3)
    for column, brightness in enumerate((0, 30, 60)):
        assert (grid[:8, 18 * column : 18 * column + 10] == brightness).all()
        assert (grid[16:, 18 * column : 18 * column + 10] == 100 + brightness).all()
    assert (grid[8:16] == 255).all()
    assert (grid[:, 10:18] == 255).all()


def test_large_pictures_are_reduced_by_the_mean() -> None:
    picture = np.zeros((1, 4, 7, 3), np.uint8)
    picture[0, :2, :2] = [[[40], [80]], [[0], [120]]]  # mean 60
    (reduced,) = Showing("images", size=8).chosen(picture)
    assert reduced.shape == (4, 7, 3)
    large = picture.repeat(4, axis=1).repeat(4, axis=2)  # 16 x 28, to be divided by 4
    (reduced,) = Showing("images", size=8).chosen(large)
    np.testing.assert_array_equal(reduced, picture[0])
    (reduced,) = Showing("images", size=8).chosen(picture.repeat(2, axis=1).repeat(2, axis=2)[:, :, :9])
    assert reduced.shape == (4, 4, 3)


def test_what_cannot_be_shown_is_refused() -> None:
    for frames in ([], [np.zeros((4, 4), np.uint8)], [np.zeros((3, 4, 4), np.uint8)]):
        with pytest.raises(DataError, match="needs pictures"):
            Showing().parts([frames])
    with pytest.raises(ConfigError, match="images"):
        Showing("image")  # type: ignore[arg-type]
    with pytest.raises(ConfigError):
        Showing(frames=0)
