"""Demonstrations among chosen candidates: as many as asked for, and nothing else changed."""

import pytest
import torch

from robopref.errors import ConfigError
from robopref.items import Comparisons
from robopref.learning.real_share import with_demonstrations
from robopref.records import Observation
from robopref.scores import PairTarget, SuccessTarget


def chosen(states: int, kept: int) -> Comparisons:
    """Candidates 100, 101, ... of each state, all of which succeed."""
    chunks = 100 + torch.arange(float(kept)).repeat(states, 1)[..., None, None]
    target = SuccessTarget(torch.ones(states, kept), torch.ones(states, kept))
    return Comparisons.of_candidates(seen(states), chunks, target, None)


def seen(count: int) -> Observation:
    return Observation(torch.zeros(count, 5, 3), torch.arange(float(count))[:, None])


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("kept", [1, 3])
def test_a_quarter_of_the_states_is_demonstrated(kept: int) -> None:
    demonstrated = torch.arange(4.0)[:, None, None]
    found = with_demonstrations(chosen(30, kept), seen(4), demonstrated, 0.25, generator())
    assert len(found) == 40  # 30 are three quarters of it
    assert isinstance(found.target, SuccessTarget)
    assert found.target.weight[:30].tolist() == [[1] * kept] * 30
    # Each has one chunk that counts: its own. Ten of four are each of them twice, and two of them once more.
    assert found.target.weight[30:].tolist() == [[1] + [0] * (kept - 1)] * 10
    chunks, rows = found.items.part("action")[30:, 0].flatten(), found.items.part("proprio")[30:].flatten()
    assert torch.equal(chunks, rows)
    assert sorted(torch.bincount(rows.long()).tolist()) == [2, 2, 3, 3]
    assert torch.equal(found.items.part("action")[:30], chosen(30, kept).items.part("action"))


def test_none_are_added_where_none_are_wanted() -> None:
    data = chosen(3, 2)
    assert with_demonstrations(data, seen(2), torch.zeros(2, 1, 1), 0.0, generator()) is data


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"must be in \[0, 1\), got 1"):
        with_demonstrations(chosen(2, 2), seen(2), torch.zeros(2, 1, 1), 1.0, generator())
    pairs = PairTarget(torch.zeros(2, 2, 2), torch.zeros(2, 2, 2))
    data = Comparisons.of_candidates(seen(2), torch.zeros(2, 2, 1, 1), pairs, None)
    with pytest.raises(ConfigError, match="not which of two is better"):
        with_demonstrations(data, seen(2), torch.zeros(2, 1, 1), 0.5, generator())
