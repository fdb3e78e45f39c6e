"""The hypotheses that the grammar offers by itself, from what arrays the items have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from numpy.typing import NDArray

from robopref.explanation.feature_table import channels_of
from robopref.explanation.grammar import DURATION, SHOWN_FIRST, Feature, Series, parse_feature
from robopref.explanation.measures import OF_PICTURES, vectors

# Of the recording, and no behaviour.
BOOKKEEPING = frozenset({"snapshot", "candidates", "terminated", "truncated", "time", "event", "episode", "step"})
CAMERA = "camera"  # begins the names of arrays that say how items were filmed
_CHANNELS = 64  # of an array, beyond which its channels are not told one by one


def offered_features(
    arrays: Mapping[str, NDArray[Any]], named: Mapping[str, Series], *, several: bool
) -> list[Feature]:
    """What is tested where nobody says what to test.

    Args:
        arrays: Of one item, (T, ...) by name.
        named: Quantities that settings name.
        several: Whether items have several steps, so that what changes over them can be told.

    Returns:
        The features: of each channel its mean and change, how fast and how smoothly arrays change, how far named
        points are apart, what clouds and pictures look like, how long items are and which was shown first.
    """
    texts: list[str] = []
    summaries = ("mean", "change") if several else ("mean",)
    clouds: list[str] = []
    for name, array in arrays.items():
        if name in BOOKKEEPING or array.dtype.kind not in "biuf" or not array.size:
            continue
        if array.ndim == 4 and array.shape[3] == 3:
            texts += [f"mean({colour}({name}))" for colour in sorted(OF_PICTURES)]
        elif array.ndim == 3 and array.shape[2] >= 3 and name.rpartition(".")[2] == "points":
            clouds.append(name)
            for what in (f"extent({name})", f"height({name})"):
                texts += [f"last({what})", *([f"change({what})"] if several else [])]
        else:
            texts += _of_vectors(name, vectors(array).shape[1], summaries, moving=len(array) > 1)
    points: list[str] = []
    for name, series in named.items():
        size = channels_of(series, arrays)
        points += [name] if size == 3 else []
        if size == 1:
            texts += [f"{summary}({name})" for summary in (*summaries, "greatest")]
        else:
            texts += [f"mean(speed({name}))"] if several else []
    for pair in combinations(points, 2):
        texts += [
            f"{summary}(distance({', '.join(pair)}))" for summary in (("least", "last") if several else ("mean",))
        ]
    texts += [f"least(nearest({cloud}, {point}))" for cloud in clouds for point in points]
    found = [parse_feature(text, arrays, named) for text in [*texts, DURATION, SHOWN_FIRST]]
    return list({feature.name: feature for feature in found}.values())


def is_presentation(feature: Feature, arrays: Sequence[str]) -> bool:
    """Whether a feature is how an item was shown and not what was done.

    Args:
        feature: Which.
        arrays: Names of arrays that say how items were shown, beside those that begin with ``camera``.
    """
    shown = any(name in arrays or name.startswith(CAMERA) for name in feature.arrays)
    return feature.summary is None or shown or bool(feature.functions & OF_PICTURES)


def _of_vectors(name: str, channels: int, summaries: Sequence[str], *, moving: bool) -> list[str]:
    texts: list[str] = []
    if channels == 1:
        texts += [f"{summary}({name})" for summary in (*summaries, "greatest")]
    elif channels <= _CHANNELS:
        texts += [f"{summary}({name}[{channel}])" for channel in range(channels) for summary in summaries]
    if channels > 1:
        texts += [f"mean(norm({name}))"]
    if moving:
        texts += [f"mean(speed({name}))", f"greatest(speed({name}))", f"mean(jerk({name}))"]
    return texts
