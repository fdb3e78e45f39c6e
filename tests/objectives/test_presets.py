"""Every objective that configs/objective names keeps the contract of an objective."""

from functools import cache
from pathlib import Path

import pytest
import torch

from robopref.cli.building import build
from robopref.cli.configuration import compose_config
from robopref.errors import ConfigError
from robopref.protocols import Objective
from robopref.scores import PairTarget, Scores, SuccessTarget
from tests.objectives.preferences import drawn, preferences, scores

PRESETS = sorted(path.stem for path in (Path(__file__).parents[2] / "configs" / "objective").glob("*.yaml"))
OF_OUTCOMES = ["imitate", "kto", "pacs", "rko", "success"]
OF_GRADES = ["grade_likelihood", "grade_sampling"]  # of ratings; see test_grades.py
OF_PREFERENCES = [name for name in PRESETS if name not in (*OF_OUTCOMES, *OF_GRADES)]


@cache
def preset(name: str) -> Objective:
    return build(compose_config("config", [f"objective@rewards.implicit.objective={name}"]).rewards.implicit.objective)


def test_there_are_presets() -> None:
    assert {"bradley_terry", "plackett_luce", "ipo", *OF_OUTCOMES} <= set(PRESETS)


@pytest.mark.parametrize("name", OF_OUTCOMES)
def test_a_preset_of_outcomes_raises_successes_and_lowers_failures(name: str) -> None:
    given = scores(0.2, 0.1, 5)
    target = SuccessTarget(torch.tensor([[1.0, 0.0, 1.0]]), torch.tensor([[1.0, 1.0, 0.0]]))
    loss = preset(name)(given, target)
    loss.total.backward()
    success, failure, unknown = given.value.grad[0].tolist()
    assert success < 0
    assert failure > 0 or name == "imitate"
    assert unknown == 0
    assert loss.terms["loss"].item() == loss.total.item()


@pytest.mark.parametrize("name", OF_PREFERENCES)
def test_a_preset_raises_the_better_and_lowers_the_worse(name: str) -> None:
    given = scores(0.2, 0.1, 5)
    loss = preset(name)(given, preferences(3, (0, 1, 1.0, 1.0)))
    loss.total.backward()
    better, worse, stranger = given.value.grad[0].tolist()
    assert better < 0 < worse
    assert stranger == 0
    assert {"loss", "accuracy"} <= set(loss.terms)
    assert loss.terms["accuracy"].item() == 1


@pytest.mark.parametrize("name", OF_PREFERENCES)
def test_a_preset_takes_draws_and_nothing_but_ties(name: str) -> None:
    given = drawn((0.2, 0.4), (0.1, 0.0))
    preset(name)(given, preferences(2, (0, 1, 0.5, 1.0))).total.backward()
    assert given.draws.grad.isfinite().all()


@pytest.mark.parametrize("name", OF_PREFERENCES)
def test_a_preset_orders_what_it_is_told_from_both_sides(name: str) -> None:
    """Scores as free parameters come to order every pair of an ordering, asked either way round."""
    order = torch.tensor([2, 0, 1])
    p = (order[:, None] < order).float()
    value = torch.zeros(1, 3, requires_grad=True)
    objective, optimizer = preset(name), torch.optim.Adam([value], lr=0.05)
    for step in range(200):
        target = PairTarget(p[None], torch.ones(1, 3, 3).triu(1) if step % 2 else torch.ones(1, 3, 3).tril(-1))
        optimizer.zero_grad()
        objective(Scores(value), target).total.backward()
        optimizer.step()
    assert value[0].argsort(descending=True).tolist() == order.argsort().tolist()


def test_an_unknown_objective_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        ConfigError, match="no choice of objective; expected objective= one of anchored, bradley_terry"
    ) as caught:
        preset("bradley")
    assert "\n" not in str(caught.value)
