import numpy as np
import pytest

from robopref.errors import ConfigError, DataError
from robopref.querying.segment_pairs import segment_queries

ENDS = np.array([3, 10, 12])


def test_segments_lie_within_one_episode():
    queries = segment_queries("d", ENDS, length=3, count=60, seed=0)
    starts = np.append(0, ENDS)
    for query in queries:
        for item in query.items:
            assert item.stop - item.start == 3
            assert np.searchsorted(starts, item.start, "right") == np.searchsorted(starts, item.stop - 1, "right")
        assert query.items[0] != query.items[1]
    # Of 3, 7 and 2 steps: one segment starts at 0, five start at 3 to 7, none fits into the last.
    assert {item.start for query in queries for item in query.items} == {0, 3, 4, 5, 6, 7}


def test_the_seed_decides_and_a_longer_list_begins_with_the_shorter():
    asked = segment_queries("d", ENDS, length=2, count=5, seed=1)
    assert segment_queries("d", ENDS, length=2, count=9, seed=1)[:5] == asked
    assert segment_queries("d", ENDS, length=2, count=5, seed=2) != asked
    assert len({query.id for query in asked}) == 5
    # Two, six and one segments of 2 steps: 36 pairs.
    assert len(segment_queries("d", ENDS, length=2, count=99, seed=1)) == 36


def test_what_cannot_be_asked_is_refused():
    with pytest.raises(DataError, match="its longest episode has 7"):
        segment_queries("d", ENDS, length=8, count=1, seed=0)
    with pytest.raises(ConfigError, match="at least 1"):
        segment_queries("d", ENDS, length=0, count=1, seed=0)
