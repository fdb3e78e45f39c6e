"""How long decisions take, with strategies that take a known time."""

import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from robopref.evaluation.decision_times import TIMED, decision_times


def test_the_median_counts_and_neither_the_first_decision_nor_a_slow_one(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = [SimpleNamespace(observation={"proprio": np.zeros(2, np.float32)}) for _ in range(TIMED + 3)]
    waits = iter([0.5, 0.3, *[0.02] * (TIMED - 1)])  # the first is not counted, the second is no median
    asked, now = list[torch.Size](), [5.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def slow(seen, generator):
        asked.append(seen.part("proprio").shape)
        now[0] += next(waits)
        return torch.zeros(1, 1, 2)

    found = decision_times({"slow": slow, "fast": lambda *_: torch.zeros(1, 1, 2)}, moments, torch.device("cpu"))
    assert asked == [(1, 2)] * (TIMED + 1)
    assert found == {"slow": pytest.approx(20.0), "fast": 0.0}
