"""What those who answered were told to go by, and where their answers go by something else."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from robopref.explanation.feature_table import FeatureTable
from robopref.explanation.findings import Explanation, Finding
from robopref.explanation.grammar import Feature, Series, directed, parse_feature
from robopref.explanation.measures import MEASURES

Followed = Literal["followed", "the other way round", "not told apart", "not followed"]
_STANDS_IN = 0.7  # cosine of two features' differences, from which on one may be followed for the other


@dataclass(frozen=True)
class RubricTerm:
    """Something that answers are to go by.

    Attributes:
        said: As it was said.
        features: Names of the features that it may mean.
        direction: 1 if more of it is wanted, -1 if less, 0 if that is not said.
    """

    said: str
    features: frozenset[str]
    direction: int = 0


@dataclass(frozen=True)
class RubricGap:
    """What became of a term.

    Attributes:
        term: Which.
        status: ``followed``, ``the other way round``, ``not told apart`` from something else that is followed, or
            ``not followed``.
        finding: Of the feature of the term that was followed, or came nearest; None if none was tested.
        instead: The confirmed feature that it cannot be told apart from; empty for other statuses.
    """

    term: RubricTerm
    status: Followed
    finding: Finding | None
    instead: str = ""


@dataclass(frozen=True)
class RubricReport:
    """Answers beside the rubric.

    Attributes:
        terms: What became of each term.
        unnamed: Confirmed findings that no term names.
        prior: Correlation of the hypotheses' priors with whether the rubric names them; None if one does not vary.
        posterior: The same of their posteriors.
    """

    terms: tuple[RubricGap, ...]
    unnamed: tuple[Finding, ...]
    prior: float | None
    posterior: float | None


def listed_terms(
    given: Sequence[str], arrays: Collection[str], named: Mapping[str, Series]
) -> list[tuple[RubricTerm, Feature]]:
    """Read the terms that settings list: features, each with ``more`` or ``less`` before it, or neither.

    Args:
        given: The terms.
        arrays: Names of the arrays that items have.
        named: Quantities that settings name.

    Returns:
        Each with its feature.

    Raises:
        ConfigError: One is no feature.
    """
    found: list[tuple[RubricTerm, Feature]] = []
    for text in given:
        direction, written = directed(text)
        feature = parse_feature(written, arrays, named)
        found.append((RubricTerm(" ".join(text.split()), frozenset({feature.name}), direction), feature))
    return found


def spoken_terms(instruction: str, features: Sequence[Feature]) -> list[RubricTerm]:
    """What a sentence speaks of: measures by the words that stand for them, and quantities by their names.

    Args:
        instruction: What items were judged by.
        features: Those that are tested.

    Returns:
        A term for each measure and quantity whose word is in the sentence; it means every feature with it.
    """
    words = set(re.findall(r"[a-z_]+", instruction.lower()))
    found: list[RubricTerm] = []
    for name, measure in MEASURES.items():
        meant = frozenset(feature.name for feature in features if name in feature.functions)
        if meant and (spoken := sorted(words & {name, *measure.words})):
            found.append(RubricTerm(f"{name} (“{spoken[0]}”)", meant))
    for name in sorted({one for feature in features for one in feature.quantities}):
        if name.lower() in words:
            meant = frozenset(feature.name for feature in features if name in feature.quantities)
            found.append(RubricTerm(f"{name} (by name)", meant))
    return found


def beside_rubric(explanation: Explanation, table: FeatureTable, terms: Sequence[RubricTerm]) -> RubricReport:
    """Set what was found beside the rubric.

    Args:
        explanation: What was found of the table's features.
        table: The features of the hypotheses.
        terms: Of the rubric.

    Returns:
        What it names that is not followed, and what is followed that it does not name.
    """
    findings = {finding.hypothesis.feature: finding for finding in explanation.findings}
    alike = _cosines(table)
    columns = {feature.name: column for column, feature in enumerate(table.features)}
    same = table.same
    meant = {term: {same.get(name, name) for name in term.features} & findings.keys() for term in terms}
    gaps = [_gap(term, [findings[name] for name in sorted(meant[term])], explanation, alike, columns) for term in terms]
    named = set[str]().union(*meant.values())
    unnamed = tuple(one for one in explanation.of("confirmed") if one.hypothesis.feature not in named)
    flags = np.array([one.hypothesis.feature in named for one in explanation.findings], np.float64)
    priors = np.array([one.hypothesis.prior for one in explanation.findings])
    posteriors = np.array([one.posterior for one in explanation.findings])
    return RubricReport(tuple(gaps), unnamed, correlation(priors, flags), correlation(posteriors, flags))


def correlation(one: NDArray[np.float64], two: NDArray[np.float64]) -> float | None:
    """Pearson's correlation; None if either does not vary."""
    if len(one) < 2 or one.std() < 1e-12 or two.std() < 1e-12:
        return None
    found = float(np.corrcoef(one, two)[0, 1])
    return None if math.isnan(found) else found


def _gap(
    term: RubricTerm, meant: Sequence[Finding], explanation: Explanation, alike: NDArray[np.float64],
    columns: Mapping[str, int],
) -> RubricGap:  # fmt: skip
    if not meant:
        return RubricGap(term, "not followed", None)
    confirmed = [one for one in meant if one.status == "confirmed"]
    for one in confirmed:
        if term.direction in (0, one.direction):
            return RubricGap(term, "followed", one)
    if confirmed:
        return RubricGap(term, "the other way round", confirmed[0])
    nearest = max(meant, key=lambda one: abs(one.z))
    others = explanation.of("confirmed")
    for other in sorted(others, key=lambda one: -_cosine(alike, columns, nearest, one)):
        if _cosine(alike, columns, nearest, other) >= _STANDS_IN:
            return RubricGap(term, "not told apart", nearest, other.hypothesis.feature)
    return RubricGap(term, "not followed", nearest)


def _cosine(alike: NDArray[np.float64], columns: Mapping[str, int], one: Finding, two: Finding) -> float:
    return float(abs(alike[columns[one.hypothesis.feature], columns[two.hypothesis.feature]]))


def _cosines(table: FeatureTable) -> NDArray[np.float64]:
    rows = table.answers.difference
    size = np.sqrt((rows**2).sum(axis=0))
    units = rows / np.where(size > 0, size, 1)
    return units.T @ units
