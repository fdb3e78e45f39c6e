"""Questions of every kind about a few states and videos, for the tests of labelling."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path

import numpy as np

from robopref.asked_features import AskedFeature, Side
from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.assignments import Assignments
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.labelers.people.desk import Desk
from robopref.labelers.people.media import MediaFolder
from robopref.labelers.people.scenes import Scenes
from robopref.records import Item, Query, QueryKind
from robopref.web.access import Access

STATES, CANDIDATES = 4, 4
SIZES: dict[QueryKind, int] = {"pair": 2, "ranking": 4, "similarity": 3, "rating": 1}


def candidate(state: int, index: int) -> Item:
    return Item("candidates", state, state + 1, index)


def mixed_queries(count: int) -> list[Query]:
    """Pairs, rankings, triplets and ratings in turn."""
    queries: list[Query] = []
    for number in range(count):
        kind = list(SIZES)[number % 4]
        groups = list(combinations(range(CANDIDATES), SIZES[kind]))
        group, state = groups[number // 4 % len(groups)], number // 4 % STATES
        items = tuple(candidate(state, index) for index in group)
        queries.append(Query(f"{number}/{kind}", kind, items, "Straighten <b>the rope</b>."))
    return queries


def asked_feature(side: Side = "low", values: tuple[float, ...] = ()) -> AskedFeature:
    """A distance from 2 to 30 cm; less than the threshold is too little, unless told otherwise."""
    name = "least(distance(hand, person))"
    return AskedFeature(name, "candidates", "the distance to the person", "cm", 100.0, 0.02, 0.3, side, values)


def feature_questions() -> list[Query]:
    """Whether a feature matters and how much of it is too much or too little, with examples and without."""
    four = tuple(candidate(1, index) for index in range(4))
    low, high = asked_feature("low", (0.25, 0.05, 0.14, 0.1)), asked_feature("high", (0.25, 0.05, 0.14, 0.1))
    pair = asked_feature("low", (0.2, 0.06))
    return [
        Query("matters", "feature", four[:2], "Hand over the cup.", pair),
        Query("close", "threshold", four, "Hand over the cup.", low),
        Query("bare", "feature", (), "Hand over the cup.", asked_feature()),
        Query("far", "threshold", four, "Hand over the cup.", high),
        Query("bare-close", "threshold", (), "Hand over the cup.", asked_feature()),
    ]


def candidate_store(folder: Path) -> EpisodeStore:
    """Four states with four candidates of one action; candidate k picks at the origin and places k * 0.1 m right."""
    from tests.geometry import pick_and_place  # the networks that come with it would slow the server's start

    path = folder / "candidates.zarr"
    store = EpisodeStore.create(path, {"geometry": pick_and_place().to_dict(), "instruction": "Straighten it."})
    rng = np.random.default_rng(0)
    for _ in range(STATES):
        chunks = np.zeros((1, CANDIDATES, 1, 4), np.float32)
        chunks[0, :, 0, 2] = 0.25 * np.arange(CANDIDATES)
        store.append({"points": rng.uniform(-0.3, 0.3, (1, 50, 3)).astype(np.float32), "candidates": chunks})
    return EpisodeStore.open(path)


def segment(start: int, stop: int) -> Item:
    return Item("demos", start, stop)


def segment_store(folder: Path) -> EpisodeStore:
    """Two episodes of five steps; the action of step k picks at the origin and places k / 10 of 0.4 m right."""
    from tests.geometry import pick_and_place

    store = EpisodeStore.create(folder / "demos.zarr", {"geometry": pick_and_place().to_dict(), "instruction": "Tidy."})
    rng = np.random.default_rng(1)
    for _ in range(2):
        action = np.zeros((5, 4), np.float32)
        action[:, 2] = 0.1 * np.arange(5)
        store.append({"points": rng.uniform(-0.3, 0.3, (5, 50, 3)).astype(np.float32), "action": action})
    return EpisodeStore.open(folder / "demos.zarr")


def make_dataset(folder: Path) -> Path:
    """Candidates, and videos of those in state 0."""
    from robopref.video import write_video

    candidate_store(folder)
    for index in range(CANDIDATES):
        frames = [np.full((32, 32, 3), 20 * index + 5 * time, np.uint8) for time in range(12)]
        write_video(folder / "videos" / f"{MediaFolder.name(candidate(0, index))}.mp4", frames)
    return folder


def make_desk(database: str | Path, dataset: Path, **settings: int) -> Desk:
    """A desk over a folder that `make_dataset` made."""
    scenes = {"candidates": Scenes(EpisodeStore.open(dataset / "candidates.zarr"))}
    assignments = Assignments(FeedbackStore(database), **settings)
    return Desk(assignments, scenes=scenes, media=MediaFolder(dataset / "videos"))


@contextmanager
def served(desk: Desk, access: Access, port: int = 0) -> Iterator[int]:
    """Serve in a thread of this process; yields the port."""
    from robopref.labelers.people.label_server import create_app
    from robopref.web.serving import Background, listen

    bound = listen("127.0.0.1", port)
    server = Background(create_app(desk, access), bound)
    try:
        yield bound.getsockname()[1]
    finally:
        server.close()


def main() -> None:
    """Serve a database and a folder until killed: a program of its own, which a test can kill."""
    from robopref.labelers.people.label_server import create_app
    from robopref.web.serving import listen, serve

    database, folder, port = sys.argv[1:]
    desk = make_desk(database, Path(folder))
    serve(create_app(desk, Access.alone("ann")), listen("127.0.0.1", int(port)))


if __name__ == "__main__":
    main()
