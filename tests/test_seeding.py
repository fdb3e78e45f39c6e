"""Streams of randomness of different purposes do not meet."""

from itertools import combinations, product

import pytest
import torch

from robopref.evaluation.returns import first_start
from robopref.learning.collect import episode_seed
from robopref.learning.offline import drawing
from robopref.seeding import STEPS, derive, in_block

# Of steps, blocks and episodes that are near where the numbers of another seed begin.
PLACES = [0, 1, 999, 1000, 1001, STEPS - 1, STEPS, STEPS + 1, 2 * STEPS]


def test_a_seed_is_the_same_on_every_machine() -> None:
    assert derive(3, "plan", 7) == 14252129610931312170
    assert derive(3, "plan") != derive(3, "plan", 0) != derive(3, "plan", 0, 0)


def test_purposes_seeds_and_indices_do_not_meet() -> None:
    made = {derive(*one) for one in product(range(20), ("plan", "fit", "recorded start"), range(20))}
    assert len(made) == 20 * 3 * 20
    torch.Generator().manual_seed(max(made))


@pytest.mark.parametrize("block", [1000, STEPS])
def test_a_block_ends_before_that_of_the_next_seed(block: int) -> None:
    places = [place for place in PLACES if place <= 2 * block]
    made = [in_block(seed, place, block, "fit") for seed, place in product(range(4), places)]
    assert len(set(made)) == len(made)
    assert in_block(3, 7, block, "fit") == 3 * block + 7  # committed results were drawn so


def test_dropout_never_meets_the_batches_of_the_next_seed() -> None:
    made = [
        drawing(seed, place, stream=stream).initial_seed() for seed, place, stream in product(range(4), PLACES, (0, 1))
    ]
    assert len(set(made)) == len(made)
    assert drawing(2, 9, stream=1).initial_seed() == 5 * STEPS + 9


def test_no_two_seeds_are_evaluated_from_the_same_starts() -> None:
    firsts = [first_start(seed, 1500) for seed in range(5)]
    assert min(abs(one - two) for one, two in combinations(firsts, 2)) >= 1500
    assert max(firsts) + 1500 < 2**33
    assert first_start(3, 30) == 1_003_000  # committed results were drawn so


def test_episodes_of_a_large_seed_are_of_no_other_purpose() -> None:
    purposes, seeds = ("demonstrations", "preferences", "evaluation"), (0, 1, 999, 1000, 1001, 2000)
    made = [episode_seed(*one) for one in product(purposes, seeds, (0, 1, 50_000, 99_999, 100_000, 200_000))]
    assert len(set(made)) == len(made)
    assert episode_seed("preferences", 3, 7) == 200_300_007
