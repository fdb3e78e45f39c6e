"""Datasets put together and taken apart."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, Literal

import numpy as np

from robopref.data.episode_formats import episode_attrs
from robopref.data.episode_formats.dataset import Dataset, Episode
from robopref.errors import ConfigError, DataError

# Attributes that must agree for episodes to be of one kind; the others only say where they came from.
_MEANING = ("task", "options", "instruction", "instructions", "geometry", "fps", "observations")


def merge(datasets: Sequence[Dataset], *, attributes: Literal["same", "first"] = "same", drop: str = "drop") -> Dataset:
    """One dataset of the episodes of several, in their order.

    Args:
        datasets: The datasets, at least two.
        attributes: ``same`` wants what they say about their task to be equal; ``first`` keeps what the first says.
        drop: The setting that leaves arrays out, for the message that says what differs.

    Returns:
        The dataset. Attributes that all have alike are kept; ``merged`` lists where the episodes are from.

    Raises:
        ConfigError: There are fewer than two, or `attributes` is neither.
        DataError: Their arrays or attributes differ; the message says in what.
    """
    if len(datasets) < 2:
        raise ConfigError("merging takes two datasets or more")
    if attributes not in ("same", "first"):
        raise ConfigError(f"attributes must be same or first, got {attributes!r}")
    one = datasets[0]
    differences = [line for other in datasets[1:] for line in _differences(one, other)]
    if differences:
        raise DataError(
            f"cannot merge: {'; '.join(differences)}. Leave arrays out with {drop}=[…], or rename them with "
            "robopref data convert"
        )
    differing = {
        name
        for other in datasets[1:]
        for name in {*one.attrs, *other.attrs} - {episode_attrs.NAME}
        if _json(one.attrs.get(name)) != _json(other.attrs.get(name))
    }
    unlike = sorted(differing & set(_MEANING))
    if unlike and attributes == "same":
        said = "; ".join(
            f"{name} is {' and '.join(_brief(dataset.attrs.get(name)) for dataset in datasets)}" for name in unlike
        )
        raise DataError(f"cannot merge data of different tasks: {said}. attributes=first keeps what the first says")
    kept = {name: value for name, value in one.attrs.items() if name not in differing or name in _MEANING}
    kept["merged"] = [
        {"path": str(dataset.path), "episodes": dataset.count}
        | {name: dataset.attrs[name] for name in sorted(differing) if name in dataset.attrs and name not in _MEANING}
        for dataset in datasets
    ]
    count = sum(dataset.count for dataset in datasets)
    told = [one for dataset in datasets for one in episode_attrs.told(dataset.attrs, dataset.count)]
    return Dataset(one.path, episode_attrs.telling(kept, told), count, lambda: chain.from_iterable(datasets))


def split(
    dataset: Dataset, fraction: float, *, by: Literal["episode", "order"] = "episode", seed: int = 0
) -> tuple[Dataset, Dataset]:
    """Two datasets of the episodes of one; none is cut.

    Args:
        dataset: The dataset.
        fraction: Share of the episodes in the first, in (0, 1).
        by: ``episode`` draws them at random, ``order`` takes the first ones.
        seed: Of the draw.

    Returns:
        Both, their episodes in the order in which they were.

    Raises:
        ConfigError: The fraction is out of range, or `by` is neither.
        DataError: One of the two would have no episodes.
    """
    if not 0 < fraction < 1:
        raise ConfigError(f"fraction must be between 0 and 1, got {fraction}")
    if by not in ("episode", "order"):
        raise ConfigError(f"by must be episode or order, got {by!r}")
    size = round(fraction * dataset.count)
    if not 0 < size < dataset.count:
        raise DataError(f"fraction={fraction} of the {dataset.count} episodes of {dataset.path} leaves one part empty")
    order = np.random.default_rng(seed).permutation(dataset.count) if by == "episode" else np.arange(dataset.count)
    chosen = set(order[:size].tolist())
    return _part(dataset, chosen), _part(dataset, set(range(dataset.count)) - chosen)


def _part(dataset: Dataset, chosen: set[int]) -> Dataset:
    def load() -> Iterator[Episode]:
        return (episode for number, episode in enumerate(dataset) if number in chosen)

    told = episode_attrs.told(dataset.attrs, dataset.count)
    attrs = episode_attrs.telling(dataset.attrs, [told[number] for number in sorted(chosen)])
    return replace(dataset, attrs=attrs, count=len(chosen), load=load)


def _differences(one: Dataset, other: Dataset) -> Iterator[str]:
    mine, theirs = one.first(), other.first()
    for key in sorted(set(mine) ^ set(theirs)):
        has, lacks = (one.path, other.path) if key in mine else (other.path, one.path)
        yield f"{has} has {key}, {lacks} has not"
    for key in sorted(set(mine) & set(theirs)):
        a, b = mine[key], theirs[key]
        if (a.dtype, a.shape[1:]) != (b.dtype, b.shape[1:]):
            yield f"{key} is {a.dtype} {a.shape[1:]} in {one.path} and {b.dtype} {b.shape[1:]} in {other.path}"


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _brief(value: Any) -> str:
    text = _json(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
