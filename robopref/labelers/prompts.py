"""What a vision-language model is told, in versions: a changed text is a new version, and old labels stay told apart.

The two stages follow RL-VLM-F (Wang et al. 2024): describe and compare what is seen, then answer from the
description alone. In the one-stage prompts the reasoning comes before the answer in the reply.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from robopref.errors import unknown_name
from robopref.labelers.judge import Schema
from robopref.records import QueryKind

FIRST, SECOND, TIE, UNSURE = "first", "second", "tie", "cannot tell"
LEVELS = 10  # of a rating

_REASONING = {"type": "string", "description": "What speaks for and against, in a few sentences."}
CONFIDENCE = {
    "type": "number",
    "minimum": 0,
    "maximum": 1,
    "description": "Probability that the answer is right, between 0 and 1.",
}


def _object(answer: dict[str, object]) -> Schema:
    # Models write the fields in this order, so that they reason first.
    fields = {"reasoning": _REASONING, **answer, "confidence": CONFIDENCE}
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


PAIR_SCHEMA = _object({"answer": {"type": "string", "enum": [FIRST, SECOND, TIE, UNSURE]}})
RATING_SCHEMA = _object({
    "answer": {"type": "string", "enum": ["rated", UNSURE]},
    "rating": {"type": "integer", "minimum": 0, "maximum": LEVELS},
})  # fmt: skip


@dataclass(frozen=True)
class Prompt:
    """The words of a question.

    Attributes:
        version: Name, with a number that changes whenever a word does.
        kind: Of the queries it is for.
        look: Follows the pictures; asks for a description if there are two stages, else for the answer. ``{task}`` is
            what to judge by.
        conclude: Of the second stage, which sees no picture: ``{task}`` and ``{description}``; None if there is none.
        schema: Of the answer.
        told: What is kept of an answer in words, given its fields and whether the items were swapped.
    """

    version: str
    kind: QueryKind
    look: str
    conclude: str | None
    schema: Schema
    told: Callable[[Mapping[str, Any], bool], str] = lambda answer, _: str(answer["reasoning"])


REPAIR = (
    "You replied before:\n{reply}\nThat could not be used: {problem}. Answer again, with one JSON object that follows "
    "the schema, its keys and the words of its choices exactly as given, in English."
)

# Before the question about a feature, and after examples of it if there are any. The version of `VlmLabeler` says
# nothing of this first wording, so that answers of before it stay valid; that of a second one belongs into it.
FEATURE_LOOK = "The goal of a robot is: {task}\n{examples}"
FEATURE_EXAMPLES = (
    "Above are {count} examples of what the robot does, each with {feature}. Describe in a few sentences what they "
    "show as far as it matters for the goal, and then answer. "
)

PAIR_ANSWERS = (
    f'Answer "{FIRST}" or "{SECOND}" for the item that is better by that goal, "{TIE}" if both are equally good, and '
    f'"{UNSURE}" if the pictures do not show enough to tell.'
)
RATING_ANSWERS = (
    f'Answer "rated" with a whole number from 0 (nothing of the goal is achieved) to {LEVELS} (fully achieved), or '
    f'"{UNSURE}" (with rating 0) if the pictures do not show enough to tell.'
)

PROMPTS = {
    ("two_stage", "pair"): Prompt(
        "pair-two-stage-1",
        "pair",
        "The goal is: {task}\n1. Describe what the first item shows, as far as it matters for the goal.\n"
        "2. Describe the second item in the same way.\n"
        "3. Compare them: is there a difference as to the goal, and which one is better by it?",
        "Two items were compared by this goal: {task}\nAn observer who saw them wrote:\n---\n{description}\n---\n"
        f"Which item is better, according to the observer? {PAIR_ANSWERS}",
        PAIR_SCHEMA,
    ),
    ("one_stage", "pair"): Prompt(
        "pair-one-stage-1",
        "pair",
        f"The goal is: {{task}}\nCompare the two items as to the goal, then answer which is better. {PAIR_ANSWERS}",
        None,
        PAIR_SCHEMA,
    ),
    ("two_stage", "rating"): Prompt(
        "rating-two-stage-1",
        "rating",
        "The goal is: {task}\n1. Describe what the item shows, as far as it matters for the goal.\n"
        "2. How much of the goal is achieved, and what is missing?",
        "An item was judged by this goal: {task}\nAn observer who saw it wrote:\n---\n{description}\n---\n"
        f"How good is the item, according to the observer? {RATING_ANSWERS}",
        RATING_SCHEMA,
    ),
    ("one_stage", "rating"): Prompt(
        "rating-one-stage-1",
        "rating",
        f"The goal is: {{task}}\nJudge how much of the goal the item achieves. {RATING_ANSWERS}",
        None,
        RATING_SCHEMA,
    ),
}
STAGES = ("two_stage", "one_stage")


def prompt_for(stages: str, kind: QueryKind) -> Prompt:
    """The current prompt.

    Args:
        stages: ``two_stage`` or ``one_stage``.
        kind: ``pair`` or ``rating``.

    Returns:
        The prompt.

    Raises:
        ConfigError: There is none.
    """
    if stages not in STAGES:
        raise unknown_name("prompt", stages, STAGES)
    if (stages, kind) not in PROMPTS:
        raise unknown_name("kind of query for a vision-language model", kind, ["pair", "rating"])
    return PROMPTS[stages, kind]
