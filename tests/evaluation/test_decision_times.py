"""How long decisions take, with strategies that take a known time."""

import time
from types import SimpleNamespace

import numpy as np
import torch

from robopref.evaluation.decision_times import TIMED, decision_times


def test_the_median_counts_and_neither_the_first_decision_nor_a_slow_one() -> None:
    moments = [SimpleNamespace(observation={"proprio": np.zeros(2, np.float32)}) for _ in range(TIMED + 3)]
    waits = iter([0.5, 0.3, *[0.02] * (TIMED - 1)])  # the first is not counted, the second is no median
    asked: list[torch.Size] = []

    def slow(seen, generator):
        asked.append(seen.part("proprio").shape)
        time.sleep(next(waits))
        return torch.zeros(1, 1, 2)

    found = decision_times({"slow": slow, "fast": lambda *_: torch.zeros(1, 1, 2)}, moments, torch.device("cpu"))
    assert asked == [(1, 2)] * (TIMED + 1)
    assert 20 <= found["slow"] < 300
    assert found["fast"] < found["slow"]
