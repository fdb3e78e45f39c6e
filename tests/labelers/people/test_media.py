"""Videos are served from their folder and from nowhere else."""

import os
from pathlib import Path

import pytest

from robopref.errors import DataError
from robopref.labelers.people.media import MediaFolder
from robopref.records import Item


@pytest.fixture
def media(tmp_path: Path) -> MediaFolder:
    folder = tmp_path / "videos"
    (folder / "rope").mkdir(parents=True)
    for name in ("rope/3-4-1.mp4", "rope/0-50.webm", "notes.txt", "a b#?.mp4"):
        (folder / name).write_bytes(b"video")
    (tmp_path / "secret.mp4").write_bytes(b"secret")
    os.symlink(tmp_path / "secret.mp4", folder / "link.mp4")
    os.symlink(tmp_path, folder / "out")
    os.symlink("circle.mp4", folder / "circle.mp4")
    return MediaFolder(folder)


def test_items_find_their_videos(media: MediaFolder) -> None:
    found = media.video(Item("rope", 3, 4, 1))
    assert found is not None
    assert media.address(found) == "media/rope/3-4-1.mp4"
    assert media.video(Item("rope", 0, 50)) == media.folder / "rope" / "0-50.webm"
    assert media.video(Item("rope", 0, 51)) is None
    assert media.video(Item("../..", 0, 51)) is None
    assert media.address(media.folder / "a b#?.mp4") == "media/a%20b%23%3F.mp4"


@pytest.mark.parametrize(
    "name",
    [
        "../secret.mp4", "rope/../../secret.mp4", "link.mp4", "out/secret.mp4", "circle.mp4", "notes.txt", "", ".",
        "rope", "rope/3-4-1.mp4\0", "x" * 5000 + ".mp4", "..\\secret.mp4", "%2e%2e/secret.mp4", "\ud800.mp4",
    ],
)  # fmt: skip
def test_nothing_else_is_found(media: MediaFolder, name: str) -> None:
    assert media.find(name) is None


def test_an_absolute_path_is_not_found(media: MediaFolder) -> None:
    assert media.find(str(media.folder.parent / "secret.mp4")) is None


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder of videos"):
        MediaFolder(tmp_path / "none")
