"""How varied candidates are: a policy that learns from its own best samples draws them ever more alike."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from robopref.errors import ConfigError

_NEAREST = 1e-6  # two candidates that are the same, as where actions are cut off, are as near as this


def candidate_entropy(chunks: ArrayLike) -> float:
    """Entropy of a policy's chunks, the mean over states (Kozachenko and Leonenko 1987, nearest neighbours).

    Args:
        chunks: (S, N, ...) candidates, N at least 2.

    Returns:
        Nats of one dimension of a chunk. Twice the spread everywhere is log 2 more.

    Raises:
        ConfigError: A state has one candidate.
    """
    points = np.asarray(chunks, np.float64)
    points = points.reshape(*points.shape[:2], -1)
    count, dim = points.shape[1:]
    if count < 2:
        raise ConfigError(f"entropy is estimated from at least 2 candidates of a state, got {count}")
    apart = np.linalg.norm(points[:, :, None] - points[:, None], axis=-1)
    apart[:, np.arange(count), np.arange(count)] = np.inf
    nearest = np.maximum(apart.min(axis=-1), _NEAREST)
    ball = dim / 2 * math.log(math.pi) - math.lgamma(dim / 2 + 1)  # log-volume of the unit ball
    harmonic = sum(1 / k for k in range(1, count))  # digamma(N) - digamma(1)
    return (harmonic + ball) / dim + float(np.log(nearest).mean())
