"""Grades of rollouts: what they depend on, and what each step adds."""

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from robopref.errors import ConfigError
from robopref.items import Comparisons, Items
from robopref.learning.fit import FitConfig
from robopref.learning.held_out import item_scores
from robopref.learning.preference import Batches, train_reward
from robopref.nets.grade_heads import FreeGrades, ReasonedGrades
from robopref.objectives.grades import grade_likelihood, grade_sampling
from robopref.rewards.ordinal import OrdinalReward
from robopref.rewards.steps import as_step_reward, step_rewards
from robopref.scores import SuccessTarget


def knocked(count: int = 160, seed: int = 0) -> Comparisons:
    """Rollouts of 6 steps that look alike; a knock in one of them says how good it was."""
    rng = torch.Generator().manual_seed(seed)
    grade = torch.randint(0, 5, (count,), generator=rng)
    force = 0.1 * torch.randn(count, 1, 6, 12, 1, generator=rng)
    when = torch.randint(0, 6, (count,), generator=rng)
    force[torch.arange(count), 0, when, 5, 0] += 3.0 ** (5 - grade)
    seen = torch.randn(count, 1, 6, 2, generator=rng)
    weight = torch.full((count, 1, 6), 1 / 6)
    y = grade[:, None] / 4
    return Comparisons(Items({"state": seen, "force": force}, weight), SuccessTarget(y, torch.ones_like(y)))


def made(data: Comparisons, **settings: Any) -> OrdinalReward:
    torch.manual_seed(0)
    reward = OrdinalReward.for_items(data.items, width=8, hidden=16, **settings)
    reward.standardise(data.items)
    return reward.eval()


def test_steps_add_up_to_the_grade_and_relabelling_gives_the_same() -> None:
    data = knocked(4)
    items = data.items
    items.weight[0, 0, 4:] = 0  # a shorter one
    reward = made(data)
    scores = reward.score(items)
    assert scores.steps is not None
    assert scores.grades is not None
    torch.testing.assert_close(scores.steps.sum(-1), scores.value)
    torch.testing.assert_close(scores.value, (scores.grades.exp() * torch.arange(1, 6)).sum(-1))
    rows = {name: part[:, 0].flatten(0, 1)[4 - 4 :] for name, part in items.steps.items()}
    kept = torch.cat([torch.arange(4), torch.arange(6, 24)])  # the four steps of the first, and all of the others
    since = np.concatenate([np.arange(4), *[np.arange(6)] * 3])
    found = step_rewards(as_step_reward(reward), {name: part[kept] for name, part in rows.items()}, since)
    torch.testing.assert_close(found, scores.steps[:, 0].flatten()[kept], atol=1e-5, rtol=1e-5)


def test_it_is_what_training_sees_and_the_order_before_the_end_does_not_matter() -> None:
    data = knocked(3)
    reward = made(data, dropout=0.0, noise=0.0)
    whole = reward.score(data.items)
    reward.train()
    torch.testing.assert_close(reward.score(data.items).value, whole.value)
    turned = torch.tensor([3, 0, 4, 2, 1, 5])
    shuffled = Items({name: part[:, :, turned] for name, part in data.items.steps.items()}, data.items.weight)
    torch.testing.assert_close(reward.score(shuffled).value, whole.value)


@pytest.mark.parametrize(
    ("objective", "head"), [(grade_likelihood, None), (partial(grade_sampling, entropy=0.01), FreeGrades)]
)
def test_a_knock_is_learnt_from_ratings_where_it_is_felt(objective: Any, head: Any) -> None:
    data, test = knocked(), knocked(80, seed=1)
    right: dict[str, float] = {}
    for name, keys in {"felt": ("state", "force"), "unfelt": ("state",)}.items():
        known = Comparisons(data.items.only(keys), data.target)
        reward = made(known, **({} if head is None else {"head": head}))
        train_reward(reward, known, objective, FitConfig(80, 1e-2, ema=0.0), seed=0, batches=Batches(32))
        grades = item_scores(reward, test.items).grades
        assert grades is not None
        right[name] = float((grades.argmax(-1) == (4 * test.target.y).round()).float().mean())
    assert right["felt"] > 0.45
    assert right["unfelt"] < right["felt"] - 0.15


def test_vectors_are_seen_with_noise_in_training_where_there_is_more_to_see() -> None:
    data = knocked(40)
    for keys, blurred in ((("state", "force"), True), (("state",), False)):
        reward = made(Comparisons(data.items.only(keys), data.target), dropout=0.0)
        whole = reward.score(data.items).value
        torch.testing.assert_close(reward.score(data.items).value, whole)
        seen = reward.train().score(data.items).value
        assert (not torch.allclose(seen, whole)) == blurred
    with pytest.raises(ConfigError, match="noise must be 0 or more, got -1"):
        made(data, noise=-1.0)


def test_a_threshold_of_force_is_learnt_from_few_rollouts_that_other_numbers_tell_apart() -> None:
    def stops(seed: int) -> Comparisons:
        rng = torch.Generator().manual_seed(seed)
        peak = torch.rand(96, generator=rng)
        turned = 6.3 * torch.rand(96, generator=rng)
        force = torch.zeros(96, 1, 4, 12, 2)
        force[:, 0, 3, 5] = 10 * 6 ** peak[:, None] * torch.stack([turned.cos(), turned.sin()], 1)
        place = torch.randn(96, 1, 4, 6, generator=rng)
        y = ((5 * peak).long() / 4)[:, None]
        return Comparisons(
            Items({"state": place, "force": force}, torch.ones(96, 1, 4)), SuccessTarget(y, torch.ones_like(y))
        )

    data, test = stops(0), stops(1)
    right: dict[bool, float] = {}
    for course in (False, True):
        reward = made(data, course=course, noise=0.0 if course else 1.0)
        train_reward(reward, data, grade_likelihood, FitConfig(150, 1e-2, ema=0.0), seed=0, batches=Batches(32))
        grades = item_scores(reward, test.items).grades
        assert grades is not None
        right[course] = float((grades[:, 0].argmax(-1) == (4 * test.target.y[:, 0]).round()).float().mean())
    assert right[False] > 0.85 > right[True]


def test_a_scale_of_two_is_no_scale() -> None:
    with pytest.raises(ConfigError, match="objective=success"):
        OrdinalReward.for_items(knocked(1).items, levels=2)


def test_a_head_that_needs_more_is_refused_by_a_line() -> None:
    with pytest.raises(ConfigError, match=r"head is made of .* missing a required argument: 'dimensions'"):
        OrdinalReward.for_items(knocked(1).items, head=ReasonedGrades)
