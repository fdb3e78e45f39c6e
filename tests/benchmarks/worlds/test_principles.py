"""The suite of principles: its size, its words, and what is wanted by them."""

import numpy as np

from benchmarks.worlds.principles import ATTRIBUTES, SAID, TESTING, TRAINING, WISHES, PlantedItems
from benchmarks.worlds.rank_agreement import kendall_tau


def test_every_clause_is_said_in_thirteen_ways_that_differ() -> None:
    every = [way for both in SAID.values() for ways in both for way in ways]
    assert len(every) == len(set(every)) == 2 * len(ATTRIBUTES) * (len(TRAINING) + len(TESTING))


def test_there_are_120_principles_and_each_has_its_opposite_among_them() -> None:
    assert len(set(WISHES)) == 120
    assert {wish.opposite for wish in WISHES} == set(WISHES)
    np.testing.assert_array_equal(WISHES[0].weights, -WISHES[0].opposite.weights)
    assert WISHES[0].said([0, 0]) == "be fast; then keep far from obstacles"


def test_attributes_have_mean_nought_and_spread_one() -> None:
    rng = np.random.default_rng(0)
    world = PlantedItems(rng)
    found = world.attributes(world.lists(2000, 1, rng))[:, 0]
    assert abs(found.mean(0)).max() < 0.1
    assert abs(found.std(0) - 1).max() < 0.1


def test_kendalls_tau_by_hand() -> None:
    # Of three pairs two agree and one does not: 1/3; all turned round: -1.
    assert kendall_tau(np.array([[1.0, 2, 3]]), np.array([[1.0, 3, 2]])) == np.float64(1 / 3)
    assert kendall_tau(np.array([[1.0, 2, 3]]), np.array([[3.0, 2, 1]])) == -1
