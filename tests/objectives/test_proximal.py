"""The anchor beside preferences: what it adds, where it is least, and what it stops."""

import math
from functools import partial
from typing import Any

import pytest
import torch

from robopref.cli.building import build
from robopref.cli.configuration import compose_config
from robopref.errors import ConfigError
from robopref.objectives.pairwise import bradley_terry, conservative
from robopref.objectives.proximal import ProximalAnchor
from robopref.scores import PairTarget, Scores
from tests.objectives.preferences import preferences, scores

TARGET = preferences(3, (0, 1, 1.0, 1.0))


def test_by_hand() -> None:
    # -log s(2 - 1) = 0.313262. Of 2: log s(2) = -0.126928 and log s(-2) = -2.126928, minus half their sum 1.126928;
    # of 1: -0.313262 and -1.313262, 0.813262. Their sum is 1.940190, and the third item is in no pair.
    loss = ProximalAnchor(bradley_terry)(scores(2, 1, 9), TARGET)
    assert loss.terms["anchor"].item() == pytest.approx(1.940190, abs=1e-5)
    assert loss.total.item() == pytest.approx(0.313262 + 1.940190, abs=1e-5)
    assert loss.terms["loss"].item() == pytest.approx(0.313262, abs=1e-6)
    half = ProximalAnchor(bradley_terry, 0.5)(scores(2, 1, 9), TARGET)
    assert half.total.item() == pytest.approx(0.313262 + 0.5 * 1.940190, abs=1e-5)


def test_slopes_by_hand() -> None:
    # Of the pair -s(-1) = -0.268941 and 0.268941; of the anchor s(2) - 1/2 = 0.380797 and s(1) - 1/2 = 0.231059.
    given = scores(2, 1, 9)
    ProximalAnchor(bradley_terry)(given, TARGET).total.backward()
    assert given.value.grad[0].tolist() == pytest.approx([0.380797 - 0.268941, 0.231059 + 0.268941, 0], abs=1e-6)


def test_an_item_counts_in_every_pair_that_it_is_in() -> None:
    # Item 0 is in both pairs, weights 1 and 3: (4 a(0) + 1 a(1) + 3 a(2)) / 4 with a(0) = log 2, a(1), a(2) as above.
    target = preferences(3, (0, 1, 1.0, 1.0), (0, 2, 0.0, 3.0))
    loss = ProximalAnchor(bradley_terry)(scores(0, 1, 2), target)
    expected = (4 * math.log(2) + 0.813262 + 3 * 1.126928) / 4
    assert loss.terms["anchor"].item() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("ignored", [math.inf, -math.inf])
def test_items_that_were_never_compared_are_not_anchored(ignored: float) -> None:
    loss = ProximalAnchor(bradley_terry)(scores(2, 1, ignored), TARGET)
    assert loss.total.item() == pytest.approx(0.313262 + 1.940190, abs=1e-5)


@pytest.mark.parametrize("shift", [-3.0, 3.0])
def test_a_common_shift_that_preferences_cannot_see_costs(shift: float) -> None:
    anchored = ProximalAnchor(bradley_terry)
    assert anchored(scores(0.5 + shift, -0.5 + shift, 0), TARGET).total > anchored(scores(0.5, -0.5, 0), TARGET).total


def test_the_margin_of_a_sure_pair_stays_finite() -> None:
    # Where s(-2 v) = s(v) - 1/2, with scores v and -v: v = 0.756308, as x = e^v solves x^3 - x^2 - x - 3 = 0.
    value = torch.zeros(1, 2, requires_grad=True)
    optimizer = torch.optim.Adam([value], lr=0.05)
    target = PairTarget(torch.ones(1, 2, 2), torch.ones(1, 2, 2).triu(1))
    for _ in range(500):
        optimizer.zero_grad()
        ProximalAnchor(bradley_terry)(Scores(value), target).total.backward()
        optimizer.step()
    assert value[0].tolist() == pytest.approx([0.756308, -0.756308], abs=1e-3)


def test_any_objective_of_pairs_is_anchored_from_the_command_line() -> None:
    words = ["method=anchored_dpo", "objective@rewards.implicit.objective.objective=conservative"]
    settings: Any = compose_config("config", [*words, "rewards.implicit.objective.objective.flip=0.3"])
    made = build(settings.rewards.implicit.objective)(scores(2, 1, 9), TARGET)
    expected = ProximalAnchor(partial(conservative, flip=0.3))(scores(2, 1, 9), TARGET)
    assert made.total.item() == pytest.approx(expected.total.item())


def test_flowpro_imitates_what_was_preferred_beside() -> None:
    made = build(compose_config("config", ["method=flowpro"]).rewards.implicit.objective)(scores(2, 1, 9), TARGET)
    assert made.total.item() == pytest.approx(0.313262 + 1.940190 - 0.33 * 2, abs=1e-5)


@pytest.mark.parametrize("strength", [-0.1, math.nan])
def test_a_negative_strength_is_refused(strength: float) -> None:
    with pytest.raises(ConfigError, match="strength of the anchor must not be negative"):
        ProximalAnchor(bradley_terry, strength)
