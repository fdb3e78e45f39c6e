"""Answers that follow from something else than a question, and change when that does."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from robopref.data.labels.database import LabelDatabase, feedback
from robopref.data.labels.feedback_records import to_json
from robopref.records import Feedback


@dataclass
class _Stored:
    given: Feedback
    name: str
    standing: bool


class SelfAnswers:
    """The answers of a database whose names begin with a mark; each question has one that stands.

    Args:
        database: The database.
        connection: Within a transaction that writes.
        mark: Begins the names.

    Raises:
        DataError: A row is damaged.
    """

    def __init__(self, database: LabelDatabase, connection: sa.Connection, mark: str) -> None:
        self._database, self._connection, self._mark = database, connection, mark
        self._there: dict[str, list[_Stored]] = {}
        marked = feedback.c.answer_id.startswith(mark, autoescape=True)
        for row in connection.execute(sa.select(feedback).where(marked).order_by("position")).mappings():
            stored = _Stored(database.record(Feedback, row), row["answer_id"], row["retracted"] is None)
            self._there.setdefault(stored.given.query_id, []).append(stored)

    def put(self, given: Feedback) -> bool:
        """Let this be the answer to its question.

        Args:
            given: A checked answer.

        Returns:
            Whether it was not.
        """
        held = self._there.setdefault(given.query_id, [])
        if any(one.standing and one.given == given for one in held):
            return False
        for one in held:
            if one.standing:
                self._set(one, time.time())
        again = next((one for one in held if one.given == given), None)
        if again is not None:
            self._set(again, None)
            return True
        name = f"{self._mark}{given.query_id}"
        if held:
            told = json.dumps(to_json(given), sort_keys=True)
            name += f"/{hashlib.sha256(told.encode()).hexdigest()[:16]}"
        self._database.insert(self._connection, [given], answer_id=name)
        held.append(_Stored(given, name, standing=True))
        return True

    def _set(self, one: _Stored, retracted: float | None) -> None:
        where: Any = feedback.c.answer_id == one.name
        self._connection.execute(sa.update(feedback).where(where).values(retracted=retracted))
        one.standing = retracted is None
