"""The three stages of a judge that reasons, as datasets of TRL: chains to imitate, and questions to be rewarded on.

A row of the first two has ``prompt`` and ``completion``, as TRL's SFTTrainer takes them; one of the third has
``prompt``, and what the functions of `robopref.learning.chain_rewards` are given by GRPOTrainer. Prompts are those of
``labeler=reasoned``, so that a model that was trained on them can be asked by it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import numpy as np

from robopref.answers import with_questions
from robopref.errors import DataError
from robopref.files import replacing
from robopref.labelers.judge import Part, Picture
from robopref.labelers.reasoned import DIMENSIONS, reasoned_prompt, reply_of
from robopref.labelers.showing import Showing
from robopref.protocols import Pictures
from robopref.reasons import Chain, read_chains
from robopref.records import Abstain, Feedback, Item, Preference, Query

Row = dict[str, Any]
_ORDERS = ((0, 1), (1, 0))
_VERDICTS = {1: "first", -1: "second", 0: "tie"}


@dataclass(frozen=True)
class QuestionText:
    """How a question is put into a row, as ``labeler=reasoned`` asks it.

    Attributes:
        dimensions: What dimensions mean, by name; those of a chain that are not here are told by their name.
        task: What to judge by; empty takes the instruction of each question.
        pictures: Shows the items; None names them instead.
        showing: How they are shown.
        folder: Where pictures are written; rows name them by their path.
    """

    dimensions: Mapping[str, str] = field(default_factory=lambda: dict(DIMENSIONS))
    task: str = ""
    pictures: Pictures | None = None
    showing: Showing = field(default_factory=Showing)
    folder: Path = Path("pictures")

    def row(self, query: Query, order: Sequence[int], names: Sequence[str]) -> Row:
        """``prompt``, with ``images`` if there are pictures, and what is asked, as plain values.

        Args:
            query: A pair.
            order: (2,) index of the item at each place.
            names: Of the dimensions that are asked for.

        Raises:
            DataError: Nothing says what to judge by, or there are no pictures of an item.
        """
        task = self.task or query.instruction
        if not task:
            raise DataError(f"query {query.id!r} does not say what to judge by; give task=<sentence>")
        prompt = reasoned_prompt("pair", {name: self.dimensions.get(name, name) for name in names})
        items = [query.items[index] for index in order]
        parts = [*self._shown(items), prompt.look.format(task=task), f"Reply with JSON: {json.dumps(prompt.schema)}"]
        row: Row = {"query": query.id, "order": list(order), "dimensions": list(names)}
        if self.pictures is None:
            return row | {"prompt": [{"role": "user", "content": "\n".join(str(part) for part in parts)}]}
        content = [{"type": "text", "text": part} if isinstance(part, str) else {"type": "image"} for part in parts]
        images = [self._kept(part) for part in parts if not isinstance(part, str)]
        return row | {"prompt": [{"role": "user", "content": content}], "images": images}

    def _shown(self, items: Sequence[Item]) -> list[Part]:
        if self.pictures is None:
            return [f"The {place} item: {_named(item)}" for place, item in zip(("first", "second"), items, strict=True)]
        return self.showing.parts([list(self.pictures.frames(item)) for item in items])

    def _kept(self, picture: Picture) -> str:
        data = np.ascontiguousarray(picture)
        path = self.folder / f"{hashlib.sha256(str(data.shape).encode() + data.tobytes()).hexdigest()[:16]}.png"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as unfinished:
                imageio.imwrite(unfinished, data, extension=".png")
        return str(path)


def cold_start_rows(
    queries: Sequence[Query], feedback: Iterable[Feedback], text: QuestionText, *, judge: str
) -> Iterator[Row]:
    """Chains of a judge, to be imitated: of pairs that it answered, in each order in which it was asked.

    Args:
        queries: The questions.
        feedback: Answers to them.
        text: How questions are put.
        judge: Labeler whose chains count.

    Yields:
        A row a chain.

    Raises:
        DataError: See `QuestionText.row`.
    """
    for query, given in _pairs(queries, feedback, judge):
        if not isinstance(given.answer, Abstain):
            for chain in read_chains(given.rationale):
                yield _imitated(query, chain, text)


def sifted_rows(
    queries: Sequence[Query], feedback: Sequence[Feedback], text: QuestionText, *, judge: str, known: str
) -> Iterator[Row]:
    """Chains of a judge that end in the verdict that is known to be right (rejection sampling); else as above.

    Args:
        queries: The questions.
        feedback: Answers to them.
        text: How questions are put.
        judge: Labeler whose chains count.
        known: Labeler whose answers are known to be right.
    """
    truth = _truth(queries, feedback, known)
    for query, given in _pairs(queries, feedback, judge):
        for chain in read_chains(given.rationale):
            if query.id in truth and float(np.sign(chain.verdict - 0.5)) == truth[query.id][0]:
                yield _imitated(query, chain, text)


def hard_rows(
    queries: Sequence[Query], feedback: Sequence[Feedback], text: QuestionText, *, judge: str, known: str
) -> Iterator[Row]:
    """Questions on which a judge was wrong in an order, contradicted itself or gave no readable answer, in both orders.

    Args:
        queries: The questions.
        feedback: Answers to them.
        text: How questions are put.
        judge: Labeler who is to learn.
        known: Labeler whose answers, and scores if there are any, are known to be right.

    Yields:
        Rows with ``verdict`` and ``scores`` by the places at which the items are shown; ``scores`` is None if nobody
        knows them.
    """
    truth = _truth(queries, feedback, known)
    for query, given in _pairs(queries, feedback, judge):
        if query.id not in truth:
            continue
        right, scores = truth[query.id]
        chains = read_chains(given.rationale)
        signs = [float(np.sign(chain.verdict - 0.5)) for chain in chains]
        if signs and all(sign == right for sign in signs) and not isinstance(given.answer, Abstain):
            continue
        names = list(chains[0].scores if chains else scores or text.dimensions)
        for order in _ORDERS:
            turn = 1 if order == (0, 1) else -1
            asked = text.row(query, order, names)
            every = all(name in scores for name in names)
            told = [list(scores[name][::turn]) for name in names] if every else None
            yield asked | {"verdict": _VERDICTS[int(turn * right)], "scores": told}


def write_rows(path: Path, rows: Iterable[Row]) -> int:
    """Write rows as lines of JSON; the file appears whole or not at all.

    Returns:
        How many.

    Raises:
        DataError: There is none, or the file cannot be written.
    """
    count = 0
    with replacing(path) as unfinished, unfinished.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
        if not count:
            raise DataError(f"nothing to write into {path}: no answer of the judge is of that sort")
    return count


def _pairs(queries: Sequence[Query], feedback: Iterable[Feedback], judge: str) -> Iterator[tuple[Query, Feedback]]:
    for query, given in with_questions({query.id: query for query in queries}, feedback):
        if query.kind == "pair" and given.labeler == judge:
            yield query, given


def _truth(
    queries: Sequence[Query], feedback: Iterable[Feedback], known: str
) -> dict[str, tuple[float, dict[str, tuple[float, ...]]]]:
    found: dict[str, tuple[float, dict[str, tuple[float, ...]]]] = {}
    for query, given in _pairs(queries, feedback, known):
        if isinstance(given.answer, Preference):
            chains = read_chains(given.rationale)
            found[query.id] = float(np.sign(given.answer.p - 0.5)), chains[0].scores if chains else {}
    return found


def _imitated(query: Query, chain: Chain, text: QuestionText) -> Row:
    asked = text.row(query, chain.order, list(chain.scores))
    return asked | {"completion": [{"role": "assistant", "content": reply_of(chain)}]}


def _named(item: Item) -> str:
    candidate = "" if item.candidate is None else f", candidate {item.candidate}"
    return f"steps {item.start} to {item.stop - 1} of {item.source}{candidate}"
