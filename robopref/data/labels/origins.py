"""Answers that were given elsewhere, and how they join those of a database: none twice, and a changed one replaced."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from robopref.data.labels.feedback_records import to_json
from robopref.errors import DataError
from robopref.records import Feedback


@dataclass(frozen=True)
class AnswerOrigin:
    """Where an answer was given, if it can be changed there later.

    Attributes:
        name: Names the answer, whatever it says by now.
        version: Of the answer; a later one sorts behind an earlier one. Empty if that is not known.
        replaces: The answer as it was exported from here, if it was.
    """

    name: str
    version: str = ""
    replaces: Feedback | None = None


@dataclass
class _Row:
    position: int
    standing: bool = True
    version: str = ""
    content: str = ""
    named: bool = False


class AnswersThere:
    """The answers of a database, as those of a file are held against them.

    Args:
        there: The answers, each with its ``position``, ``retracted`` and ``origin``.
        mark: Changes these for the answer of a position.
    """

    def __init__(self, there: Iterable[tuple[Feedback, Mapping[str, Any]]], mark: Callable[..., None]) -> None:
        self._mark = mark
        self._count: Counter[Feedback] = Counter()
        self._plain: dict[Feedback, list[_Row]] = defaultdict(list)  # of unknown origin
        self._given_at: dict[tuple[str, str, float], list[_Row]] = defaultdict(list)
        self._by_name: dict[str, list[_Row]] = defaultdict(list)
        self._keys: set[str] = set()
        for given, stored in there:
            row = _Row(stored["position"], stored["retracted"] is None)
            self._count[given] += 1
            if stored["origin"] is not None:
                try:
                    name, row.version, row.content = map(str, json.loads(stored["origin"]))
                except (TypeError, ValueError) as error:
                    raise DataError(f"feedback row {row.position} does not say where it came from ({error})") from error
                row.named = True
                self._by_name[name].append(row)
                self._keys.add(stored["origin"])
            else:
                self._plain[given].append(row)
                self._given_at[given.query_id, given.labeler, given.time].append(row)

    def take(self, given: Feedback, origin: AnswerOrigin | None = None) -> str | None:
        """Say whether an answer is new; one that it replaces is taken back.

        Equal answers can be given twice, so what a file has beyond the database is found by counting. What was taken
        back stays so.

        Args:
            given: The answer.
            origin: Where it was given.

        Returns:
            Under which origin it is to be stored, empty without one; None if it is there, or an older version.
        """
        if origin is None:
            if self._count[given] > 0:
                self._count[given] -= 1
                return None
            return ""
        told = json.dumps(to_json(given), sort_keys=True)
        content = hashlib.sha256(told.encode()).hexdigest()[:16]
        key = json.dumps([origin.name, origin.version, content])
        held = self._by_name[origin.name]
        if key in self._keys or any(row.version > origin.version for row in held):
            return None
        self._keys.add(key)
        same = next((row for row in held if row.standing and row.content == content), None)
        if same is None and not held and (same := _first(self._plain.get(given, ()))):
            # It came without its origin, from a file of another format or before origins were kept.
            held.append(same)
        if same:
            same.named, same.version, same.content = True, origin.version, content
            self._mark(same.position, origin=key)
            return None
        for row in held or self._earlier(given, origin):
            if row.standing:
                row.standing = False
                self._mark(row.position, retracted=time.time())
        held.append(_Row(-1, standing=False, version=origin.version))
        return key

    def _earlier(self, given: Feedback, origin: AnswerOrigin) -> list[_Row]:
        """The answer in an earlier version, of unknown origin."""
        found = None if origin.replaces is None else _first(self._plain.get(origin.replaces, ()))
        if found is None and given.time > 0:
            found = _first(self._given_at.get((given.query_id, given.labeler, given.time), ()))
        return [] if found is None else [found]


def _first(rows: Sequence[_Row]) -> _Row | None:
    """One that has no name yet, rather one that stands."""
    return min((row for row in rows if not row.named), key=lambda row: not row.standing, default=None)
