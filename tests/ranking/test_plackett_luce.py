"""An order is drawn with the probability that it says."""

from collections import Counter
from itertools import permutations

import pytest
import torch

from robopref.data.labels.drawn_orders import order_probability
from robopref.errors import ConfigError
from robopref.ranking.plackett_luce import PlackettLuce


def test_chances_are_a_softmax_of_standardised_scores() -> None:
    # Mean 1, standard deviation sqrt(2/3) = .816497: -1.224745, 0 and 1.224745, halved twice by the temperature of 2:
    # exp(-.612372) = .542063, 1 and exp(.612372) = 1.844804, of 3.386867 together.
    found = PlackettLuce(2.0).chances(torch.tensor([0.0, 1.0, 2.0]))
    assert found.tolist() == pytest.approx([0.160048, 0.295258, 0.544693], abs=1e-5)
    # In units of the scores' own spread.
    torch.testing.assert_close(PlackettLuce(2.0).chances(torch.tensor([5.0, 15.0, 25.0])), found)


def test_orders_come_as_often_as_they_should() -> None:
    drawn, generator = PlackettLuce(1.0), torch.Generator().manual_seed(0)
    scores = torch.tensor([0.0, 0.5, 2.0])
    chances, count = drawn.chances(scores), 6000
    seen: Counter[tuple[int, ...]] = Counter()
    for _ in range(count):
        order, said = drawn.draw(scores, generator)
        seen[tuple(order)] += 1
        assert said == chances[order].tolist()
    for order in permutations(range(3)):
        wanted = order_probability(chances[list(order)].tolist())
        assert seen[order] / count == pytest.approx(wanted, abs=4 * (wanted * (1 - wanted) / count) ** 0.5)


def test_equal_scores_are_as_likely_and_far_ones_still_possible() -> None:
    assert PlackettLuce(0.5).chances(torch.ones(4)).tolist() == [0.25] * 4
    assert PlackettLuce(0.5).chances(torch.zeros(1)).tolist() == [1.0]
    far = PlackettLuce(1e-3).chances(torch.tensor([0.0, 1.0]))
    assert 0 < float(far[0]) < 1e-20
    order, _ = PlackettLuce(1e-3).draw(torch.tensor([0.0, 1.0]), torch.Generator().manual_seed(0))
    assert order == [1, 0]


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_a_temperature_is_positive(temperature: float) -> None:
    with pytest.raises(ConfigError, match="positive"):
        PlackettLuce(temperature)
