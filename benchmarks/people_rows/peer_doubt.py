"""Answers weighed by how likely they are right, in place of being left out: `peer_review`'s pairs, seeds and networks.

The share of wrong answers is given, as it is to the review there. Where none is wrong, nothing is weighed.
"""

from __future__ import annotations

from typing import Any

import torch

from benchmarks.people_rows.peer_review import FEW, TOLD, WRONG, accuracy, answered, trained, worlds
from benchmarks.records import Record, across_seeds
from robopref.data.filters.peer_doubt import PeerDoubt

CASES = ("many", "few")


def measure(seed: int) -> dict[str, Any]:
    """Accuracies on clean pairs of one seed."""
    test, many = worlds(seed)
    cases = {"many": many, "few": many[torch.arange(FEW)]}
    return {
        case: accuracy(trained(answered(data, WRONG, seed)[0], seed, review=PeerDoubt(noise=WRONG)), test)
        for case, data in cases.items()
    }


def records(found: list[dict[str, Any]]) -> list[Record]:
    return [across_seeds(f"accuracy, doubt, {TOLD[case]}", [one[case] for one in found]) for case in CASES]
