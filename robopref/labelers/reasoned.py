"""A model that scores every item by dimension before it answers, after UnifiedReward-Think (Wang et al. 2025)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from robopref.errors import ConfigError, unknown_name
from robopref.labelers.judge import Schema, UnreadableReplyError
from robopref.labelers.prompts import (
    CONFIDENCE,
    FIRST,
    LEVELS,
    PAIR_ANSWERS,
    RATING_ANSWERS,
    SECOND,
    TIE,
    UNSURE,
    Prompt,
)  # fmt: skip
from robopref.labelers.vlm import DISAGREEMENTS, ORDERS, Disagreement, Orders
from robopref.reasons import ASKED, VERDICT, Chain, DimensionFinding
from robopref.records import QueryKind

LEAST, MOST = 1, 10  # of a score
_NAME = re.compile(r"[a-z][a-z0-9_]{0,29}")
_TAKEN = ("answer", "rating", "confidence", "reasoning", ASKED, VERDICT)
_PLACES: dict[str, tuple[str, ...]] = {"pair": (FIRST, SECOND), "rating": ("score",)}
_KINDS: tuple[QueryKind, ...] = ("pair", "rating")

DIMENSIONS: Mapping[str, str] = {
    "progress": "how much of the goal is achieved",
    "contact": "whether what is touched, grasped or pressed is what should be, and gently",
    "smoothness": "whether the motion is even, without jerks, shaking or detours",
    "clearance": "whether the robot keeps away from what it should not hit",
}


@dataclass(frozen=True)
class ReasonedManner:
    """Asks for a finding and scores of 1 to 10 by each dimension, then for the answer, in one request an order.

    Attributes:
        dimensions: By name, what is scored, in the order in which it is reasoned; null leaves one out.
        orders: As of `robopref.labelers.vlm.Manner`.
        disagreement: As there.
        samples: As there.
        repairs: As there.
    """

    dimensions: Mapping[str, str | None] = field(default_factory=lambda: dict(DIMENSIONS))
    orders: Orders = "both"
    disagreement: Disagreement = "abstain"
    samples: int = 1
    repairs: int = 1

    def __post_init__(self) -> None:
        named_dimensions(self.dimensions)
        for name, value, known in (("orders", self.orders, ORDERS), ("disagreement", self.disagreement, DISAGREEMENTS)):
            if value not in known:
                raise unknown_name(name, value, known)
        if self.samples < 1 or self.repairs < 0:
            raise ConfigError(f"samples must be at least 1 and repairs 0, got {self.samples} and {self.repairs}")

    @property
    def asked(self) -> dict[str, str]:
        """Dimensions that are not left out, with what they mean."""
        return named_dimensions(self.dimensions)

    @property
    def key(self) -> tuple[object, ...]:
        """What tells answers asked for in another way apart."""
        return (tuple(self.asked.items()), self.orders, self.disagreement, self.samples, self.repairs)

    def prompt(self, kind: QueryKind) -> Prompt:
        """What is asked about a pair or a rating.

        Raises:
            ConfigError: There is nothing for other kinds.
        """
        return reasoned_prompt(kind, self.asked)

    def requests(self, kind: str) -> int:
        """Requests about a query if nothing goes wrong."""
        return self.samples * (2 if kind == "pair" and self.orders == "both" else 1)


def named_dimensions(dimensions: Mapping[str, str | None]) -> dict[str, str]:
    """Dimensions that are not left out, with what they mean.

    Args:
        dimensions: By name, what is scored; null leaves one out.

    Raises:
        ConfigError: There is none, or one has a name that replies cannot hold.
    """
    asked = {name: said for name, said in dimensions.items() if said}
    if not asked:
        raise ConfigError("a judge that reasons needs a dimension; give labeler.manner.dimensions.<name>=<meaning>")
    for name in asked:
        if not _NAME.fullmatch(name) or name in _TAKEN:
            raise ConfigError(
                f"a dimension is called by small letters, digits and _, and not {', '.join(_TAKEN)}; got {name!r}"
            )
    return asked


def reasoned_prompt(kind: QueryKind, dimensions: Mapping[str, str]) -> Prompt:
    """Words and schema of a question that is answered with reasons.

    Args:
        kind: ``pair`` or ``rating``.
        dimensions: By name, what is scored.

    Returns:
        The prompt, whose answers are told as a `Chain`.

    Raises:
        ConfigError: The kind is another.
    """
    if kind not in _KINDS:
        raise unknown_name("kind of query for a judge that reasons", kind, _KINDS)
    listed = "\n".join(f"- {name}: {said}" for name, said in dimensions.items())
    each, answers = ("both items", PAIR_ANSWERS) if kind == "pair" else ("the item", RATING_ANSWERS)
    look = (
        f"The goal is: {{task}}\nJudge {each} by each of these dimensions, one by one. Say in a sentence or two what "
        f"you see that matters for it, and give {each} a score from {LEAST} (as bad as can be) to {MOST} (as good "
        f"as can be):\n{listed.replace('{', '{{').replace('}', '}}')}\nThen answer by the goal, as your findings have "
        f"it; some dimensions may outweigh others. {answers}"
    )
    return Prompt(
        f"{kind}-reasoned-1", kind, look, None, _schema(kind, dimensions),
        lambda answer, swapped: chain_of(kind, tuple(dimensions), answer, swapped=swapped).written(),
    )  # fmt: skip


def chain_of(kind: QueryKind, dimensions: tuple[str, ...], answer: Mapping[str, Any], *, swapped: bool) -> Chain:
    """The chain of a reply that follows the schema.

    Args:
        kind: Of the question.
        dimensions: That were asked for.
        answer: Values by field.
        swapped: Whether the items were shown the other way round.

    Returns:
        The chain, with scores in the order of the question; the verdict of who cannot tell is 0.5.

    Raises:
        UnreadableReplyError: All that the scores say speaks against the answer.
    """
    places = _PLACES[kind]
    turn = -1 if swapped else 1
    findings = tuple(
        DimensionFinding(name, tuple(float(answer[f"{name}_{place}"]) for place in places)[::turn],
                str(answer[f"{name}_finding"]))
        for name in dimensions
    )  # fmt: skip
    order = tuple(range(len(places)))[::turn]
    if kind == "rating":
        return Chain(order, findings, answer["rating"] / LEVELS, float(answer["confidence"]))
    verdict = {FIRST: 1.0, SECOND: 0.0, TIE: 0.5, UNSURE: 0.5}[answer["answer"]]
    _require_consistent(findings, answer["answer"], turn)
    return Chain(order, findings, 1 - verdict if swapped else verdict, float(answer["confidence"]))


def _require_consistent(findings: tuple[DimensionFinding, ...], answer: str, turn: int) -> None:
    """An item that no score finds better, and some worse, is not to be the answer."""
    if answer not in (FIRST, SECOND):
        return
    sign = turn * (1 if answer == FIRST else -1)
    gains = [sign * (one.scores[0] - one.scores[1]) for one in findings]
    if max(gains) <= 0 and min(gains) < 0:
        raise UnreadableReplyError(f"the answer is {answer!r}, but no score is in favour of it and some are against it")


def _schema(kind: QueryKind, dimensions: Mapping[str, str]) -> Schema:
    fields = finding_fields(dimensions, _PLACES[kind], MOST)
    choices = [FIRST, SECOND, TIE, UNSURE] if kind == "pair" else ["rated", UNSURE]
    fields["answer"] = {"type": "string", "enum": choices}
    if kind == "rating":
        fields["rating"] = {"type": "integer", "minimum": 0, "maximum": LEVELS}
    fields["confidence"] = CONFIDENCE
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def finding_fields(dimensions: Mapping[str, str], places: Sequence[str], most: int) -> dict[str, Any]:
    """Fields of a schema: of each dimension a finding, and a score from 1 to `most` at each place."""
    fields: dict[str, Any] = {}
    for name, said in dimensions.items():
        fields[f"{name}_finding"] = {"type": "string", "description": f"What is seen of this: {said}."}
        for place in places:
            fields[f"{name}_{place}"] = {"type": "integer", "minimum": LEAST, "maximum": most}
    return fields


def reply_of(chain: Chain) -> str:
    """The reply to a pair from which a chain is read: the inverse of `chain_of`, as JSON.

    Args:
        chain: Of a pair, with a verdict of 0, 0.5 or 1 and whole scores.
    """
    swapped = chain.order == (1, 0)
    fields: dict[str, Any] = {}
    for one in chain.findings:
        scores = one.scores[::-1] if swapped else one.scores
        fields[f"{one.dimension}_finding"] = one.said
        fields |= {
            f"{one.dimension}_{place}": round(score) for place, score in zip(_PLACES["pair"], scores, strict=True)
        }
    verdict = 1 - chain.verdict if swapped else chain.verdict
    fields["answer"] = FIRST if verdict > 0.5 else SECOND if verdict < 0.5 else TIE
    return json.dumps(fields | {"confidence": chain.confidence}, ensure_ascii=False)
