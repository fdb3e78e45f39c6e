"""How many answers are wrong."""

import math

import pytest
import torch

from robopref.data.labels.lapse_rate import lapse_rate
from robopref.errors import DataError


def told(count: int, slope: float, wrong: float, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Margins, and answers that follow them by a logistic link and are then turned round in a share of cases."""
    generator = torch.Generator().manual_seed(seed)
    margins = torch.randn(count, generator=generator)
    first = torch.rand(count, generator=generator) < torch.sigmoid(slope * margins)
    flip = torch.rand(count, generator=generator) < wrong
    return margins, (first ^ flip).float()


def test_answers_that_follow_margins_great_and_small_but_one_in_eight() -> None:
    # A slope that makes all sure is likeliest, at which an answer follows the margin with probability 1 - e: one of
    # eight does not, (1 - e)^7 e, greatest at e = 1/8.
    margins = torch.tensor([100.0, -100.0, 100.0, -100.0, 20.0, 20.0, -20.0, -20.0])
    found = lapse_rate(margins, torch.tensor([1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0]))
    assert found.value == pytest.approx(0.125)
    best = 7 * math.log(0.875) + math.log(0.125)  # -3.01
    # No answer may be wrong, if even great margins say little: at a slope of 0.011 the chances are 0.75 and 0.55.
    assert 3 * math.log(0.75) + math.log(0.25) + 4 * math.log(0.555) > best - 1.92
    assert found.low == 0
    assert 7 * math.log(1 - 0.445) + math.log(0.445) > best - 1.92 > 7 * math.log(1 - 0.45) + math.log(0.45)
    assert found.high == pytest.approx(0.445)
    assert found.n == 8


@pytest.mark.parametrize("wrong", [0.0, 0.1, 0.4])
@pytest.mark.parametrize("slope", [1.0, 4.0])
def test_errors_of_small_margins_are_not_the_labelers(wrong: float, slope: float) -> None:
    found = lapse_rate(*told(6000, slope, wrong, seed=1))
    assert found.low - 0.02 <= wrong <= found.high + 0.02
    assert found.value == pytest.approx(wrong, abs=0.05)


def test_ties_say_nothing_and_answers_the_other_way_round_the_same() -> None:
    margins, p = told(500, 3.0, 0.2, seed=2)
    ties = torch.full((300,), 0.5)
    more = lapse_rate(torch.cat([margins, torch.ones(300)]), torch.cat([p, ties]))
    assert more == lapse_rate(margins, p) == lapse_rate(-margins, 1 - p)


@pytest.mark.parametrize(
    ("margins", "p"), [([], []), ([1.0], [0.5]), ([0.0, 0.0], [1.0, 0.0]), ([float("nan")], [1.0])]
)
def test_what_tells_nothing_is_refused(margins: list[float], p: list[float]) -> None:
    with pytest.raises(DataError, match="cannot be told"):
        lapse_rate(torch.tensor(margins), torch.tensor(p))
