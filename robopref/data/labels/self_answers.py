"""Answers that follow from something else than a question, and change when that does."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from robopref.data.labels.feedback_records import to_json
from robopref.records import Feedback


@dataclass
class _Stored:
    given: Feedback
    position: int
    standing: bool


class SelfAnswers:
    """The answers of a database whose names begin with a mark; each question has one that stands.

    Args:
        there: The answers, each with its ``position``, ``answer_id`` and ``retracted``.
        mark: Begins the names.
        change: Changes what belongs to the taking of the answer of a position.
        insert: Stores an answer under a name.
    """

    def __init__(
        self,
        there: Iterable[tuple[Feedback, Mapping[str, Any]]],
        mark: str,
        *,
        change: Callable[..., None],
        insert: Callable[[Feedback, str], None],
    ) -> None:
        self._mark, self._change, self._insert = mark, change, insert
        self._there: dict[str, list[_Stored]] = {}
        for given, stored in there:
            if str(stored["answer_id"] or "").startswith(mark):
                row = _Stored(given, stored["position"], stored["retracted"] is None)
                self._there.setdefault(given.query_id, []).append(row)

    def put(self, given: Feedback) -> bool:
        """Let this be the answer to its question, once for each question.

        Args:
            given: A checked answer.

        Returns:
            Whether it was not.
        """
        held = self._there.get(given.query_id, [])
        if any(one.standing and one.given == given for one in held):
            return False
        for one in held:
            if one.standing:
                self._change(one.position, retracted=time.time())
        again = next((one for one in held if one.given == given), None)
        if again is not None:
            self._change(again.position, retracted=None)
            return True
        name = f"{self._mark}{given.query_id}"
        if held:
            told = json.dumps(to_json(given), sort_keys=True)
            name += f"/{hashlib.sha256(told.encode()).hexdigest()[:16]}"
        self._insert(given, name)
        return True
