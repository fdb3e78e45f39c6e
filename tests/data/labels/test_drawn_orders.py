"""How probable an order was, and what that makes a preference count."""

from itertools import permutations

import numpy as np
import pytest

from robopref.data.labels.drawn_orders import offer_weight, order_probability, swap_propensity, swap_weight


def test_the_probability_of_an_order_of_three() -> None:
    # .5 first, then .3 of the .5 that are left, then the last: .5 * .6 * 1.
    assert order_probability((0.5, 0.3, 0.2)) == pytest.approx(0.3)
    # .2 first, then .3 of .8: .2 * .375.
    assert order_probability((0.2, 0.3, 0.5)) == pytest.approx(0.075)
    assert sum(order_probability(order) for order in permutations((0.5, 0.3, 0.2))) == pytest.approx(1)


def test_of_an_order_that_names_the_first_places_only_the_rest_is_left() -> None:
    # .4 first, then .3 of .6.
    assert order_probability((0.4, 0.3)) == pytest.approx(0.2)


def test_the_propensity_of_a_swap_of_three() -> None:
    chances = (0.5, 0.3, 0.2)
    # First and second: .3 against (.3, .5, .2), .3 * .5 / .7 = .2142857: .3 / .5142857 = .583333.
    assert swap_propensity(chances, 0, 1) == pytest.approx(7 / 12)
    # First and last: .3 against (.2, .3, .5), .075: .3 / .375 = .8; likewise the other way round.
    assert swap_propensity(chances, 0, 2) == swap_propensity(chances, 2, 0) == pytest.approx(0.8)
    # Second and last: .3 against (.5, .2, .3), .5 * .4 = .2: .3 / .5 = .6.
    assert swap_propensity(chances, 1, 2) == pytest.approx(0.6)


@pytest.mark.parametrize("places", [(0, 1), (0, 4), (1, 3), (2, 4)])
def test_the_propensity_is_that_of_both_orders_in_full(places: tuple[int, int]) -> None:
    chances = np.random.default_rng(0).dirichlet(np.ones(5))
    one, two = places
    swapped = chances.copy()
    swapped[[one, two]] = swapped[[two, one]]
    this, other = order_probability(chances.tolist()), order_probability(swapped.tolist())
    assert swap_propensity(chances.tolist(), one, two) == pytest.approx(this / (this + other))


def test_weights_are_inverse_propensities_and_clipped() -> None:
    chances = (0.5, 0.3, 0.2)
    assert swap_weight(chances, 0, 2, 10) == pytest.approx(0.5 / 0.8)
    # The improbable order: (.2, .3, .5) has .075 of .375, .2 of both: .5 / .2 = 2.5.
    assert swap_weight((0.2, 0.3, 0.5), 0, 2, 10) == pytest.approx(2.5)
    assert swap_weight((0.2, 0.3, 0.5), 0, 2, 2) == 2
    assert swap_weight((0.25,) * 4, 1, 3, 10) == pytest.approx(1)
    # Of three, one that comes first at .2 would come first at a third: 1 / .6.
    assert offer_weight((0.2, 0.3, 0.5), 10) == pytest.approx(1 / 0.6)
    assert offer_weight((0.01, 0.99), 10) == 10


def test_small_chances_are_not_lost_in_the_sum_of_large_ones() -> None:
    # Second and last are alike, however small: a half.
    assert swap_propensity((1 - 2e-20, 1e-20, 1e-20), 1, 2) == pytest.approx(0.5)
    assert order_probability((1.0, 1e-20, 1e-20)) == pytest.approx(0.5)
