"""Strengths of N items from N - 1 comparisons with a pivot, in place of all N (N - 1) / 2."""

from __future__ import annotations

from collections.abc import Callable, Sequence


def pivot_tournament(order: Sequence[int], log_odds: Callable[[int, int], float]) -> tuple[float, ...]:
    """Compare each item with one pivot, which the first to be better than it replaces.

    What is compared with an earlier pivot is placed by way of it: strengths add up along the pivots. As the pivot only
    ever gets better, items at the head are told apart with the fewest steps between them, at the cost of the tail.

    Args:
        order: (N,) indices of the items; the first is the first pivot.
        log_odds: Log-odds that an item is better than the pivot, given both indices; asked N - 1 times.

    Returns:
        (N,) strengths by index, of which the differences are log-odds (Bradley and Terry 1952) and the best is 0.
    """
    pivot = order[0]
    strength = {pivot: 0.0}
    for item in order[1:]:
        strength[item] = strength[pivot] + log_odds(item, pivot)
        if strength[item] > strength[pivot]:
            pivot = item
    return tuple(strength[item] - strength[pivot] for item in range(len(order)))
