"""Segments to compare never cross the end of an episode, and no question comes twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robopref.errors import ConfigError, DataError
from robopref.querying.segments import segment_queries


@given(
    st.lists(st.integers(1, 12), min_size=1, max_size=5), st.integers(1, 6), st.integers(1, 40), st.integers(0, 3),
    st.sampled_from(["pair", "rating"]),
)  # fmt: skip
def test_segments_lie_within_episodes_and_questions_differ(lengths, length, count, seed, kind) -> None:
    ends = [sum(lengths[: k + 1]) for k in range(len(lengths))]
    possible = sum(max(n - length + 1, 0) for n in lengths)
    if possible < (2 if kind == "pair" else 1):
        with pytest.raises(DataError, match="too few"):
            segment_queries("d", ends, length=length, count=count, kind=kind, seed=seed)
        return
    queries = segment_queries("d", ends, length=length, count=count, kind=kind, seed=seed, instruction="Do.")
    assert len(queries) == min(count, possible * (possible - 1) // 2 if kind == "pair" else possible)
    for query in queries:
        assert query.instruction == "Do."
        for item in query.items:
            assert item.stop - item.start == length
            assert not any(item.start < end < item.stop for end in ends)
            assert item.stop <= ends[-1]
    assert len({frozenset(query.items) for query in queries}) == len({query.id for query in queries}) == len(queries)
    fewer = segment_queries("d", ends, length=length, count=max(1, count // 2), kind=kind, seed=seed, instruction="Do.")
    assert queries[: len(fewer)] == fewer


def test_what_cannot_be_asked_is_refused() -> None:
    with pytest.raises(ConfigError, match="pair, rating"):
        segment_queries("d", [5], length=2, count=1, kind="ranking")
    with pytest.raises(ConfigError, match="length"):
        segment_queries("d", [5], length=0, count=1)
    with pytest.raises(DataError):
        segment_queries("d", [], length=1, count=1)
