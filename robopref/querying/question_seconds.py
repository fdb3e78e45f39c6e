"""How long people take to answer, by kind of question."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from statistics import median

from robopref.answers import with_questions
from robopref.errors import ConfigError
from robopref.labeler_kinds import labeler_kinds
from robopref.records import Abstain, Feedback, Query, QueryKind

# Seconds of an answer where nobody was measured.
PRIOR_SECONDS: dict[QueryKind, float] = {
    "pair": 6.0, "ranking": 15.0, "similarity": 8.0, "rating": 4.0, "feature": 4.0, "threshold": 7.0,
}  # fmt: skip
_LEAST = 0.1  # seconds that an answer takes at least


def seconds_by_kind(
    queries: Iterable[Query],
    feedback: Iterable[Feedback],
    prior: Mapping[QueryKind, float] = PRIOR_SECONDS,
    strength: float = 5.0,
) -> dict[QueryKind, float]:
    """Seconds that people take for an answer, by kind of question.

    The median of what was measured, which a break does not move, and what is expected beforehand are averaged as
    logarithms; the latter counts as so many answers.

    Args:
        queries: The questions.
        feedback: Answers to them; only those of people count that took time and are no abstention.
        prior: Expected beforehand, s.
        strength: Answers that this counts as.

    Returns:
        Seconds of each kind that has a prior.

    Raises:
        ConfigError: The strength is not positive.
        DataError: An answer belongs to no question.
    """
    if not strength > 0:
        raise ConfigError(f"strength of a prior must be positive, got {strength}")
    feedback, measured = list(feedback), dict[str, list[float]]()
    kinds = labeler_kinds(feedback)
    for query, given in with_questions({query.id: query for query in queries}, feedback):
        if given.seconds is not None and kinds[given.labeler] == "person" and not isinstance(given.answer, Abstain):
            measured.setdefault(query.kind, []).append(max(_LEAST, given.seconds))
    found: dict[QueryKind, float] = {}
    for kind, expected in prior.items():
        times = measured.get(kind, [])
        logs = strength * math.log(expected) + (len(times) * math.log(median(times)) if times else 0.0)
        found[kind] = math.exp(logs / (strength + len(times)))
    return found
