"""Objectives across states: contrasts with what is alike, and near misses that count more."""

import math

import pytest
import torch

from robopref.errors import ConfigError
from robopref.objectives.classification import kahneman_tversky
from robopref.objectives.outside_draws import OutsideDraws
from robopref.objectives.pairwise import bradley_terry
from robopref.objectives.relative import relative_preference, relative_utility
from robopref.scores import PairTarget, Scores, SuccessTarget
from tests.objectives.preferences import outcomes, preferences, scores

# Two states at a right angle: over temperature 1, likenesses are e / (e + 1) = 0.731059 and 0.268941.
APART = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
FIRST_WINS = PairTarget(torch.ones(2, 2, 2), torch.ones(2, 2, 2).triu(1))


def of_states(*value: tuple[float, ...], state: torch.Tensor = APART) -> Scores:
    return Scores(torch.tensor(value, dtype=torch.float32, requires_grad=True), state=state)


def test_relative_preference_by_hand() -> None:
    # Winners 2 and 1, losers 1 and -1. Margins within: 1 and 2, times 0.731059: 0.731059 and 1.462117.
    # Across: 2 - (-1) = 3 and 1 - 1 = 0, times 0.268941: 0.806824 and 0.
    # -log s: 0.392987, 0.208432, 0.368990 and 0.693147; their mean is 0.415889.
    loss = relative_preference(of_states((2, 1), (1, -1)), FIRST_WINS, temperature=1.0)
    assert loss.total.item() == pytest.approx(0.415889, abs=1e-6)
    assert loss.terms["accuracy"].item() == 1
    assert loss.terms["loss"].item() == loss.total.item()


def test_cold_likeness_leaves_the_gradient_of_bradley_terry() -> None:
    # Two of the four contrasts are across states, and weigh nothing.
    given, plain = of_states((0.3, 0.1), (-0.2, 0.4)), of_states((0.3, 0.1), (-0.2, 0.4))
    relative_preference(given, FIRST_WINS, temperature=1e-3).total.backward()
    bradley_terry(plain, FIRST_WINS).total.backward()
    torch.testing.assert_close(2 * given.value.grad, plain.value.grad)


def test_winners_rise_against_losers_of_other_states() -> None:
    # Everything in the second state is a tie, which is not contrasted with anything across states.
    p = FIRST_WINS.p.clone()
    p[1] = 0.5
    given = of_states((0.0, 0.0), (0.0, 0.0))
    relative_preference(given, PairTarget(p, FIRST_WINS.weight), temperature=1.0).total.backward()
    assert given.value.grad[1].tolist() == [0, 0]
    # Alone: within the first state 1 of 2 contrasts counts, slope -0.731059 / 2 / 2; the tie makes up the rest.
    assert given.value.grad[0].tolist() == pytest.approx([-0.182765, 0.182765], abs=1e-6)
    given = of_states((0.0, 0.0), (0.0, 0.0))
    relative_preference(given, FIRST_WINS, temperature=1.0).total.backward()
    # Both contrasts of a winner: -(0.731059 + 0.268941) / 2 / 4.
    assert given.value.grad[:, 0].tolist() == pytest.approx([-0.125, -0.125])


def test_an_ordering_is_contrasted_as_it_was_compared() -> None:
    # 0 beats 1 beats 2: no contrast says that 1 beats 0 or 2 beats 1, so a perfect ordering has the least loss.
    target = preferences(3, (0, 1, 1.0, 1.0), (1, 2, 1.0, 1.0), (0, 2, 1.0, 1.0))
    found = relative_preference(scores(2, 0, -2), target)
    assert found.total.item() == pytest.approx(bradley_terry(scores(2, 0, -2), target).total.item())


@pytest.mark.parametrize("ignored", [math.inf, -math.inf])
def test_items_that_were_never_compared_are_in_no_contrast(ignored: float) -> None:
    loss = relative_preference(scores(1, 0, ignored), preferences(3, (0, 1, 1.0, 1.0)))
    assert loss.total.item() == pytest.approx(0.313262, abs=1e-6)


def test_relative_utility_by_hand() -> None:
    # One success and one failure a state, mean score 0, so the reference point is 0.
    # Likeness of success a to failures (a, b): (0.731059, 0.268941), by symmetry for b as well.
    # A success counts 1 + 0.731059, a failure 0.731059 + 0.268941 = 1.
    # 1 - s(1) = 0.268941 for all four: (2 * 1.731059 + 2) / (2 * 1.731059 + 2) * 0.268941.
    target = SuccessTarget(torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.ones(2, 2))
    loss = relative_utility(of_states((1, -1), (1, -1)), target, temperature=1.0)
    assert loss.total.item() == pytest.approx(0.268941, abs=1e-6)
    assert loss.terms["reference_point"].item() == 0
    # With the second state's success at -1 and failure at -3, the mean is -1 and the point stays 0:
    # (1.731059 * (0.268941 + 0.731059) + 0.268941 + s(-3) 0.047426) / 5.462117 = 0.374837
    loss = relative_utility(of_states((1, -1), (-1, -3)), target, temperature=1.0)
    assert loss.total.item() == pytest.approx(0.374837, abs=1e-5)


def test_near_misses_count_more_than_failures_elsewhere() -> None:
    # A success in the first state, failures in both: they count 0.731059 and 0.268941 to its 1.731059.
    # All scores are 0, so slopes are s'(0) = 1/4 of these, over their sum 2.731059.
    target = SuccessTarget(torch.tensor([[1.0, 0.0], [0.0, 0.0]]), torch.tensor([[1.0, 1.0], [0.0, 1.0]]))
    given = Scores(torch.tensor([[0.0, 0.0], [9.0, 0.0]], requires_grad=True), state=APART)
    relative_utility(given, target, temperature=1.0).total.backward()
    expected = [[-1.731059 / 4 / 2.731059, 0.731059 / 4 / 2.731059], [0.0, 0.268941 / 4 / 2.731059]]
    torch.testing.assert_close(given.value.grad, torch.tensor(expected), atol=1e-6, rtol=1e-5)


def test_among_successes_alone_it_is_kahneman_tversky() -> None:
    given = outcomes((1, 1), (1, 3))
    one, other = (made(scores(1, 2), given).total.item() for made in (relative_utility, kahneman_tversky))
    assert one == pytest.approx(other)


def test_encodings_go_through_wrappers() -> None:
    draws = torch.tensor([[[2.0], [1.0]], [[1.0], [-1.0]]])
    given = Scores(draws.mean(-1), draws=draws, state=APART)
    plain = relative_preference(given, FIRST_WINS).total
    assert OutsideDraws(relative_preference)(given, FIRST_WINS).total == plain


@pytest.mark.parametrize(
    ("made", "target"),
    [(relative_preference, FIRST_WINS), (relative_utility, SuccessTarget(torch.eye(2), torch.ones(2, 2)))],
)
def test_what_cannot_be_compared_is_refused(made, target) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ConfigError, match=r"say nothing of their states; choose it for rewards\.implicit"):
        made(Scores(torch.zeros(2, 2)), target)
    with pytest.raises(ConfigError, match="temperature of the likeness of states must be positive, got 0"):
        made(of_states((0.0, 0.0), (0.0, 0.0)), target, temperature=0)
