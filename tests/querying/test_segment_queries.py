"""Questions about segments."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from robopref.answers import Answers
from robopref.cli.remembered import concerned
from robopref.errors import ConfigError
from robopref.labelers.oracle import ScriptedTeacher
from robopref.querying.segment_queries import Segments, segment_queries
from robopref.records import QUERY_ITEMS, QueryKind
from robopref.rewards.segment import SegmentReward
from tests.offline_data import recorded


def test_too_few_segments_are_told_without_blame_for_a_setting_of_training() -> None:
    with pytest.raises(ConfigError, match="its longest episode has 8 steps; lower label") as caught:
        segment_queries("d", np.array([8, 16]), length=8, count=4, kind="ranking", seed=0)
    assert concerned(caught.value, ["train.fit.steps=60"], typed=False) == []
    assert str(caught.value).endswith("or ask about two at a time with label.kind=pair")
    # A pair is as impossible, or is what was asked for.
    for ends, kind in (([8], "ranking"), ([8], "pair")):
        with pytest.raises(ConfigError, match=r"lower label.segments.length$"):
            segment_queries("d", np.array(ends), length=8, count=4, kind=kind)  # type: ignore[arg-type]


@settings(max_examples=40)
@given(
    st.lists(st.integers(1, 12), min_size=1, max_size=5), st.integers(1, 6), st.integers(1, 40), st.integers(0, 3),
    st.sampled_from(sorted(QUERY_ITEMS)),
)  # fmt: skip
def test_segments_lie_within_episodes_and_do_not_overlap(lengths, length, count, seed, kind) -> None:
    ends = np.cumsum(lengths)
    if QUERY_ITEMS[kind] != 1 and max(lengths) < length:
        with pytest.raises(ConfigError, match="too few"):
            segment_queries("d", ends, length=length, count=count, kind=kind, seed=seed)
        return
    try:
        queries = segment_queries("d", ends, length=length, count=count, kind=kind, seed=seed)
    except ConfigError:
        # As many segments as an episode has room for, side by side, are fewer than asked for.
        assert sum(n // length for n in lengths) < (QUERY_ITEMS[kind] or 4)
        return
    assert len({frozenset(query.items) for query in queries}) == len({query.id for query in queries}) == len(queries)
    for query in queries:
        assert all(item.stop - item.start == length and item.stop <= ends[-1] for item in query.items)
        assert not any(item.start < end < item.stop for item in query.items for end in ends)
        placed = sorted(query.items, key=lambda item: item.start)
        assert all(one.stop <= two.start for one, two in itertools.pairwise(placed))


def test_all_there_are_can_be_asked_and_neither_place_is_the_earlier() -> None:
    # Starts 0 1 | 4 5 6: of their ten pairs those within one episode overlap; six are left. The last one is too short.
    assert len({query.id for query in segment_queries("demos", [4, 9, 11], length=3, count=100, seed=1)}) == 6
    # 20 single steps: 190 pairs.
    queries = segment_queries("demos", [20], length=1, count=999)
    assert len(queries) == 190
    assert 60 < sum(query.items[0].start < query.items[1].start for query in queries) < 130


def test_fewer_questions_are_the_first_of_more() -> None:
    few, many = (segment_queries("demos", [40, 80], length=4, count=count, seed=3) for count in (5, 20))
    assert few == many[:5]
    assert few != segment_queries("demos", [40, 80], length=4, count=5, seed=4)


@pytest.mark.parametrize(("kind", "size"), [("pair", 2), ("ranking", 4), ("similarity", 3), ("rating", 1)])
def test_every_kind_can_be_asked(kind: QueryKind, size: int) -> None:
    (query,) = segment_queries("demos", [40], length=4, count=1, kind=kind, instruction="Tidy.")
    assert (query.kind, len(query.items), query.instruction) == (kind, size, "Tidy.")


def test_what_cannot_be_asked_is_explained() -> None:
    with pytest.raises(
        ConfigError, match=r"0 segments of 5 .* longest episode has 4 steps; lower label\.segments\.length"
    ):
        segment_queries("demos", [4, 8], length=5, count=1)
    with pytest.raises(ConfigError, match="0 segments"):
        segment_queries("demos", [], length=5, count=1)
    with pytest.raises(ConfigError, match="at least 1"):
        segment_queries("demos", [4], length=0, count=1)
    with pytest.raises(ConfigError, match="Did you mean pair"):
        segment_queries("demos", [4], length=1, count=1, kind="pairs")  # type: ignore[arg-type]


def test_segments_of_a_store_become_what_a_teacher_says_of_them(tmp_path) -> None:
    store = recorded(tmp_path / "d.zarr")
    segments = Segments(store, 4, ("state",))
    queries, teacher = segments.queries(9, seed=3, instruction="Which?"), ScriptedTeacher(segments.rewards)
    assert queries == segment_queries("d", store.episode_ends, length=4, count=9, seed=3, instruction="Which?")
    data = segments.comparisons(Answers.of(queries, map(teacher.label, queries)))
    states = data.items.part("state")
    assert states.shape == (9, 2, 4, 3)
    # The reward is the first number of the state; a segment is worth the mean of its steps.
    worth = (states[..., 0] * data.items.weight).sum(2)
    torch.testing.assert_close(data.items.weight.sum(2), torch.ones(9, 2))
    assert torch.equal(data.target.p[:, 0, 1] > 0.5, worth[:, 0] > worth[:, 1])


def test_a_reward_for_items_takes_all_that_is_known_of_them(tmp_path) -> None:
    segments = Segments(recorded(tmp_path / "d.zarr"), 4)
    queries, teacher = segments.queries(5), ScriptedTeacher(segments.rewards)
    data = segments.comparisons(Answers.of(queries, map(teacher.label, queries)))
    reward = SegmentReward.for_items(data.items, members=2)
    assert (reward.keys, reward.count) == (("state", "action"), 2)
    assert reward.score(data.items).value.shape == (5, 2)
    with pytest.raises(ConfigError, match="encoder"):
        SegmentReward.for_items(type(data.items)({"points": torch.zeros(1, 2, 4, 9, 3)}, torch.ones(1, 2, 4)))
