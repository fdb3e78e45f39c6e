"""What a model is asked about a feature of items, how often, and what its replies say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from robopref.asked_features import AskedFeature, FeatureRelevance, Threshold
from robopref.errors import ConfigError
from robopref.labelers.judge import Judge, Part, Schema
from robopref.labelers.prompts import UNSURE
from robopref.labelers.readable_answer import CANNOT_TELL, QUOTED, UnansweredError, fields_of, readable_answer
from robopref.records import Abstain, Answer, QueryKind

SAMPLES_DISAGREE = "samples disagree"
MORE, LESS, NEITHER, VALUE, NOTHING = "more is better", "less is better", "does not matter", "value", "nothing"
_DIRECTIONS = {MORE: 1, LESS: -1, NEITHER: 0}


@dataclass(frozen=True)
class FeatureReply:
    """What a model says of a feature.

    Attributes:
        answer: A direction, a limit, or why there is none.
        confidence: In [0, 1].
        said: In words.
    """

    answer: Answer
    confidence: float
    said: str


def question_about(kind: QueryKind, about: AskedFeature, ground: str) -> str:
    """The question itself, which follows what there is to go by.

    Args:
        kind: ``feature`` or ``threshold``.
        about: The feature.
        ground: What there is to go by, with its verb, such as ``these words do not say it``.
    """
    if kind == "feature":
        return (
            f"Does {about.words} matter for this, and is more or less of it better? It goes from "
            f'{about.shown(about.low)} to {about.shown(about.high)}. Answer "{MORE}", "{LESS}", "{NEITHER}", or '
            f'"{UNSURE}" if {ground}; do not guess.'
        )
    much = "too much" if about.side == "high" else "too little"
    return (
        f"How much of {about.words} is {much} for this? Its scale goes from {about.shown(about.low)} to "
        f'{about.shown(about.high)}. Answer "{VALUE}" with the number from which on it is {much}, as it is shown here, '
        f'"{NOTHING}" (with any number) if nothing on the scale is {much}, or "{UNSURE}" if {ground}; '
        "do not guess."
    )


def schema_of(kind: QueryKind, about: AskedFeature) -> Schema:
    """What a reply has to be.

    Raises:
        ConfigError: The question is of another kind.
    """
    fields: dict[str, Any] = {"reasoning": {"type": "string"}}
    if kind == "feature":
        fields["answer"] = {"type": "string", "enum": [MORE, LESS, NEITHER, UNSURE]}
    elif kind == "threshold":
        fields["answer"] = {"type": "string", "enum": [VALUE, NOTHING, UNSURE]}
        fields["value"] = {
            "type": "number", "minimum": about.scale * about.low, "maximum": about.scale * about.high,
        }  # fmt: skip
    else:
        raise ConfigError(f"a language model is asked in words about features and thresholds, not about a {kind}")
    fields["confidence"] = {"type": "number", "minimum": 0, "maximum": 1}
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def reply_about(
    judge: Judge, asked: Sequence[Part], kind: QueryKind, about: AskedFeature, *, repairs: int = 1, sample: int = 0
) -> FeatureReply:
    """Ask until a reply can be read.

    Args:
        judge: The model.
        asked: What there is to go by, and the question.
        kind: ``feature`` or ``threshold``.
        about: The feature.
        repairs: How often it is asked again after a reply that cannot be read.
        sample: Number of the sample.

    Raises:
        ConfigError: The question is of another kind, or the model cannot be asked at all.
        BudgetSpentError: The budget of the judge is.
    """
    schema = schema_of(kind, about)
    try:
        return readable_answer(
            judge, asked, schema, lambda reply: _understood(fields_of(reply, schema), about),
            repairs=repairs, sample=sample,
        )  # fmt: skip
    except UnansweredError as error:
        return FeatureReply(Abstain(error.reason), 1.0, error.said[:QUOTED])


def agreed(replies: Sequence[FeatureReply]) -> FeatureReply:
    """What several samples say together: a direction that all name, or the median of limits.

    Args:
        replies: One or more to the same question; nothing follows an abstention.
    """
    said = "\n--\n".join(dict.fromkeys(one.said for one in replies if one.said))
    answers, confidence = [one.answer for one in replies], float(np.mean([one.confidence for one in replies]))
    if isinstance(answers[-1], Abstain):
        return FeatureReply(answers[-1], 1.0, said)
    limits = [one.value for one in answers if isinstance(one, Threshold)]
    if limits:
        return FeatureReply(Threshold(float(np.median(limits))), confidence, said)
    if len(set(answers)) > 1:
        return FeatureReply(Abstain(SAMPLES_DISAGREE), 1.0, said)
    return FeatureReply(answers[0], confidence, said)


def _understood(read: dict[str, Any], about: AskedFeature) -> FeatureReply:
    said, confidence, answer = str(read["reasoning"]), float(read["confidence"]), read["answer"]
    if answer == UNSURE:
        return FeatureReply(Abstain(CANNOT_TELL), 1.0, said)
    if answer in _DIRECTIONS:
        return FeatureReply(FeatureRelevance(_DIRECTIONS[answer]), confidence, said)
    nothing = about.high if about.side == "high" else about.low
    value = nothing if answer == NOTHING else float(read["value"]) / about.scale
    return FeatureReply(Threshold(min(max(value, about.low), about.high)), confidence, said)
