"""The report on shift: numbers by hand, and rewards that are planted right or wrong outside of what was labelled."""

import math

import numpy as np
import pytest
import torch

from robopref.evaluation.reward_shift import (
    MEAN_LOSS,
    Accuracy,
    accuracy_by_shift,
    loss_of_accuracy,
    shift_report,
    shift_rows,
)
from robopref.records import Item, Query
from robopref.rewards.labelled import LabelledSteps, step_features

LENGTH = 5


def test_accuracy_leaves_ties_out():
    # Of three decided pairs the first two are right; the last one is a tie.
    accuracy = Accuracy.of([2.0, -1.0, 3.0, 9.0], [1, 0, 0, 0.5])
    assert accuracy.right.mean == pytest.approx(2 / 3)
    assert accuracy.right.n == 3
    assert Accuracy.of([1.0], [0.5]) is None


def test_the_loss_of_accuracy_by_hand():
    # Newcombe (1998), table II, example (a): 56/70 - 48/80 = 0.2, method 10: 0.0524 to 0.3339.
    inside, outside = (Accuracy.of(np.ones(n), np.arange(n) < k) for k, n in ((56, 70), (48, 80)))
    lost = loss_of_accuracy(inside, outside)
    assert (lost.mean, lost.low, lost.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)


def test_rewards_are_compared_on_the_same_pairs_of_each_kind():
    wins = {"same": [1, 1, 0], "other states": [1, 0], "ties": [0.5]}
    table = accuracy_by_shift(
        {
            "explicit": {"same": [1, 1, -1], "other states": [2, -1], "ties": [1]},
            "implicit": {"same": [1, 1, -1], "other states": [-2, -1]},
        },
        wins,
    )
    assert {name: {kind: found.right.mean for kind, found in kinds.items()} for name, kinds in table.items()} == {
        "explicit": {"same": 1.0, "other states": 1.0},
        "implicit": {"same": 1.0, "other states": 0.5},
    }


def test_a_step_is_outside_if_it_is_lonelier_than_labelled_ones():
    rng = torch.Generator().manual_seed(0)
    steps = torch.rand(40, 2, LENGTH, 2, generator=rng)
    weight = torch.ones(40, 2, LENGTH)
    weight[:, :, -1] = 0
    steps[:, :, -1] = 100  # padding is no step
    labelled = LabelledSteps.of(steps, weight)
    fresh = torch.rand(2000, 2, generator=rng)
    assert labelled.outside(fresh).float().mean() < 0.03
    assert labelled.outside(fresh + 2).all()
    assert labelled.outside(torch.full((1, 1, 2), 100.0)).shape == (1, 1)
    assert labelled.outside(torch.full((1, 2), 100.0)).all()


def test_a_cloud_is_described_by_mean_and_spread():
    cloud = torch.tensor([[0.0, 0, 0], [2, 0, 4]])
    features = step_features(torch.tensor([[7.0]]), cloud[None])
    assert features.tolist() == [[7, 1, 0, 2, 1, 0, 2]]


@pytest.fixture
def world():
    """A line of 2,000 steps: in the first half the state is within [-1, 1], in the second within [3, 5]."""
    rng = np.random.default_rng(0)
    state = np.concatenate([rng.uniform(-1, 1, (1000, 1)), rng.uniform(3, 5, (1000, 1))]).astype(np.float32)
    starts = rng.permutation(np.arange(0, 2000, LENGTH))
    pairs = [
        Query(f"{a}-{b}", "pair", (Item("d", int(a), int(a) + LENGTH), Item("d", int(b), int(b) + LENGTH)))
        for first in (starts[starts < 1000], starts[starts >= 1000])
        for a, b in first.reshape(-1, 2)
    ]
    seen = state[:1000].reshape(100, 2, LENGTH, 1)
    labelled = LabelledSteps.of(torch.as_tensor(seen), torch.ones(100, 2, LENGTH))
    return state, pairs, labelled


def look(world, reward, *, truth=True, spread=None):
    state, pairs, labelled = world

    def of(function):
        return None if function is None else (lambda item: function(state[item.start : item.stop, 0]))

    return shift_report(
        pairs,
        outside=lambda item: labelled.outside(torch.as_tensor(state[item.start : item.stop])).numpy(),
        reward=of(reward),
        spread=of(spread),
        truth=of(lambda x: x) if truth else None,
    )


def test_a_reward_that_is_right_everywhere_is_not_flagged(world):
    report = look(world, lambda x: 3 * x + 1)
    assert report.warnings == ()
    assert report.inside.accuracy.right.mean == report.outside.accuracy.right.mean == 1
    assert (report.inside.pairs, report.outside.pairs) == (100, 100)
    # 1 % of steps near labelled ones are lonelier than 99 % are.
    assert report.outside.share == pytest.approx(0.5, abs=0.01)


def test_a_reward_that_is_wrong_outside_only_is_flagged(world):
    report = look(world, lambda x: np.where(x < 2, x, -x))
    assert report.inside.accuracy.right.mean == 1
    assert report.outside.accuracy.right.mean == 0
    assert report.lost.low > MEAN_LOSS
    assert "orders 100%" in report.warnings[0]


def test_a_reward_that_is_as_bad_inside_is_not_flagged_for_shift(world):
    report = look(world, lambda x: -x)
    assert report.inside.accuracy.right.mean == report.outside.accuracy.right.mean == 0
    assert report.warnings == ()


def test_without_known_answers_disagreement_is_what_there_is(world):
    def wide(x):
        return np.where(x < 2, 0.1, 0.9)

    assert "disagree 9.0 times" in look(world, np.cos, truth=False, spread=wide).warnings[0]
    calm = look(world, np.cos, truth=False, spread=np.ones_like)
    assert calm.warnings == ()
    # A single network gives no sign at all.
    assert look(world, lambda x: -x, truth=False).warnings == ()
    assert math.isnan(look(world, np.cos, truth=False).outside.spread)


def test_the_table_says_what_is_not_known(world):
    known, unknown = look(world, lambda x: x, spread=np.ones_like), look(world, lambda x: x, truth=False)
    header, inside, outside = shift_rows(known)
    assert len(header) == len(inside) == len(outside) == 7
    assert inside[5] == "100.0% (96.3% to 100.0%)"  # Wilson for 100 of 100: 1 / (1 + 1.96^2 / 100)
    assert shift_rows(unknown)[2][3:6] == ("–", "100", "not known")
