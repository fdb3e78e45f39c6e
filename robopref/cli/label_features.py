"""Which kinds of questions `robopref label` asks, and the features that some of them are about."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.asked_features import AskedFeature
from robopref.cli.asked_features import SAID, asked_features
from robopref.cli.context import Context
from robopref.cli.quantities import named_quantities
from robopref.data.episodes.store import EpisodeStore
from robopref.errors import ConfigError, DataError, unknown_name
from robopref.explanation.feature_table import evaluate
from robopref.explanation.grammar import DURATION, SHOWN_FIRST, Feature, parse_feature
from robopref.explanation.offered import is_presentation, offered_features
from robopref.explanation.wording import in_words
from robopref.labelers.arrays import arrays_of
from robopref.querying.feature_queries import feature_queries, ranged
from robopref.records import FEATURE_KINDS, Item, Query, QueryKind

Values = NDArray[np.float64]
_MEASURED = 400  # items that say how far a feature goes, and of which examples are taken
_CLOSENESS = frozenset({"distance", "nearest"})  # of which too little is bad, unless something else is said


class LabelFeatures:
    """Features that questions are about: those of ``label.features``, or what explanations would offer.

    Args:
        context: Of the run.
        dataset: Of the items.
        items: Those that questions are about.
        instruction: What they are judged by.

    Raises:
        ConfigError: What settings name is no feature of these items, or is the same for all.
    """

    def __init__(self, context: Context, dataset: EpisodeStore, items: Sequence[Item], instruction: str) -> None:
        self._instruction, self._lookup, self._source = instruction, arrays_of(dataset), items[0].source
        rng = np.random.default_rng(context.seed)
        chosen = rng.permutation(len(items))[:_MEASURED]
        self.items = [items[row] for row in sorted(chosen.tolist())]
        example = self._lookup(self.items[0])
        named = named_quantities(None, dataset, example)
        said = asked_features(context.config.label.features)
        if said is None:
            offered = offered_features(example, named, several=self.items[0].stop - self.items[0].start > 1)
            found = {one.name: (one, {}) for one in offered if not is_presentation(one, ())}
        else:
            found = {name: (_parsed(name, one, example, named), one) for name, one in said.items()}
        self._features = {name: feature for name, (feature, _) in found.items()}
        self.values = np.array([self._of(item) for item in self.items]).reshape(len(self.items), -1)
        self.described = tuple(
            self._described({name: told for name, (_, told) in found.items()}, strict=said is not None)
        )
        kept = [list(self._features).index(feature.name) for feature in self.described]
        self._features = {feature.name: self._features[feature.name] for feature in self.described}
        self.values = self.values[:, kept]

    def of(self, item: Item) -> Values:
        """(F,) the features of an item, in their own units."""
        return np.array(self._of(item))

    def queries(self, kind: QueryKind) -> list[Query]:
        """One question of a kind about each feature."""
        return feature_queries(
            self.described, self.items, self.values, kind=kind, instruction=self._instruction
        )  # fmt: skip

    def _of(self, item: Item) -> list[float]:
        arrays = self._lookup(item)
        return [
            float(item.stop - item.start) if feature.name == DURATION else evaluate(feature, arrays)
            for feature in self._features.values()
        ]

    def _described(self, told: Mapping[str, Mapping[str, Any]], *, strict: bool) -> list[AskedFeature]:
        """Features with their scales; those that were offered and are the same for all items are left out."""
        found: list[AskedFeature] = []
        for place, (name, settings) in enumerate(told.items()):
            feature = self._features[name]
            side = "low" if feature.functions & _CLOSENESS else "high"
            given: Any = {key: settings[key] for key in SAID[1:] if key in settings}
            words: Any = {"said": _said(name, feature), "side": side}
            asked = AskedFeature(name, self._source, **(words | given))
            scaled = asked if {"low", "high"} <= set(given) else ranged(asked, self.values[:, place])
            if scaled is not None:
                low, high = given.get("low", scaled.low), given.get("high", scaled.high)
                found.append(replace(scaled, low=low, high=high))
            elif strict:
                raise ConfigError(f"label.features: {name} is the same for all items, so nobody can be asked about it")
        if not found:
            raise ConfigError(
                "these items differ in no feature that could be asked about; name some with label.features="
            )
        return found


def asked_kinds(context: Context) -> tuple[QueryKind, ...]:
    """Kinds of questions that ``label.kind`` says, one or a list."""
    kind: Any = context.config.label.kind
    kinds: Any = (kind,) if isinstance(kind, str) else tuple(kind)
    if len(set(kinds)) < len(kinds):
        raise ConfigError(f"label.kind names a kind twice, got {', '.join(kinds)}")
    return kinds


def require_named(context: Context, names: Iterable[str]) -> None:
    """Require, before there are items, that ``label.features`` has the features that a brief speaks of.

    Args:
        context: Of the run.
        names: By name, or as they are said to people; of words that nobody gave it is known once there are items.

    Raises:
        ConfigError: It has others; if it leaves open what is offered, nothing is known yet.
    """
    told = asked_features(context.config.label.features)
    if told is None:
        return
    known = {*told, *(str(one["said"]) for one in told.values() if one.get("said"))}
    for name in names:
        if name not in known and " " not in name:
            raise unknown_name("feature in the brief", name[:80], known)


def pool_of(
    context: Context,
    dataset: EpisodeStore,
    asked: Callable[[QueryKind], Sequence[Query]],
    instruction: str,
) -> tuple[list[Query], LabelFeatures | None]:
    """All questions that could be asked.

    Args:
        context: Of the run.
        dataset: Of the items.
        asked: Questions of a kind that judges items.
        instruction: What items are judged by.

    Returns:
        The questions, and the features that some of them are about, or that ``label.features`` names.
    """
    kinds, features = asked_kinds(context), None
    if set(kinds) & set(FEATURE_KINDS) or context.config.label.features is not None:
        items = dict.fromkeys(item for query in asked("rating") for item in query.items)
        features = LabelFeatures(context, dataset, list(items), instruction)
    pool = [
        query
        for kind in kinds
        for query in (features.queries(kind) if features is not None and kind in FEATURE_KINDS else asked(kind))
    ]
    return pool, features


def _parsed(name: str, told: Mapping[str, Any], example: Mapping[str, Any], named: Any) -> Feature:
    try:
        feature = parse_feature(told["feature"], list(example), named)
        if feature.summary is not None:
            evaluate(feature, example)
    except (ConfigError, DataError) as error:
        raise ConfigError(f"label.features.{name}: {error}") from error
    if feature.name == SHOWN_FIRST:
        raise ConfigError(f"label.features.{name}: {feature.name} is how items are shown, and no feature of theirs")
    return feature


def _said(name: str, feature: Feature) -> str:
    """A name that settings give is words already."""
    return in_words(feature) if name == feature.name else name.replace("_", " ")
