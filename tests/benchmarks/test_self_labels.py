"""What is learnt from self-made labels in the benchmark of them."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from benchmarks import self_labels
from benchmarks.self_labels import right, surest
from robopref.data.labels.target_operators import believe


@pytest.fixture(autouse=True)
def one_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_labels, "ANSWERED", 1)


def test_of_what_nobody_answered_the_surer_half_counts() -> None:
    target = believe(torch.tensor([[0.0, 0.1], [0.0, 0.2], [3.0, 0.0]]))
    assert surest(target, 0.5).weight[:, 0, 1].tolist() == [1, 0, 1]
    assert torch.equal(surest(target, 1.0).weight, target.weight)


def test_own_labels_are_compared_with_the_orderings_that_were_kept_from_them() -> None:
    # The first state was answered and does not count; the fourth was never ordered.
    said = believe(torch.tensor([[0.0, 1.0], [0.0, 2.0], [3.0, 0.0], [1.0, 0.0]]))
    truth: Any = SimpleNamespace(target=believe(torch.tensor([[1.0, 0.0], [0.0, 5.0], [0.0, 1.0]])))
    assert right(said, truth) == pytest.approx(0.5)
    # What is not said is neither right nor wrong.
    assert right(surest(said, 0.3), truth) == pytest.approx(0.0)
