"""Which hypotheses answers bear out: accepted one by one on some of them, and confirmed on those that were held out.

After "Language models surface the unwritten code" (arXiv 2505.18942): hypotheses are proposed, and what is accepted has
to explain answers that those before leave unexplained. The tests and their control are ours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from robopref.errors import ConfigError, DataError
from robopref.evaluation.intervals import Interval
from robopref.explanation.findings import Explanation, Finding, HeldOutAccuracy, Hypothesis, Status
from robopref.explanation.following import follower_shares, share_following
from robopref.explanation.multiplicity import Correction, passing
from robopref.explanation.score_test import (
    FeatureScores,
    PairedAnswers,
    Values,
    fit_weights,
    one_sided,
    score_test,
    share_right,
    two_sided,
    weight_errors,
)

_PRIOR_SPREAD = 1.0  # log-odds a standard deviation that are usual for what matters
_LEAST_CHANCE = 1e-9
_Z = 1.959964  # of a 95 % interval
_FEWEST = 20  # independent groups of answers, below which nothing can be said
_FEWEST_PART = 5  # of those that are found by, and of those that confirm


@dataclass(frozen=True)
class Inference:
    """How hypotheses are tested.

    Attributes:
        level: Chance of a wrong one among those that are confirmed, or with ``bh`` their share, to be expected.
        correction: What is done about testing many: ``bonferroni``, or ``bh`` (Benjamini and Hochberg), which finds
            more.
        held_out: Share of the questions that only confirms.
        most: Features that are accepted at most.
        seed: Of the choice of what is held out.
    """

    level: float = 0.05
    correction: Correction = "bonferroni"
    held_out: float = 0.3
    most: int = 12
    seed: int = 0

    def __post_init__(self) -> None:
        if not (0 < self.level < 1 and 0 < self.held_out < 1):
            raise ConfigError(f"level and held_out must be between 0 and 1, got {self.level} and {self.held_out}")
        if self.most < 1:
            raise ConfigError(f"most must be at least 1, got {self.most}")

    def parted(self, answers: PairedAnswers) -> NDArray[np.bool_]:
        """(R,) whether an answer is held out; those of a cluster are together.

        Raises:
            DataError: There are too few to tell anything.
            ConfigError: Too few are left on one side.
        """
        names, place = np.unique(answers.cluster, return_inverse=True)
        if len(names) < _FEWEST:
            raise DataError(
                f"{len(names)} independent questions are too few to say what answers go by; {_FEWEST} are the least, "
                "and some hundred find what matters little"
            )
        held = round(self.held_out * len(names))
        if not _FEWEST_PART <= held <= len(names) - _FEWEST_PART:
            raise ConfigError(
                f"held_out={self.held_out} of {len(names)} independent questions leaves {len(names) - held} to find "
                f"what answers go by and {held} to confirm it; {_FEWEST_PART} are the least of each"
            )
        chosen = np.random.default_rng(self.seed).permutation(len(names))[:held]
        return np.isin(place, chosen)


def accept(looked_at: PairedAnswers, inference: Inference, accepted: Sequence[int] = ()) -> list[int]:
    """Accept features one by one, each for what those before it leave unexplained.

    Args:
        looked_at: Answers that may be looked at.
        inference: How.
        accepted: Columns that are accepted already.

    Returns:
        Columns in the order in which they were accepted.
    """
    found, tested = list(accepted), looked_at.difference.shape[1]
    while len(found) < min(inference.most, tested):
        z = score_test(looked_at, found).z
        best = int(np.abs(z).argmax())
        chances = np.array([two_sided(float(one)) for one in z])
        if not passing(chances, inference.level, inference.correction, tested)[best]:
            break
        found.append(best)
    return found


def explain(
    answers: PairedAnswers,
    hypotheses: Sequence[Hypothesis],
    inference: Inference,
    *,
    accepted: Sequence[int] | None = None,
    labelers: NDArray[np.object_] | None = None,
    groups: Sequence[NDArray[np.object_]] = (),
) -> Explanation:
    """Say which hypotheses answers bear out.

    Args:
        answers: R answers, with one column of differences a hypothesis, in the same order, that vary and are finite.
        hypotheses: F of them.
        inference: How they are tested.
        accepted: Columns that were accepted on the answers that are looked at; None accepts now.
        labelers: (R,) who gave them.
        groups: (R,) names of groups that they belong to, in several ways.

    Returns:
        What was found.

    Raises:
        DataError: There are too few answers.
    """
    out = inference.parted(answers)
    scaled = standardised(answers, ~out)
    looked, held = scaled[~out], scaled[out]
    chosen = accept(looked, inference) if accepted is None else list(accepted)
    steps = {column: score_test(looked, chosen[:place]) for place, column in enumerate(chosen)}
    rest = score_test(looked, chosen)
    told = {column: steps.get(column, rest) for column in range(len(hypotheses))}
    signs = {column: 1 if told[column].z[column] >= 0 else -1 for column in told}
    chances = np.array([_held_out_chance(held, chosen, column, signs[column]) for column in chosen])
    confirmed = [column for column, fine in zip(
        chosen, passing(chances, inference.level, inference.correction, len(chosen)), strict=True
    ) if fine]  # fmt: skip
    weights, beside = _weights(held, chosen), score_test(scaled, confirmed)
    alarming = _alarming(scaled, confirmed, hypotheses, inference)
    findings: list[Finding] = []
    order = [*confirmed, *(c for c in chosen if c not in confirmed), *_by_size(rest, chosen)]
    for column in order:
        status: Status = "confirmed" if column in confirmed else "not confirmed" if column in chosen else "not found"
        z = float(told[column].z[column])
        found = Finding(
            hypotheses[column], status, signs[column], z, two_sided(z),
            float(chances[chosen.index(column)]) if column in chosen else None,
            share_following(held, column), weights.get(column),
            _posterior(scaled, confirmed, column, hypotheses, beside),
        )  # fmt: skip
        if column in alarming:
            found = replace(found, alarm=share_following(scaled, column), direction=alarming[column])
        if status != "not found" or column in alarming:
            followers = () if labelers is None else follower_shares(scaled, column, labelers)
            members = tuple(one for names in groups for one in follower_shares(scaled, column, names))
            found = replace(found, followers=followers, groups=members)
        findings.append(found)
    return Explanation(
        tuple(findings), _accuracy(looked, held, confirmed, hypotheses), len(answers), int(out.sum()),
        len(np.unique(answers.cluster)), len(hypotheses),
    )  # fmt: skip


def standardised(answers: PairedAnswers, rows: NDArray[np.bool_]) -> PairedAnswers:
    """The same answers with differences in standard deviations of those of some rows; zero stays zero."""
    size = np.sqrt((answers.difference[rows] ** 2).mean(axis=0))
    return replace(answers, difference=answers.difference / np.where(size > 0, size, 1.0))


def unexplained(answers: PairedAnswers, accepted: Sequence[int], count: int) -> list[int]:
    """Rows of decided answers that the accepted features predict worst, no two of one cluster.

    Args:
        answers: That may be looked at.
        accepted: Columns.
        count: How many rows at most.
    """
    columns = list(accepted)
    margin = answers.difference[:, columns] @ fit_weights(answers, columns)
    lean = np.sign(answers.p - 0.5)
    order = np.argsort(margin * lean, kind="stable")
    rows: dict[int, int] = {}
    for row in order.tolist():
        if lean[row] and len(rows) < count:
            rows.setdefault(int(answers.cluster[row]), row)
    return list(rows.values())


def approximate_posterior(prior: float, effect: float, variance: float) -> float:
    """Chance that an effect is there, by the approximate Bayes factor of Wakefield (2009, Genetic Epidemiology 33).

    The estimate is normal with `variance`, around zero if there is none and around a normal effect of standard
    deviation 1 if there is one.

    Args:
        prior: Chance before.
        effect: Estimate, log-odds a standard deviation.
        variance: Of the estimate; infinite if nothing can be told.
    """
    prior = min(max(prior, _LEAST_CHANCE), 1 - _LEAST_CHANCE)
    if not math.isfinite(variance) or variance <= 0:
        return prior
    shrink = _PRIOR_SPREAD**2 / (variance + _PRIOR_SPREAD**2)
    log_odds = math.log(prior / (1 - prior)) + 0.5 * math.log(1 - shrink) + 0.5 * effect**2 / variance * shrink
    return 1 / (1 + math.exp(-min(max(log_odds, -700), 700)))


def _held_out_chance(held: PairedAnswers, chosen: list[int], column: int, sign: int) -> float:
    z = score_test(held, [one for one in chosen if one != column]).z[column]
    return one_sided(sign * float(z))


def _alarming(
    answers: PairedAnswers, confirmed: list[int], hypotheses: Sequence[Hypothesis], inference: Inference
) -> dict[int, int]:
    """Features of how items were shown that all answers go by, with the direction."""
    cues = [column for column, one in enumerate(hypotheses) if one.presentation]
    if not cues:
        return {}
    z = [float(score_test(answers, [c for c in confirmed if c != column]).z[column]) for column in cues]
    passed = passing(np.array([two_sided(one) for one in z]), inference.level, "bonferroni", len(cues))
    return {column: 1 if one >= 0 else -1 for column, one, fine in zip(cues, z, passed, strict=True) if fine}


def _by_size(scores: FeatureScores, chosen: Sequence[int]) -> list[int]:
    order = np.argsort(-np.abs(scores.z), kind="stable").tolist()
    return [column for column in order if column not in chosen]


def _weights(held: PairedAnswers, chosen: list[int]) -> dict[int, Interval]:
    if not chosen:
        return {}
    beta = fit_weights(held, chosen)
    errors = weight_errors(held, chosen, beta)
    return {
        column: Interval(float(b), float(b - _Z * e), float(b + _Z * e), len(held))
        for column, b, e in zip(chosen, beta, errors, strict=True)
    }


def _posterior(
    answers: PairedAnswers, confirmed: list[int], column: int, hypotheses: Sequence[Hypothesis], beside: FeatureScores
) -> float:
    scores = score_test(answers, [one for one in confirmed if one != column]) if column in confirmed else beside
    return approximate_posterior(hypotheses[column].prior, float(scores.effect[column]), float(scores.variance[column]))


def _accuracy(
    looked: PairedAnswers, held: PairedAnswers, confirmed: list[int], hypotheses: Sequence[Hypothesis]
) -> HeldOutAccuracy:
    explained = share_right(held.difference[:, confirmed] @ fit_weights(looked, confirmed), held)
    shares = [share_right(column, looked) for column in looked.difference.T]
    if not shares or math.isnan(shares[0]):
        return HeldOutAccuracy(explained, math.nan, "")
    best = int(np.argmax(np.abs(np.array(shares) - 0.5)))
    margin: Values = held.difference[:, best] * (1 if shares[best] >= 0.5 else -1)
    return HeldOutAccuracy(explained, share_right(margin, held), hypotheses[best].feature)
