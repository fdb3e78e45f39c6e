"""Weights of several rewards, and of features beside them, as settings say them; nothing is computed here."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

from robopref.errors import ConfigError, unknown_name

_MOST = 1e6  # beyond its inverse and this, float32 loses a reward beside the others


def checked_weights(
    weights: Mapping[str, float] | None, features: Mapping[str, str] | None
) -> tuple[dict[str, float], dict[str, str]]:
    """Weights, and features by name, that can make a sum.

    Args:
        weights: By the name of a reward or of a feature; 0 leaves it out.
        features: By name.

    Returns:
        Both, as numbers and as texts.

    Raises:
        ConfigError: No weight is positive, or one is negative, not finite, or out of all proportion; or a feature has
            none.
    """
    found = {str(name): float(weight) for name, weight in (weights or {}).items()}
    named = {str(name): str(said) for name, said in (features or {}).items()}
    wrong = [name for name, weight in found.items() if not (math.isfinite(weight) and weight >= 0)]
    if wrong:
        raise ConfigError(
            f"weights of a weighted ranker must be finite and not negative, got {found[wrong[0]]:g} for "
            f"{wrong[0]}; of a reward, more is better, so train one of what you want less of on answers that say so"
        )
    lost = [name for name, weight in found.items() if weight and not 1 / _MOST <= weight <= _MOST]
    if lost:
        raise ConfigError(
            f"weights of a weighted ranker must be 0 or in [{1 / _MOST:g}, {_MOST:g}], got "
            f"{found[lost[0]]:g} for {lost[0]}; what counts is how large they are beside each other"
        )
    if not any(found.values()):
        raise ConfigError(
            "a weighted ranker needs a weight above zero: ranker.rule.weights={<reward>: 1, <reward>: 0.3}, by the "
            f"names of rewards.*, got {found or 'none'}"
        )
    for name in named:
        if name not in found:
            raise unknown_name("name in ranker.rule.features, without a weight in ranker.rule.weights,", name, found)
    return found, named


def require_named(weights: Collection[str], features: Collection[str], names: Collection[str]) -> None:
    """Demand that every weight is of a reward that there is, or of a feature.

    Args:
        weights: Names that have weights.
        features: Names of features.
        names: Of the rewards.

    Raises:
        ConfigError: One is not, and the line says which are near; or a feature is called as a reward is.
    """
    for name in features:
        if name in names:
            raise ConfigError(f"ranker.rule.features.{name} is called as a reward is; give it another name")
    for name in weights:
        if name not in (known := [*names, *features]):
            raise unknown_name("reward, or feature of ranker.rule.features, in ranker.rule.weights", name, known)
