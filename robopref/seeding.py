"""Seeds of the streams of randomness that come from one seed."""

from __future__ import annotations

import hashlib

STEPS = 1_000_003  # of training that have a block of their own


def derive(seed: int, purpose: str, *index: int) -> int:
    """A seed for one purpose, which no other purpose, seed or index has.

    Args:
        seed: Of the run, network or whatever else is repeated.
        purpose: What is drawn; streams of different purposes have nothing to do with each other.
        index: Which of many, such as a step or an episode.

    Returns:
        A whole number of 64 bits, for `torch.Generator` and `numpy.random.default_rng`.
    """
    digest = hashlib.sha256(":".join(map(str, (seed, purpose, *index))).encode()).digest()
    return int.from_bytes(digest[:8], "little")


def in_block(seed: int, index: int, block: int, purpose: str) -> int:
    """The seed of one index of many, in a block of whole numbers that belongs to a seed.

    Committed results were drawn so. Beyond the block, where those of the next seed begin, seeds are derived.

    Args:
        seed: Whose block.
        index: Place in it.
        block: Places of a block.
        purpose: What is drawn, for what is beyond the block.
    """
    return seed * block + index if 0 <= index < block else derive(seed, purpose, index)
