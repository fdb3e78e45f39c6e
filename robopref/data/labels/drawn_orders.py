"""How probable an order of candidates was that was drawn by Plackett and Luce's model, and what acts then count.

An order is told by the probability of each candidate to come first, ``chances`` by place: then ``P(order)`` is the
product over places of ``chance / (1 - sum of the chances before)`` (Luce 1959; Plackett 1975).
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def order_probability(chances: Sequence[float]) -> float:
    """Probability that candidates come in an order.

    Args:
        chances: Probability of each to come first, by its place.
    """
    return math.prod(chance / left for chance, left in zip(chances, _left(chances), strict=True))


def swap_propensity(chances: Sequence[float], one: int, two: int) -> float:
    """Probability of an order, given that it is this one or the same with two candidates in each other's place.

    Args:
        chances: Probability of each candidate to come first, by its place.
        one: A place, from 0.
        two: Another one.

    Returns:
        In (0, 1); a half where both orders were as probable. Weighted by its inverse, a preference between the two says
        nothing of their places, however much these sway people (swap interventions of Joachims et al. 2017,
        arXiv 1608.04468).
    """
    first, last = sorted((one, two))
    difference = chances[first] - chances[last]
    left = _left(chances)[first + 1 : last + 1]
    return 1 / (1 + math.prod(before / (before + difference) for before in left))


def swap_weight(chances: Sequence[float], one: int, two: int, clip: float) -> float:
    """Inverse-propensity weight of a preference between the candidates of two places.

    Args:
        chances: Probability of each candidate to come first, by its place.
        one: A place, from 0.
        two: Another one.
        clip: Largest weight.

    Returns:
        1 where both were as likely to be in each other's place.
    """
    return min(clip, 0.5 / swap_propensity(chances, one, two))


def offer_weight(chances: Sequence[float], clip: float) -> float:
    """Inverse-propensity weight of what was said about the candidate that came first.

    Args:
        chances: Probability of each candidate to come first, by its place.
        clip: Largest weight.

    Returns:
        1 where each was as likely to come first.
    """
    return min(clip, 1 / (len(chances) * chances[0]))


def _left(chances: Sequence[float]) -> list[float]:
    """What is left of the probability at each place; summed from the end, so that small chances are not lost."""
    left = max(0.0, 1 - math.fsum(chances))
    found: list[float] = []
    for chance in reversed(chances):
        left += chance
        found.append(left)
    return found[::-1]
