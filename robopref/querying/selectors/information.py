"""How much the answer to a pair would tell, from the margins that the members of an ensemble give it.

A margin is the score of the first item less that of the second, as log-odds of the first being preferred. All functions
take (E, N) margins of N pairs and return (N,) values, the larger the better to ask.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robopref.errors import ConfigError, DataError

Values = NDArray[np.float64]
_TARGETS = 256  # pairs that an answer may tell about


def disagreement(margins: Values) -> Values:
    """Variance between members of the probability that the first item is preferred (Lee et al. 2021).

    Args:
        margins: (E, N).

    Returns:
        (N,) in [0, 0.25].
    """
    return _chance(margins).var(axis=0)


def entropy(margins: Values) -> Values:
    """Entropy of the expected answer, in nats.

    Also large for pairs of which every member knows that they are nearly equal: their answer is noise.

    Args:
        margins: (E, N).

    Returns:
        (N,) in [0, log 2].
    """
    return _entropy(_chance(margins).mean(axis=0))


def mutual_information(margins: Values) -> Values:
    """What the answer is expected to tell about the reward, in nats (BALD, Houlsby et al. 2011).

    The entropy of the mean answer less the mean entropy of the answer: uncertain to the ensemble, yet sure to each of
    its members.

    Args:
        margins: (E, N).

    Returns:
        (N,) in [0, log 2].
    """
    chance = _chance(margins)
    # Rounding can make the difference of equal numbers negative.
    return np.maximum(_entropy(chance.mean(axis=0)) - _entropy(chance).mean(axis=0), 0)


def predictive_information(margins: Values) -> Values:
    """What the answer is expected to tell about the other answers, in nats (EPIG, Bickford Smith et al. 2023).

    Mutual information with the reward is largest for pairs that are unlike all others; what is learnt from such a pair
    may be of no use for these. Here the mean over the pairs that could be asked counts, 256 of them at most, spread
    evenly.

    Args:
        margins: (E, N).

    Returns:
        (N,) in [0, log 2].
    """
    chance = _chance(margins)
    some = np.unique(np.linspace(0, chance.shape[1] - 1, _TARGETS).round().astype(int))
    here, there = chance, chance[:, some]
    told = np.zeros((here.shape[1], len(some)))
    for mine in (here, 1 - here):
        for other in (there, 1 - there):
            both = mine.T @ other / len(chance)
            apart = np.outer(mine.mean(axis=0), other.mean(axis=0))
            told += both * (np.log(np.maximum(both, 1e-300)) - np.log(np.maximum(apart, 1e-300)))
    # What a pair tells about itself is known as soon as it is asked.
    told[some, np.arange(len(some))] = 0
    others = len(some) - np.isin(np.arange(len(told)), some)
    return np.maximum(told.sum(axis=1) / np.maximum(others, 1), 0)


def per_second(values: Values, seconds: Values) -> Values:
    """What an answer tells per second of a person's time.

    Args:
        values: (N,) what each answer tells.
        seconds: (N,) how long each is expected to take.

    Returns:
        (N,).

    Raises:
        ConfigError: A time is not positive.
    """
    if not (np.asarray(seconds) > 0).all():
        raise ConfigError(f"the time of an answer must be positive, got {np.min(seconds)}")
    return values / seconds


def _chance(margins: Values) -> Values:
    margins = np.asarray(margins, dtype=np.float64)
    if margins.ndim != 2 or not len(margins):
        raise DataError(f"margins must be (E, N) of at least one member, got {margins.shape}")
    return 0.5 * (1 + np.tanh(margins / 2))


def _entropy(chance: Values) -> Values:
    inside = np.clip(chance, 1e-300, 1)
    outside = np.clip(1 - chance, 1e-300, 1)
    return -(chance * np.log(inside) + (1 - chance) * np.log(outside))
