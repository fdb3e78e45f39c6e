"""What a policy proposes in states of a task: tried out, asked about, and made into data."""

import numpy as np
import pytest
import torch

from robopref.answers import Answers
from robopref.errors import DataError
from robopref.labelers.oracle import ScriptedTeacher
from robopref.learning.candidates import Candidates
from robopref.records import Item, Observation
from robopref.robots.sim import SimPool


class Strides:
    """Steps of any length up to 0.5."""

    def sample(self, observation: Observation, n: int, *, generator: torch.Generator) -> torch.Tensor:
        return torch.rand(len(observation.proprio), n, 1, 1, generator=generator) / 2


def drawn(pool: SimPool, purpose: str = "preferences", *, seed: int = 0) -> Candidates:
    return Candidates.draw(Strides(), pool, purpose, count=3, n=4, seed=seed, warm_up=2)


def test_what_a_candidate_makes_is_what_it_walks(pool: SimPool) -> None:
    candidates = drawn(pool)
    strides = candidates.actions[:, :, 0, 0].numpy()
    np.testing.assert_allclose(candidates.outcomes, strides, atol=1e-6)
    np.testing.assert_allclose(candidates.tried(torch.tensor([3, 0, 1])), strides[[0, 1, 2], [3, 0, 1]], atol=1e-6)
    np.testing.assert_allclose(candidates.tried(2), strides[:, 2], atol=1e-6)
    np.testing.assert_allclose(candidates.rewards(Item("candidates", 1, 2, 3)), strides[1, 3:], atol=1e-6)


@pytest.mark.parametrize("kind", ["pair", "ranking"])
def test_a_teacher_prefers_the_longer_stride(pool: SimPool, kind: str) -> None:
    candidates = drawn(pool)
    teacher, queries = ScriptedTeacher(candidates.rewards), candidates.queries(kind, instruction="Walk far.")
    assert {query.instruction for query in queries} == {"Walk far."}
    data = candidates.comparisons(Answers.of(queries, map(teacher.label, queries)))
    strides = candidates.actions[:, :, 0, 0]
    there = data.target.weight > 0
    assert int((there | there.mT).sum()) == 3 * 4 * 3
    assert torch.equal(data.target.p[there] > 0.5, (strides[:, :, None] > strides[:, None])[there])
    assert torch.equal(data.items.part("action")[:, :, 0], candidates.actions)
    assert torch.equal(data.items.part("proprio")[:, 0, 0], candidates.observation.proprio)
    assert data.geometry is pool.task.geometry


def test_the_seed_and_the_purpose_decide_what_is_drawn(pool: SimPool) -> None:
    first, again = drawn(pool), drawn(pool)
    assert torch.equal(first.actions, again.actions)
    assert torch.equal(first.observation.proprio, again.observation.proprio)
    for other in (drawn(pool, seed=1), drawn(pool, "evaluation")):
        assert not (first.actions == other.actions).any()


@pytest.mark.parametrize("item", [Item("d", 0, 1), Item("d", 3, 4, 0), Item("d", 0, 1, 4)])
def test_what_is_none_of_them_has_no_reward(pool: SimPool, item: Item) -> None:
    with pytest.raises(DataError, match="is none of the 4 candidates of 3 states") as caught:
        drawn(pool).rewards(item)
    assert "\n" not in str(caught.value)
