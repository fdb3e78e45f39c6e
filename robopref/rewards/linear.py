"""A linear reward with a posterior: what is left unknown after some answers, without a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robopref.errors import ConfigError, DataError

Values = NDArray[np.float64]
_STEPS = 50
_SCALES = (0.03, 0.1, 0.3, 1.0, 3.0)


@dataclass(frozen=True)
class LinearReward:
    """Reward ``w . features`` under Bradley-Terry, with a Gaussian posterior of w.

    Attributes:
        mean: (F,) most likely weights.
        covariance: (F, F) of the Laplace approximation.
        evidence: Log of the marginal likelihood, approximately.
    """

    mean: Values
    covariance: Values
    evidence: float

    def score(self, features: Values) -> Values:
        """Score items (..., F) to (...)."""
        return features @ self.mean

    def draws(self, features: Values, count: int, rng: np.random.Generator) -> Values:
        """Scores by weights drawn from the posterior, as of an ensemble.

        Args:
            features: (..., F).
            count: Draws E.
            rng: Source of randomness.

        Returns:
            (E, ...).
        """
        weights = rng.multivariate_normal(self.mean, self.covariance, size=count, method="cholesky")
        return np.moveaxis(features @ weights.T, -1, 0)


def fit_linear(first: Values, second: Values, p: Values, *, scale: float = 1.0) -> LinearReward:
    """Fit a linear reward to answered pairs: Bayesian logistic regression on differences, by Newton's method.

    As only differences enter, swapping a pair changes nothing.

    Args:
        first: (N, F) features of the first items; none is fine.
        second: (N, F) of the second items.
        p: (N,) probability that the first is better.
        scale: Standard deviation of the weights before any answer.

    Returns:
        The reward and its posterior (Laplace approximation).

    Raises:
        ConfigError: The scale is not positive.
        DataError: The shapes differ.
    """
    if not scale > 0:
        raise ConfigError(f"scale must be positive, got {scale}")
    if first.shape != second.shape or first.ndim != 2 or p.shape != first.shape[:1]:
        raise DataError(f"expected (N, F), (N, F) and (N,), got {first.shape}, {second.shape} and {p.shape}")
    x = first - second
    prior = np.eye(x.shape[1]) / scale**2
    w = np.zeros(x.shape[1])
    for _ in range(_STEPS):
        chance = _sigmoid(x @ w)
        hessian = prior + (x * (chance * (1 - chance))[:, None]).T @ x
        step = np.linalg.solve(hessian, x.T @ (p - chance) - prior @ w)
        # Full Newton steps can overshoot where the link is flat.
        w = w + step / max(1.0, float(np.abs(x @ step).max(initial=0.0)) / 4)
        if np.abs(step).max(initial=0.0) < 1e-8:
            break
    z = x @ w
    chance = _sigmoid(z)
    hessian = prior + (x * (chance * (1 - chance))[:, None]).T @ x
    likelihood = -(p * np.logaddexp(0, -z) + (1 - p) * np.logaddexp(0, z)).sum()
    _, determinant = np.linalg.slogdet(hessian * scale**2)
    evidence = likelihood - 0.5 * w @ w / scale**2 - 0.5 * determinant
    return LinearReward(w, np.linalg.inv(hessian).astype(np.float64), float(evidence))


def fit_linear_by_evidence(
    first: Values, second: Values, p: Values, *, scales: Sequence[float] = _SCALES
) -> LinearReward:
    """The same with the scale of the weights under which the answers are least surprising (MacKay 1992).

    Args:
        first: (N, F) features of the first items.
        second: (N, F) of the second items.
        p: (N,) probability that the first is better.
        scales: To choose from.

    Returns:
        The reward of the greatest evidence.
    """
    return max((fit_linear(first, second, p, scale=scale) for scale in scales), key=lambda reward: reward.evidence)


def _sigmoid(z: Values) -> Values:
    return 0.5 * (1 + np.tanh(z / 2))
