"""Videos of items, from one folder and never from outside it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from robopref.errors import DataError
from robopref.records import Item

TYPES = {".mp4": "video/mp4", ".webm": "video/webm"}


class MediaFolder:
    """Videos named after the items that they show.

    A stretch of a dataset is ``<source>/<start>-<stop>.mp4``, a candidate ``<source>/<start>-<stop>-<candidate>.mp4``;
    ``.webm`` does as well.

    Args:
        folder: Where they are.

    Raises:
        DataError: There is no such folder.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder of videos")
        self.folder = folder.resolve()

    @staticmethod
    def name(item: Item) -> str:
        """Path of an item's video in the folder, without the suffix."""
        candidate = "" if item.candidate is None else f"-{item.candidate}"
        return f"{item.source}/{item.start}-{item.stop}{candidate}"

    def video(self, item: Item) -> Path | None:
        """The video of an item, or None if there is none."""
        found = (self.find(self.name(item) + suffix) for suffix in TYPES)
        return next((path for path in found if path is not None), None)

    def address(self, path: Path) -> str:
        """Address of a file of the folder, relative to that of the page."""
        return "media/" + quote(path.relative_to(self.folder).as_posix())

    def find(self, name: str) -> Path | None:
        """A video of the folder by its path in it.

        Args:
            name: As it came from outside: it may be anything.

        Returns:
            The file; None if there is none, if it is no video, or if it lies outside the folder, by ``..``, as an
            absolute path or through a link.
        """
        try:
            path = (self.folder / name).resolve()
            inside = path.is_relative_to(self.folder) and path.suffix in TYPES and path.is_file()
        except (OSError, ValueError, RuntimeError):  # a null byte, a name that is too long, links in a circle
            return None
        return path if inside else None
