"""Short films of items: of what a candidate would do, or of what the camera saw."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robopref.data.episodes.recorded_views import pictures
from robopref.labelers.people.media import MediaFolder
from robopref.labelers.subject import Session, Subject
from robopref.records import Item
from robopref.video import write_video

_CAMERA_RATE, _SIMULATED_RATE = 3, 24  # pictures a second of the film, of a segment's steps and of what is simulated


def film_items(folder: Path, subject: Subject, items: Iterable[Item], session: Session, *, camera: bool) -> None:
    """Film each item of a subject of which there is no film yet.

    Args:
        folder: Where films are; it is made if there is none.
        subject: What the items are of.
        items: The items; those of other datasets are left out.
        session: Who is told how it goes.
        camera: Whether to show what the camera saw, instead of what would come of a candidate.
    """
    folder.mkdir(exist_ok=True)
    paths = {item: folder / f"{MediaFolder.name(item)}.mp4" for item in items if item.source == subject.source}
    missing = [item for item, path in paths.items() if not path.exists()]
    fps = _CAMERA_RATE if camera else _SIMULATED_RATE
    with session.stage("Film the items", "clips") as bar:
        for done, (item, shown) in enumerate(zip(missing, _seen(subject, missing, camera), strict=True), 1):
            write_video(paths[item], list(shown), fps=fps)
            bar(done, len(missing))


def _seen(subject: Subject, items: Sequence[Item], camera: bool) -> Iterator[Sequence[NDArray[np.uint8]]]:
    if camera:
        yield from (list(pictures(subject.dataset, item.start, item.stop)) for item in items)
    elif subject.films is not None:
        yield from subject.films(items)
