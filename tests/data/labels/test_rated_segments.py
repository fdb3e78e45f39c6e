"""Ratings as arrays: whose count, and what several of them say together."""

from pathlib import Path

import numpy as np
import pytest

from robopref.data.filters.by_labeler import ByLabeler
from robopref.data.labels.rated_segments import rating_answers, recorded_ratings
from robopref.errors import DataError
from robopref.querying.segment_queries import episode_queries
from robopref.records import Abstain, Feedback, Preference, Query, Rating
from tests.offline_data import recorded


def test_ratings_of_one_rollout_are_averaged_by_their_weights(tmp_path: Path) -> None:
    store = recorded(tmp_path / "d.zarr", episodes=3, length=4)
    queries = episode_queries("d", store.episode_ends, count=9)
    assert sorted((query.items[0].start, query.items[0].stop) for query in queries) == [(0, 4), (4, 8), (8, 12)]
    first, second, third = queries
    pair = Query("d/pair/x", "pair", (first.items[0], second.items[0]))
    feedback = [
        Feedback(first.id, Rating(1.0), "ann", confidence=1.0), Feedback(first.id, Rating(0.5), "bob", confidence=0.25),
        Feedback(second.id, Rating(0.0), "bob"), Feedback(third.id, Abstain("skipped"), "ann"),
        Feedback(pair.id, Preference(1.0), "ann"),
    ]  # fmt: skip
    answers = rating_answers([*queries, pair], feedback)
    assert len(answers) == 3
    data = recorded_ratings(answers, store, keys=["state"])
    by_start = {answers.items[int(row)].start: place for place, row in enumerate(data.called.index[:, 0])}  # type: ignore[union-attr]
    rated = {start: float(data.target.y[place, 0]) for start, place in by_start.items()}  # type: ignore[union-attr]
    assert rated == {first.items[0].start: pytest.approx((1 + 0.25 * 0.5) / 1.25), second.items[0].start: 0}
    begin = second.items[0].start
    np.testing.assert_array_equal(data.items.part("state")[by_start[begin], 0], store.array("state", begin, begin + 4))
    assert float(data.items.weight.sum()) == pytest.approx(2)
    alone = recorded_ratings(ByLabeler(["bob"]).keep(answers), store, keys=["state"])
    assert sorted(alone.target.y[:, 0].tolist()) == [0, 0.5]  # type: ignore[union-attr]


def test_without_a_rating_there_is_nothing_to_learn(tmp_path: Path) -> None:
    store = recorded(tmp_path / "d.zarr", episodes=2, length=4)
    queries = episode_queries("d", store.episode_ends, count=1)
    with pytest.raises(DataError, match=r"label\.kind=rating"):
        recorded_ratings(rating_answers(queries, []), store, keys=["state"])
