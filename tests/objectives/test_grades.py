"""Objectives of grades: likelihoods and rewards by hand, and what a step of learning changes."""

from functools import partial
from math import exp, log

import pytest
import torch
from torch import Tensor

from robopref.errors import ConfigError
from robopref.objectives.grades import grade_likelihood, grade_sampling, linear_reward, nonlinear_reward
from robopref.scores import Scores, SuccessTarget


def scored(*probabilities: list[float]) -> Scores:
    """One item a question, whose grades have these probabilities."""
    grades = torch.tensor(probabilities, dtype=torch.float64).log()[:, None]
    return Scores(torch.zeros(len(grades), 1, dtype=torch.float64), grades=grades)


def rated(*y: float, weight: tuple[float, ...] | None = None) -> SuccessTarget:
    values = torch.tensor(y, dtype=torch.float64)[:, None]
    return SuccessTarget(values, torch.ones_like(values) if weight is None else torch.tensor(weight).double()[:, None])


def test_likelihood_is_that_of_the_known_grade() -> None:
    loss = grade_likelihood(scored([0.7, 0.2, 0.1], [0.25, 0.25, 0.5]), rated(0, 1))
    assert float(loss.total) == pytest.approx(-(log(0.7) + log(0.5)) / 2)
    assert float(loss.terms["exact"]) == 1


def test_a_rating_between_two_grades_counts_for_both() -> None:
    # 0.25 of the way from the first of three grades to the last is half-way to the second.
    loss = grade_likelihood(scored([0.7, 0.2, 0.1]), rated(0.25))
    assert float(loss.total) == pytest.approx(-0.5 * log(0.7) - 0.5 * log(0.2))
    assert float(loss.terms["off"]) == pytest.approx(0.5)


def test_what_has_no_weight_or_is_impossible_elsewhere_does_not_count() -> None:
    loss = grade_likelihood(scored([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]), rated(0, 1, weight=(1, 0)))
    assert float(loss.total) == 0


def test_rewards_of_a_distance() -> None:
    gap = torch.tensor([0.0, 1.0, 4.0])
    torch.testing.assert_close(nonlinear_reward(gap, 5), torch.tensor([1, exp(-2), exp(-8)]))
    torch.testing.assert_close(linear_reward(gap, 5), torch.tensor([1, 0.75, 0]))


def test_sampling_is_worth_minus_the_expected_reward() -> None:
    loss = grade_sampling(scored([0.7, 0.2, 0.1]), rated(0), reward=linear_reward)
    assert float(loss.total) == pytest.approx(-(0.7 * 1 + 0.2 * 0.5 + 0.1 * 0))
    assert float(grade_sampling(scored([0.7, 0.2, 0.1]), rated(0)).terms["reward"]) == pytest.approx(
        0.7 + 0.2 * exp(-2) + 0.1 * exp(-4)
    )


def gradient(objective: object, logits: Tensor, y: float) -> Tensor:
    leaf = logits.clone().requires_grad_()
    objective(Scores(torch.zeros(1, 1), grades=leaf.log_softmax(-1)[None, None]), rated(y)).total.backward()  # type: ignore[operator]
    assert leaf.grad is not None
    return leaf.grad


def test_its_gradient_is_that_of_advantages() -> None:
    # Two grades, equally likely. Of many draws half hit: rewards 1 and r, so advantages +1 and -1, and the gradient of
    # -mean(A log p) by the logit of the hit is -(1/2 * 1 * (1 - 1/2) + 1/2 * -1 * (0 - 1/2)) = -1/2.
    objective = partial(grade_sampling, samples=20_000)
    found = gradient(objective, torch.zeros(2, dtype=torch.float64), 1.0)
    torch.testing.assert_close(found, torch.tensor([0.5, -0.5], dtype=torch.float64), atol=0.01, rtol=0)


def test_same_scores_same_draws() -> None:
    logits = torch.tensor([0.3, -0.2, 0.1])
    assert torch.equal(gradient(grade_sampling, logits, 0.5), gradient(grade_sampling, logits, 0.5))


def test_a_near_miss_is_nearly_a_hit_by_linear_rewards_alone() -> None:
    # The middle grade is one away from either end: half a reward as linear ones go, whichever is guessed.
    split = [0.5, 0.0, 0.5]
    ends = (rated(0), rated(1))

    def worth(probabilities: list[float], reward: object) -> float:
        made = [grade_sampling(scored(probabilities), end, reward=reward) for end in ends]  # type: ignore[arg-type]
        return -sum(float(one.total) for one in made) / 2

    assert worth(split, linear_reward) == pytest.approx(worth([0.0, 1.0, 0.0], linear_reward))
    assert worth(split, nonlinear_reward) > 2 * worth([0.0, 1.0, 0.0], nonlinear_reward)


def test_entropy_is_paid_for() -> None:
    logits = torch.tensor([2.0, 0.0, -1.0], dtype=torch.float64)
    more = gradient(partial(grade_sampling, entropy=1.0), logits, 0.0) - gradient(grade_sampling, logits, 0.0)
    assert more[0] > 0  # descent lowers what is likeliest
    assert float(more.sum()) == pytest.approx(0, abs=1e-9)


def test_what_cannot_be_learnt_from_is_refused() -> None:
    with pytest.raises(ConfigError, match="reward=ordinal"):
        grade_likelihood(Scores(torch.zeros(1, 1)), rated(0))
    with pytest.raises(ConfigError, match="samples must be 2 or more"):
        grade_sampling(scored([0.5, 0.5]), rated(0), samples=1)
