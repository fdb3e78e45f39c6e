"""Questions about segments."""

import pytest

from robopref.errors import ConfigError
from robopref.querying.segments import segment_queries
from robopref.types import QueryKind


def test_segments_lie_within_episodes_and_do_not_overlap() -> None:
    ends = [4, 9, 11]  # the last episode is too short
    queries = segment_queries("demos", ends, length=3, count=100, seed=1)
    for query in queries:
        one, two = query.items
        assert one.stop - one.start == two.stop - two.start == 3
        assert one.stop <= two.start
        assert all(
            any(begin <= item.start and item.stop <= end for begin, end in ((0, 4), (4, 9))) for item in query.items
        )
    # Starts 0 1 | 4 5 6: of their ten pairs those within one episode overlap; six are left, and all are found.
    assert len({query.id for query in queries}) == len(queries) == 6


def test_fewer_questions_are_the_first_of_more() -> None:
    few, many = (segment_queries("demos", [40, 80], length=4, count=count, seed=3) for count in (5, 20))
    assert few == many[:5]
    assert few != segment_queries("demos", [40, 80], length=4, count=5, seed=4)


@pytest.mark.parametrize(("kind", "size"), [("pair", 2), ("ranking", 4), ("similarity", 3), ("rating", 1)])
def test_every_kind_can_be_asked(kind: QueryKind, size: int) -> None:
    (query,) = segment_queries("demos", [40], length=4, count=1, kind=kind, instruction="Tidy.")
    assert (query.kind, len(query.items), query.instruction) == (kind, size, "Tidy.")


def test_what_cannot_be_asked_is_explained() -> None:
    with pytest.raises(ConfigError, match=r"0 segments of 5 steps.*lower label\.segments\.length"):
        segment_queries("demos", [4, 8], length=5, count=1)
    with pytest.raises(ConfigError, match="at least 1"):
        segment_queries("demos", [4], length=0, count=1)
    with pytest.raises(ConfigError, match="Did you mean pair"):
        segment_queries("demos", [4], length=1, count=1, kind="pairs")  # type: ignore[arg-type]
