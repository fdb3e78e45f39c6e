"""SIRL's grid robot: what an embedding learns from which two of three ways are alike, and how few pairs it needs.

A teacher goes by four features, which nobody measures, and names the two ways whose features are nearest. Beside it are
an autoencoder and principal components of the same ways, an untrained network, and one that preferences of ten other
tasks share, all of six numbers. A linear probe says how well features can be read from them; then a new task is learnt
from few pairs, by a linear head or from scratch. Rates and steps were chosen on seed 100, on which nothing is measured.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.records import Record
from benchmarks.worlds.alike import World, measured, standardised
from benchmarks.worlds.alike import records as alike_records
from benchmarks.worlds.grid_robot import ways

_WAYS = 4500


def measure(seed: int) -> dict[str, Any]:
    path, features = ways(_WAYS, np.random.default_rng(1000 + seed))
    return measured(World(path[:, None], standardised(features)), seed)


def records(found: list[dict[str, Any]]) -> list[Record]:
    return alike_records(found)
