"""Features of candidates, each with the way in which it is better."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from robopref.errors import ConfigError
from robopref.explanation.grammar import Feature, Series, directed, parse_feature


def candidate_feature(
    said: str, arrays: Collection[str] | None, own: Collection[str], named: Mapping[str, Series] | None = None
) -> tuple[int, Feature]:
    """Read a feature that tells candidates of a state apart.

    Args:
        said: ``more`` or ``less`` and a feature, such as ``less mean(jerk(action))``.
        arrays: Names of the arrays that there are; None if they are not known yet.
        own: Those of them that differ between candidates.
        named: Names of series, see `robopref.explanation.grammar.parse_named`.

    Returns:
        1 if more of it is better, -1 if less; and the feature.

    Raises:
        ConfigError: It is no feature of these arrays, does not say which way is better, or is alike for all candidates.
    """
    sign, text = directed(said)
    if not sign:
        raise ConfigError(
            f"{said[:80]!r} does not say which way is better; write more or less before the feature, as in "
            "'less mean(jerk(action))'"
        )
    feature = parse_feature(text, arrays, named)
    if not (feature.arrays if arrays is None else feature.arrays.intersection(own)):
        raise ConfigError(
            f"{feature.name} is alike for all candidates of a state; features of candidates look at {' or '.join(own)}"
        )
    return sign, feature
