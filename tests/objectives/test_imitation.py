"""Imitating good items, under different divergences."""

import math

import pytest
import torch

from robopref.errors import ConfigError
from robopref.objectives.imitation import imitate
from robopref.scores import SuccessTarget
from tests.objectives.preferences import outcomes, scores

DIVERGENCES = ["likelihood", "chi2", "hellinger", "kl"]
ALL = SuccessTarget(torch.ones(1, 1), torch.ones(1, 1))


@pytest.mark.parametrize(
    ("divergence", "value", "expected", "slope"),
    [
        # phi and its slope at v; the loss is -phi.
        ("likelihood", 2.0, 2.0, 1.0),
        ("chi2", 1.0, 0.75, 0.5),  # 1 - 1/4 and 1 - 1/2
        ("chi2", -2.0, -3.0, 2.0),
        ("hellinger", 1.0, 0.5, 0.25),  # 1/2 and 1/4
        ("hellinger", -0.25, -1 / 3, 16 / 9),  # -0.25/0.75 and 1/0.75^2
        ("hellinger", -1.5, -5.0, 4.0),  # the tangent -1 + 4 (-1)
        ("kl", -1.0, -1.0, 1.0),  # -e^0
        ("kl", 0.0, -math.exp(-1), math.exp(-1)),
        ("kl", -4.0, -2 * math.exp(2), math.exp(2)),  # the tangent -e^2 - e^2
    ],
)
def test_by_hand(divergence: str, value: float, expected: float, slope: float) -> None:
    given = scores(value)
    loss = imitate(given, ALL, divergence=divergence)
    loss.total.backward()
    assert loss.total.item() == pytest.approx(-expected, abs=1e-5)
    assert loss.terms["loss"].item() == loss.total.item()
    assert given.value.grad.item() == pytest.approx(-slope, abs=1e-5)


def test_items_count_by_weight_and_success() -> None:
    # Weights 1 * 1, 4 * 0.5 and 9 * 0: -(1 + 2 * 4) / 3 = -3
    given = scores(1, 4, 7)
    loss = imitate(given, outcomes((1, 1), (0.5, 4), (0, 9)))
    loss.total.backward()
    assert loss.total.item() == pytest.approx(-3)
    assert given.value.grad[0].tolist() == pytest.approx([-1 / 3, -2 / 3, 0])


@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_at_the_reference_descent_raises_what_is_imitated(divergence: str) -> None:
    given = scores(0, 0)
    imitate(given, outcomes((1, 1), (0, 1)), divergence=divergence).total.backward()
    assert given.value.grad[0, 0] < 0
    assert given.value.grad[0, 1] == 0


@pytest.mark.parametrize(("divergence", "edge"), [("hellinger", -0.5), ("kl", -3.0)])
def test_tangents_join_without_a_kink(divergence: str, edge: float) -> None:
    below, above = scores(edge - 1e-4), scores(edge + 1e-4)
    losses = [imitate(given, ALL, divergence=divergence).total for given in (below, above)]
    for loss in losses:
        loss.backward()
    assert losses[0].item() == pytest.approx(losses[1].item(), abs=5e-3)
    assert below.value.grad.item() == pytest.approx(above.value.grad.item(), rel=1e-2)


@pytest.mark.parametrize("divergence", DIVERGENCES)
@pytest.mark.parametrize("value", [-1e4, 1e4])
def test_large_scores_stay_finite(divergence: str, value: float) -> None:
    given = scores(value)
    imitate(given, ALL, divergence=divergence).total.backward()
    assert given.value.grad.isfinite().all()


@pytest.mark.parametrize("divergence", ["hellinger", "kl"])
def test_what_is_learnt_already_pulls_less(divergence: str) -> None:
    slopes = []
    for value in (-5.0, 0.0, 1.0, 4.0):
        given = scores(value)
        imitate(given, ALL, divergence=divergence).total.backward()
        slopes.append(-given.value.grad.item())
    assert slopes == sorted(slopes, reverse=True)
    assert slopes[-1] < 0.1 * slopes[1]


def test_chi2_turns_at_two_and_tells_how_many_did() -> None:
    given = scores(3, 2, 1, 9)
    loss = imitate(given, outcomes((1, 1), (1, 1), (1, 2), (0, 1)), divergence="chi2")
    loss.total.backward()
    assert loss.terms["turned"].item() == pytest.approx(0.25)
    assert given.value.grad[0, 0] > 0
    assert given.value.grad[0, 1].item() == pytest.approx(0, abs=1e-7)
    assert given.value.grad[0, 2] < 0
    assert set(imitate(given, ALL).terms) == {"loss"}


@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_items_of_no_weight_are_left_out(divergence: str) -> None:
    given = scores(1, -math.inf)
    loss = imitate(given, outcomes((1, 1), (1, 0)), divergence=divergence)
    assert loss.total.item() == pytest.approx(imitate(scores(1), ALL, divergence=divergence).total.item())


def test_an_unknown_divergence_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"unknown divergence 'helinger'.*Did you mean hellinger"):
        imitate(scores(1), ALL, divergence="helinger")
