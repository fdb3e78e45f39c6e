"""Answers that are coin flips: what is said of them before anybody learns from them, on `peer_review`'s pairs.

A reward that learnt from coin flips is right about far more or far fewer than half of clean pairs, as one direction
decides most of them. What ``filter=[peer_review]`` says is how many of the answers seem wrong, and that they may say
nothing at all where the greatest share fits as well as any.
"""

from __future__ import annotations

from typing import Any

import torch

from benchmarks.people_rows.peer_review import BATCH, FEW, WRONG, answered, config, made, worlds
from benchmarks.records import Record, across_seeds
from robopref.data.filters.peer_review import PeerReview
from robopref.data.labels.lapse_rate import NOTHING
from robopref.learning.cross_validation import held_out_margins
from robopref.learning.preference import Batches
from robopref.objectives.pairwise import bradley_terry

CASES = {"coin flips": 0.5, f"{100 * WRONG:.0f} % wrong": WRONG}


def measure(seed: int) -> dict[str, Any]:
    """Of each case the estimated share, and whether it is said that the answers may say nothing."""
    _, many = worlds(seed)
    found: dict[str, Any] = {}
    for name, wrong in CASES.items():
        told, _ = answered(many[torch.arange(FEW)], wrong, seed)
        margins, p = held_out_margins(
            lambda: made(seed), told, bradley_terry, config(FEW), seed=seed, batches=Batches(BATCH)
        )
        settled, line = PeerReview().settled(margins, p)
        found[name] = {"estimated": float(settled.noise), "nothing": "nothing" in line}
    return found


def records(found: list[dict[str, Any]]) -> list[Record]:
    made: list[Record] = []
    for name, wrong in CASES.items():
        said = [float(one[name]["nothing"]) for one in found]
        target = ">= 0.95" if wrong == max(CASES.values()) else "<= 0.05"
        told = f"1,000 pairs, {name}"
        made += [
            across_seeds(f"seeds in which the answers are said to say nothing, {told}", said, target),
            across_seeds(f"estimated share of wrong answers, at most {NOTHING:g}, {told}",
                         [one[name]["estimated"] for one in found]),
        ]  # fmt: skip
    return made
