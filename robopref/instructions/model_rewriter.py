"""A language model makes instructions explicit: it says why, and names clauses, of which only key points count."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from robopref.checklists.vocabulary import Vocabulary
from robopref.instructions.case import Case
from robopref.instructions.rewrite import Addition, Rewrite, rewritten
from robopref.labelers.judge import Judge, Schema
from robopref.labelers.readable_answer import QUOTED, UnansweredError, fields_of, readable_answer

_MOST, _LINE = 24, 200  # clauses of a reply, and letters of a line
_WHOLE = "a whole reply of the model"
SCHEMA: Schema = {
    "type": "object",
    "properties": {
        "reasoning": {"type": "string", "description": "Key point by key point: what is missing here, and why."},
        "clauses": {"type": "string", "description": "One clause a line, each followed by | and why. May be empty."},
    },
    "required": ["reasoning", "clauses"],
    "additionalProperties": False,
}


class ModelRewriter:
    """Asks a model what is missing.

    Args:
        judge: The model.
        vocabulary: Key points; a clause that asks for none is refused.
        repairs: How often it is asked again after a reply that cannot be read.
    """

    def __init__(self, judge: Judge, vocabulary: Vocabulary, *, repairs: int = 1) -> None:
        self.judge, self.vocabulary, self.repairs = judge, vocabulary, repairs

    def rewrite(self, case: Case) -> Rewrite:
        """Make an instruction explicit; it stays as it is where there is no readable reply, which is told.

        Raises:
            NotServedError: The model cannot be asked at all.
            BudgetSpentError: The budget is.
        """
        try:
            return readable_answer(
                self.judge, [rewrite_prompt(case, self.vocabulary)], SCHEMA,
                lambda reply: of_reply(case, self.vocabulary, fields_of(reply, SCHEMA)), repairs=self.repairs,
            )  # fmt: skip
        except UnansweredError as error:
            said = str(error.problem or error.said)[:QUOTED] or error.reason
        same = rewritten(case, self.vocabulary, [])
        return Rewrite(case, same.stated, (), ((_WHOLE, said),), case.instruction)


def rewrite_prompt(case: Case, vocabulary: Vocabulary) -> str:
    """What a model is asked about an instruction."""
    listed = "\n".join(f"- {point.name} ({point.means}): {point.wordings[0]}" for point in vocabulary.points.values())
    around = ", ".join(case.scene) or "nothing is known of that"
    return (
        f"A robot does exactly what an instruction says, and is careless in all else. It was told:\n---\n"
        f"{case.instruction}\n---\nWhat is around: {around}.\nGo through these key points one by one, and find those "
        f"that matter here and are not said yet:\n{listed}\nName for each of these a clause in the words of the list, "
        "with names, numbers and words in the place of what stands in braces. Add only what anybody who gives this "
        "instruction here would want; never change what is to be done, and never name a thing that is not around. If "
        f"nothing is missing, name no clause. Reply with JSON: {json.dumps(SCHEMA)}"
    )


def of_reply(case: Case, vocabulary: Vocabulary, said: Mapping[str, Any]) -> Rewrite:
    """The rewrite that a reply proposes; what cannot be read of it is refused."""
    shown = ["".join(letter for letter in line if letter.isprintable()) for line in str(said["clauses"]).splitlines()]
    lines = [line.strip().lstrip("-*• ") for line in shown if line.strip()]
    proposed, refused = list[Addition](), list[tuple[str, str]]()
    for place, line in enumerate(lines):
        clause, _, why = line.partition("|")
        read = vocabulary.read(clause) if clause.strip() and len(line) <= _LINE else None
        if place >= _MOST or read is None or len(read.requirements) != 1 or read.rest:
            reason = f"more than {_MOST} clauses" if place >= _MOST else "it asks for no key point"
            refused.append((line[:_LINE], reason))
        else:
            # What it names first is surest.
            proposed.append(Addition(read.requirements[0], why.strip() or "the model says so", 1 / (1 + place)))
    made = rewritten(case, vocabulary, proposed)
    return Rewrite(case, made.stated, made.additions, (*made.refused, *refused), made.text)


def reply_with(rewrite: Rewrite, vocabulary: Vocabulary) -> str:
    """The reply that proposes a rewrite, as JSON: the inverse of `of_reply`."""
    reasons = "; ".join(f"{one.requirement.key}: {one.why}" for one in rewrite.additions) or "nothing is missing"
    lines: Sequence[str] = [f"{vocabulary.said(one.requirement)} | {one.why}" for one in rewrite.additions]
    return json.dumps({"reasoning": reasons, "clauses": "\n".join(lines)}, ensure_ascii=False)
