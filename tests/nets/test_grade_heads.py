"""Heads of grades: what makes them probabilities, and how levels are related."""

from math import exp, log

import pytest
import torch

from robopref.errors import ConfigError
from robopref.nets.grade_heads import CumulativeGrades, FreeGrades, ReasonedGrades


def test_all_give_probabilities() -> None:
    torch.manual_seed(0)
    for head in (FreeGrades(4, 5), CumulativeGrades(4, 5), ReasonedGrades(4, 5, dimensions=["a", "b"])):
        found = head(torch.randn(3, 2, 4))
        assert found.shape == (3, 2, 5)
        torch.testing.assert_close(found.exp().sum(-1), torch.ones(3, 2))


def test_thresholds_cut_one_number() -> None:
    head = CumulativeGrades(1, 3)
    with torch.no_grad():
        head.layer.weight.fill_(1 / 3)  # a unit is three of log-odds
        head.layer.bias.zero_()
        head.first.fill_(-1 / 3)
        head.wider.fill_(log(exp(2 / 3) - 1))  # softplus of which is 2/3
    s = lambda x: 1 / (1 + exp(-x))  # noqa: E731
    found = head(torch.tensor([[0.5]]))[0].exp()
    torch.testing.assert_close(found, torch.tensor([s(-1.5), s(0.5) - s(-1.5), 1 - s(0.5)]))


def test_far_from_all_thresholds_nothing_is_infinite() -> None:
    head = CumulativeGrades(1, 5)
    with torch.no_grad():
        head.layer.weight.fill_(1)
    found = head(torch.tensor([[60.0], [-60.0]]))
    found.sum().backward()
    assert bool(found.isfinite().all())
    assert head.layer.weight.grad is not None
    assert bool(head.layer.weight.grad.isfinite().all())


def test_reasons_are_summed_over_all_chains() -> None:
    torch.manual_seed(1)
    head, seen = ReasonedGrades(3, 3, dimensions=["progress", "impact"]), torch.randn(3)
    scores = head.scores(seen).exp()
    total = torch.zeros(3)
    for one in range(3):
        for two in range(3):
            total += scores[0, one] * scores[1, two] * head.of_scores(torch.tensor([one, two])).exp()
    torch.testing.assert_close(head(seen).exp(), total)


@pytest.mark.parametrize("dimensions", [[], ["a", "a"], list("abcdef")])
def test_dimensions_that_cannot_be_are_refused(dimensions: list[str]) -> None:
    with pytest.raises(ConfigError, match="dimensions of reasons must differ"):
        ReasonedGrades(3, 5, dimensions=dimensions)
