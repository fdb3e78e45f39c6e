"""A vision-language model that ranks all items of a question in one call, by a principle.

After RewardAnything (Yu et al. 2025, arXiv 2506.03637).
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Sequence
from dataclasses import astuple
from itertools import pairwise
from string import ascii_uppercase
from typing import Any, ClassVar

import numpy as np

from robopref.errors import ConfigError
from robopref.labelers.judge import Judge, Part, Schema, UnreadableReplyError
from robopref.labelers.prompts import UNSURE
from robopref.labelers.readable_answer import CANNOT_TELL, UnansweredError, fields_of, readable_answer
from robopref.labelers.showing import Showing, same_pictures
from robopref.labelers.vlm import SAME_PICTURES
from robopref.protocols import Pictures
from robopref.records import Abstain, Answer, Feedback, Preference, Query, QueryKind, Ranking
from robopref.seeding import derive

INCONSISTENT = "scores and ranking disagree"
LEAST, MOST = 1, 5  # of a score, as the paper has them
LARGEST = len(ascii_uppercase)  # items of a question
_RANKED = "ranked"
_KEPT = 10_000  # characters of a reply that are kept with an answer
VERSION = "principle-1"  # changes whenever a word does
LOOK = (
    "Above are {count} items: {names}. They are to be judged by this, and by nothing else:\n{instruction}\n"
    "What is named first there counts most; what follows decides between items that are alike in what stands before. "
    "Look at each item, and say in a few sentences what speaks for and against it. Then give each item a whole score "
    f"from {LEAST} (the opposite of what is wanted) to {MOST} (just as it is wanted), and name all items from best to "
    'worst, as in "{example}". An item that is ranked before another must not have a lower score. Answer '
    f'"{_RANKED}", or "{UNSURE}" if the pictures do not show enough to tell.'
)


class _InconsistentError(UnreadableReplyError):
    """Scores that say something else than the ranking."""


class PrincipleRanker:
    """Ranks the items of a question by its instruction, in one request.

    Items are called A, B, C, … in an order that is drawn for each question, so that neither names nor places stay with
    an item. Scores and ranking are asked for, and checked against each other; where they disagree, or a reply cannot be
    read, the model is asked again, and then there is no answer, for a reason that is said.

    Args:
        judge: The model; a `PatientJudge` keeps and repeats.
        pictures: Shows the items.
        showing: How items are shown; all in one picture (``grid``) is for pairs.
        repairs: How often it is asked again.
        seed: Of the orders.
        name: Recorded as the labeler.

    Raises:
        ConfigError: `repairs` is negative, or the layout is ``grid``.
    """

    kinds: ClassVar[tuple[QueryKind, ...]] = ("ranking", "pair")

    def __init__(
        self,
        judge: Judge,
        pictures: Pictures,
        *,
        showing: Showing | None = None,
        repairs: int = 1,
        seed: int = 0,
        name: str = "principle",
    ) -> None:
        if repairs < 0:
            raise ConfigError(f"labeler.repairs must not be negative, got {repairs}")
        self.judge, self.pictures, self.name = judge, pictures, name
        self.showing, self.repairs, self.seed = showing or Showing(), repairs, seed
        if self.showing.layout == "grid":
            raise ConfigError("labeler.showing.layout=grid shows two items at most; take images or clip")
        # What items are judged by is a part of each question, so that one labeler answers by several principles.
        settings = (judge.name, VERSION, astuple(self.showing), repairs, seed)
        self.version = f"{judge.name} {hashlib.sha256(repr(settings).encode()).hexdigest()[:8]}"

    def label(self, query: Query) -> Feedback:
        """Answer one query.

        Args:
            query: A ranking or a pair.

        Returns:
            A ranking, a preference or an abstention, with what the model said and the order that it saw.

        Raises:
            ConfigError: The query is of another kind, has too many items or does not say what to judge by, or the judge
                cannot be asked at all.
            BudgetSpentError: The budget of the judge is.
        """
        if query.kind not in self.kinds or len(query.items) > LARGEST:
            raise ConfigError(
                f"query {query.id!r}: a principle ranks 2 to {LARGEST} items of a ranking or a pair, got "
                f"{len(query.items)} of a {query.kind}"
            )
        if not query.instruction:
            raise ConfigError(f"query {query.id!r} does not say what to judge by; give principle= or task=")
        begun = time.monotonic()
        frames = [self.showing.chosen(list(self.pictures.frames(item))) for item in query.items]
        order = np.random.default_rng(derive(self.seed, f"principle {query.id}")).permutation(len(frames)).tolist()
        answer, said, sure = self._asked(query, frames, order)
        return Feedback(
            query.id, answer, self.name, self.version, sure, time=time.time(), rationale=said[:_KEPT],
            order=tuple(order), seconds=time.monotonic() - begun,
        )  # fmt: skip

    def _asked(self, query: Query, frames: Sequence[Sequence[Any]], order: Sequence[int]) -> tuple[Answer, str, float]:
        """An answer in the order of the query, what was said, and how sure the model is."""
        if all(same_pictures(frames[0], one) for one in frames[1:]):
            return Abstain(SAME_PICTURES), "", 1.0
        names = ascii_uppercase[: len(order)]
        asked = [*shown_as(names, [frames[place] for place in order]), look(names, query.instruction)]
        schema = schema_of(names)
        try:
            return readable_answer(
                self.judge, asked, schema, lambda reply: understood(query, order, fields_of(reply, schema)),
                repairs=self.repairs,
            )  # fmt: skip
        except UnansweredError as error:
            inconsistent = isinstance(error.problem, _InconsistentError)
            return Abstain(INCONSISTENT if inconsistent else error.reason), error.said, 1.0


def shown_as(names: str, items: Sequence[Sequence[Any]]) -> list[Part]:
    """Items as parts of a question, each after its name.

    Args:
        names: A letter each.
        items: Frames of each, in the order in which they are shown.
    """
    parts: list[Part] = []
    for name, frames in zip(names, items, strict=True):
        what = f"{len(frames)} frames in time order" if len(frames) > 1 else "one picture"
        parts += [f"Item {name}, {what}:", *frames]
    return parts


def look(names: str, instruction: str) -> str:
    """What follows the pictures."""
    return LOOK.format(
        count=len(names), names=", ".join(names), instruction=instruction, example=" > ".join(reversed(names))
    )


def schema_of(names: str) -> Schema:
    """Of the answer: reasons first, then scores, then the ranking."""
    fields: dict[str, Any] = {"reasoning": {"type": "string", "description": "What speaks for and against each item."}}
    fields |= {f"score_{name}": {"type": "integer", "minimum": LEAST, "maximum": MOST} for name in names}
    fields |= {
        "best_to_worst": {"type": "string", "description": "All items, the best first, apart by >."},
        "answer": {"type": "string", "enum": [_RANKED, UNSURE]},
        "confidence": {
            "type": "number", "minimum": 0, "maximum": 1, "description": "Probability that the ranking is right.",
        },
    }  # fmt: skip
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def understood(query: Query, order: Sequence[int], answer: dict[str, Any]) -> tuple[Answer, str, float]:
    """What an answer says of the items in the order of the query.

    Args:
        query: That was asked.
        order: Index of the item that was called A, B, …
        answer: Values by field of the schema.

    Returns:
        The answer, what was said, and how sure the model is.

    Raises:
        UnreadableReplyError: The ranking does not name each item once, or disagrees with the scores.
    """
    names, sure, said = ascii_uppercase[: len(order)], float(answer["confidence"]), str(answer["reasoning"])
    if answer["answer"] == UNSURE:
        return Abstain(CANNOT_TELL), said, sure
    ranked = [part.strip().upper() for part in re.split(r"[>,]", str(answer["best_to_worst"]))]
    ranked = [part.removeprefix("ITEM ") for part in ranked]
    if sorted(ranked) != sorted(names):
        raise UnreadableReplyError(
            f"'best_to_worst' must name {', '.join(names)} once each, apart by >, got "
            f"{str(answer['best_to_worst'])[:60]!r}"
        )
    scores = {name: int(answer[f"score_{name}"]) for name in names}
    for before, after in pairwise(ranked):
        if scores[before] < scores[after]:
            raise _InconsistentError(
                f"{before} is ranked before {after} and has the lower score, {scores[before]} against {scores[after]}"
            )
    told = f"{said}\nscores: " + ", ".join(f"{order[names.index(one)] + 1}: {scores[one]}" for one in ranked)
    if query.kind == "pair":
        places = [ranked.index(names[order.index(item)]) for item in (0, 1)]
        tied = len(set(scores.values())) == 1
        return Preference(0.5 if tied else float(places[0] < places[1])), told, sure
    ranks = tuple(ranked.index(names[order.index(item)]) for item in range(len(order)))
    return Ranking(ranks), told, sure
