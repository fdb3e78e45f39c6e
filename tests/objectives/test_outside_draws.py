"""The mean over draws, outside of an objective."""

import math

import pytest
import torch

from robopref.objectives.outside_draws import OutsideDraws
from robopref.objectives.pairwise import bradley_terry
from robopref.scores import Scores
from tests.objectives.preferences import drawn, preferences, scores

TARGET = preferences(2, (0, 1, 1.0, 1.0))


def test_by_hand() -> None:
    # Margins 3 and -1: (0.048587 + 1.313262) / 2 = 0.680925, where their mean, 1, costs 0.313262.
    given = drawn((3.0, 0.0), (0.0, 1.0))
    outside = OutsideDraws(bradley_terry)(given, TARGET)
    assert outside.total.item() == pytest.approx(0.680925, abs=1e-6)
    assert outside.terms["loss"].item() == pytest.approx(0.680925, abs=1e-6)
    assert outside.terms["accuracy"].item() == 0.5
    assert bradley_terry(given, TARGET).total.item() == pytest.approx(0.313262, abs=1e-6)


def test_exact_scores_go_straight_through() -> None:
    assert OutsideDraws(bradley_terry)(scores(1, 0), TARGET).total.item() == pytest.approx(0.313262, abs=1e-6)


def test_outside_is_never_less_than_inside() -> None:
    draws = torch.randn(50, 2, 6, generator=torch.Generator().manual_seed(0))
    for row in draws[:, None]:
        given = Scores(row.mean(-1), draws=row)
        assert OutsideDraws(bradley_terry)(given, TARGET).total >= bradley_terry(given, TARGET).total - 1e-6


def test_gradients_reach_every_draw() -> None:
    given = drawn((3.0, 0.0), (0.0, 1.0))
    OutsideDraws(bradley_terry)(given, TARGET).total.backward()
    # -sigmoid(-m) / 2 for each draw: m = 3 and -1.
    expected = [-0.5 / (1 + math.exp(3)), -0.5 / (1 + math.exp(-1))]
    assert given.draws.grad[0, 0].tolist() == pytest.approx(expected, abs=1e-6)
