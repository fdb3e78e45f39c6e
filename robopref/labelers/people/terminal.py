"""Labelling without a browser: pictures as files, answers by key, the same database."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from robopref.asked_features import AskedFeature
from robopref.data.labels.assignments import SKIPPED
from robopref.errors import ConflictError, DataError
from robopref.labelers.people.desk import BAD_EPISODE, CANNOT_TELL, Desk
from robopref.labelers.people.montage import draw_montage
from robopref.labelers.people.questions import shown_order
from robopref.records import Query, QueryKind

_ABSTENTIONS = {"c": CANNOT_TELL, "s": SKIPPED, "f": BAD_EPISODE}
_PAIR = {"11": 1.0, "1": 0.75, "=": 0.5, "2": 0.25, "22": 0.0}
_RELEVANCE = {"+": 1, "-": -1, "0": 0}
_NUMBER = re.compile(r"[+-]?(\d{1,12}\.?\d{0,12}|\.\d{1,12})(e[+-]?\d{1,2})?")
_ALWAYS = "c can't tell, s skip, f bad episode, u undo, q stop"


class TerminalLabeler:
    """Asks one person, question by question, until there are no more or the person stops.

    Args:
        desk: Puts the questions.
        labeler: Name of the person.
        picture: PNG that shows the present question.
        read: Reads a line, given a prompt.
        say: Writes a line.
    """

    def __init__(
        self, desk: Desk, labeler: str, picture: Path, read: Callable[[str], str], say: Callable[[str], None]
    ) -> None:
        self.desk, self.labeler, self.picture, self.read, self.say = desk, labeler, picture, read, say

    def run(self) -> None:
        """Ask.

        Raises:
            DataError: The database cannot be read or written.
        """
        assignments = self.desk.assignments
        while (query := assignments.claim(self.labeler)) is not None:
            progress = assignments.progress()
            words = [f"\n{progress.done} of {progress.wanted} answers.", query.instruction, _about(query)]
            if query.items:
                draw_montage(self.picture, query, shown_order(query, self.labeler), self.desk.scenes, self.desk.media)
                words.append(f"See {self.picture}")
            self.say(" ".join(filter(None, words)))
            if not self._ask(query):
                return
        self.say("All done. Thank you!")

    def _ask(self, query: Query) -> bool:
        """Ask one question until it is answered or another one comes; False to stop."""
        began = time.monotonic()
        while True:
            try:
                words = self.read(f"{_prompt(query, self.desk.levels)}; {_ALWAYS}: ").strip().lower()
            except EOFError:
                return False
            if words == "q":
                return False
            if words == "u":
                last = self.desk.assignments.last(self.labeler)
                if last is not None:
                    self.desk.assignments.retract(self.labeler, last)
                    return True
                self.say("there is nothing to undo")
                continue
            word, _, reason = words.partition(" ")
            answer = parse_answer(word, query, self.desk.levels)
            if answer is None:
                self.say(f"{words!r} is no answer here")
                continue
            seconds = time.monotonic() - began
            try:
                given = self.desk.read(query, self.labeler, answer, seconds=seconds, rationale=reason)
            except DataError as error:
                self.say(str(error))
                continue
            try:
                self.desk.assignments.submit(given, uuid.uuid4().hex)
            except ConflictError as error:  # someone else was faster
                self.say(f"not taken: {error}")
            return True


def parse_answer(word: str, query: Query, levels: int) -> dict[str, Any] | None:
    """What a word says about the items as shown.

    Args:
        word: Such as ``1``, or ``3>1=2`` or ``312`` for a ranking, or for a threshold ``12.5`` in the unit shown.
        query: The question.
        levels: Steps of the rating scale.

    Returns:
        JSON values of the answer, or None if it is none.
    """
    if word in _ABSTENTIONS:
        return {"type": "abstain", "reason": _ABSTENTIONS[word]}
    if query.kind == "pair":
        return {"type": "preference", "p": _PAIR[word]} if word in _PAIR else None
    if query.kind == "ranking":
        return _parse_ranking(word, len(query.items))
    if query.feature is not None:
        return _parse_about(word, query.kind, query.feature)
    return _parse_number(word, query, levels)


def _parse_number(word: str, query: Query, levels: int) -> dict[str, Any] | None:
    """The number of the odd one, or of a step of the rating scale."""
    if not re.fullmatch("[1-9]", word):
        return None
    number = int(word) - 1
    if query.kind == "similarity":
        return {"type": "similarity", "odd": number} if number < len(query.items) else None
    return {"type": "rating", "value": number / (levels - 1)} if number < levels else None


def _parse_ranking(word: str, count: int) -> dict[str, Any] | None:
    """Numbers, best first; ``=`` between those that are equally good."""
    compact = word.replace(">", "").replace(",", "")
    if not re.fullmatch("[1-9](=?[1-9])*", compact):
        return None
    ranks: dict[int, int] = {}
    rank = -1
    for equal, digit in re.findall("(=?)([1-9])", compact):
        rank += 0 if equal else 1
        ranks[int(digit) - 1] = rank
    if len(compact.replace("=", "")) != count or sorted(ranks) != list(range(count)):
        return None
    return {"type": "ranking", "ranks": [ranks[place] for place in range(count)]}


def _parse_about(word: str, kind: QueryKind, feature: AskedFeature) -> dict[str, Any] | None:
    """A sign, or a number in the unit that is shown; ``#2`` for as much as the second example has, ``n`` for none."""
    if kind == "feature":
        return {"type": "relevance", "direction": _RELEVANCE[word]} if word in _RELEVANCE else None
    example = re.fullmatch("#([1-9])", word)
    if word == "n":
        value = getattr(feature, feature.side)
    elif example is not None:
        shown = sorted(feature.values)[int(example[1]) - 1 : int(example[1])]
        value = min(max(shown[0], feature.low), feature.high) if shown else None
    elif _NUMBER.fullmatch(word):
        value = _nearest(float(word) / feature.scale, feature)
    else:
        value = None
    return None if value is None else {"type": "threshold", "value": value}


def _nearest(value: float, feature: AskedFeature) -> float | None:
    """A value of the scale, whose ends may have been rounded when they were shown; None if it lies beyond."""
    room = 1e-3 * (feature.high - feature.low)
    inside = feature.low - room <= value <= feature.high + room
    return min(max(value, feature.low), feature.high) if inside else None


def _about(query: Query) -> str:
    """What a question about a feature asks."""
    feature = query.feature
    if feature is None:
        return ""
    if query.kind == "feature":
        return f"Does {feature.words} matter?"
    how = "little is too little" if feature.side == "low" else "much is too much"
    return f"{feature.words[:1].upper()}{feature.words[1:]}: how {how}?"


def _prompt(query: Query, levels: int) -> str:
    if query.feature is not None:
        return _feature_prompt(query, query.feature)
    return {
        "pair": "1 or 2 is better, 11 or 22 much better, = equally good",
        "ranking": "best first, such as " + ">".join(str(place + 1) for place in range(min(9, len(query.items)))),
        "similarity": "1, 2 or 3 is least like the other two",
        "rating": f"1 (bad) to {levels} (good)" if levels > 2 else "1 failure, 2 success",
    }[query.kind]


def _feature_prompt(query: Query, feature: AskedFeature) -> str:
    if query.kind == "feature":
        return "+ more is better, - less is better, 0 it does not matter"
    examples = ", #1 as much as example 1 has" if feature.values else ""
    too = "little" if feature.side == "low" else "much"
    unit = f" in {feature.unit}" if feature.unit else ""
    ends = f"{feature.shown(feature.low)} to {feature.shown(feature.high)}"
    return f"a number{unit} ({ends}){examples}, n nothing of this is too {too}"
