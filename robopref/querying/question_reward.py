"""The reward of a trained asker for language models that ask in words, as TRL's GRPOTrainer takes it.

``GRPOTrainer(reward_funcs=question_reward, train_dataset=...)`` calls it with the completions of a batch and, by name,
one list a column of the data set. What columns have to hold is written by `question_prompts`. It needs neither torch
nor TRL, so that the file can be copied into another project.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

NEW, OLD, MALFORMED = 1.0, 0.0, -1.0
KINDS = ("feature", "threshold")
_LONGEST = 2000  # characters of a completion that are read
_QUESTION = re.compile(r"\{[^{}]*\}")


def question_reward(
    completions: Sequence[Any], *, masked: Sequence[Any], asked: Sequence[Any] | None = None, **columns: Any
) -> list[float]:
    """Reward questions that bring new, masked information.

    A completion has to hold one JSON object, ``{"kind": "feature", "feature": "height"}`` or ``"kind": "threshold"``;
    what stands around it does not count.

    Args:
        completions: Texts, or conversations whose last message has a ``content``.
        masked: Of each what the brief leaves open: a list of ``kind name``, such as ``feature height``, or the same as
            JSON.
        asked: Of each what was asked before, alike; None if nothing was.
        **columns: Of the data set; the rest is not looked at.

    Returns:
        1 for a question about what is masked and was not asked before, 0 for any other question, -1 for what is none.
    """
    del columns
    rewards: list[float] = []
    for place, completion in enumerate(completions):
        question = read_question(_text(completion))
        open_, before = _names(masked[place]), set[str]() if asked is None else _names(asked[place])
        rewards.append(MALFORMED if question is None else NEW if question in open_ - before else OLD)
    return rewards


def read_question(text: str) -> str | None:
    """The one typed question in a text, as ``kind name``; None if there is none, or several."""
    found: set[str] = set()
    for piece in _QUESTION.findall(text[:_LONGEST]):
        try:
            content = json.loads(piece)
        except (ValueError, RecursionError):
            return None
        kind, name = content.get("kind"), content.get("feature")
        if kind in KINDS and isinstance(name, str):
            found.add(f"{kind} {name.strip()}")
    return found.pop() if len(found) == 1 else None


def question_prompts(tasks: Iterable[tuple[str, Sequence[str], Sequence[str], Sequence[str]]]) -> list[dict[str, Any]]:
    """Rows of a data set for `question_reward`.

    Args:
        tasks: Of each what the brief says, in words; names of all features; and what is masked and what was asked
            before, as ``kind name``.

    Returns:
        Rows with ``prompt``, ``masked`` and ``asked``, to be written as JSON lines.
    """
    rows: list[dict[str, Any]] = []
    for brief, features, masked, asked in tasks:
        told = f"\nAsked already: {', '.join(asked)}." if asked else ""
        prompt = (
            f"You are to find out what a person wants of a robot.\nKnown: {brief or 'nothing'}\nFeatures: "
            f"{', '.join(features)}.{told}\nAsk what is not known yet. Reply with one JSON object: "
            '{"kind": "feature", "feature": <name>} asks whether a feature matters, and "kind": "threshold" how much '
            "of it is too much."
        )
        rows.append({"prompt": prompt, "masked": list(masked), "asked": list(asked)})
    return rows


def _text(completion: Any) -> str:
    if isinstance(completion, str):
        return completion
    if isinstance(completion, Sequence) and completion:
        completion = completion[-1]
    content = completion.get("content", "") if isinstance(completion, dict) else ""
    return content if isinstance(content, str) else ""


def _names(given: Any) -> set[str]:
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError:
            given = [given]
    return {str(name) for name in given} if isinstance(given, list | tuple | set) else set()
