"""Replies on disk by what was asked: nothing is paid for twice."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from robopref.errors import DataError
from robopref.labelers.judge import Reply, Usage

_TABLE = """CREATE TABLE IF NOT EXISTS replies (
    key TEXT PRIMARY KEY, judge TEXT NOT NULL, text TEXT NOT NULL, refused INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, time REAL NOT NULL)"""
_FIELDS = "key, judge, text, refused, input_tokens, output_tokens"


class ReplyCache:
    """Replies in an SQLite file; when `put` returns, the reply outlives the process.

    Several threads and processes may use one file.

    Args:
        path: The file; it is made if there is none.

    Raises:
        DataError: It cannot be opened, or is no such file.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._turn = threading.Lock()
        try:
            self._connection = sqlite3.connect(self.path, timeout=30, check_same_thread=False, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute(_TABLE)
            self._connection.execute(f"SELECT {_FIELDS} FROM replies LIMIT 0")
        except sqlite3.Error as error:
            raise DataError(f"{path}: {error}; expected a cache of replies, or no file yet") from error

    def __enter__(self) -> ReplyCache:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def get(self, key: str) -> Reply | None:
        """The reply of a `request_key`, or None if it was never made."""
        rows = self._execute(f"SELECT {_FIELDS} FROM replies WHERE key = ?", (key,))
        return None if not rows else _reply(rows[0])

    def put(self, key: str, judge: str, reply: Reply) -> None:
        """Keep a reply.

        Args:
            key: Its `request_key`.
            judge: Who made it.
            reply: The reply.
        """
        used = reply.usage
        row = (key, judge, reply.text, reply.refused, used.input_tokens, used.output_tokens, time.time())
        self._execute("INSERT OR IGNORE INTO replies VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def usages(self, judge: str) -> list[Usage]:
        """What the replies of a judge took, one each."""
        rows = self._execute("SELECT input_tokens, output_tokens FROM replies WHERE judge = ?", (judge,))
        return [Usage(*row) for row in rows]

    def export(self, path: str | Path) -> int:
        """Write all replies as JSON lines, for a `ReplayJudge`.

        Args:
            path: The file; one that exists is replaced.

        Returns:
            How many.

        Raises:
            DataError: The file cannot be written.
        """
        rows = self._execute(f"SELECT {_FIELDS} FROM replies ORDER BY key", ())
        names = _FIELDS.split(", ")
        unfinished = Path(path).with_suffix(".part")
        try:
            unfinished.write_text("".join(json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in rows))
            unfinished.replace(path)
        except OSError as error:
            raise DataError(f"{path}: cannot write ({error.strerror})") from error
        return len(rows)

    def _execute(self, statement: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        try:
            with self._turn:
                return self._connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise DataError(f"{self.path}: {error}") from error


def read_replies(path: str | Path) -> Iterator[tuple[str, str, Reply]]:
    """Read what `ReplyCache.export` wrote.

    Args:
        path: The file.

    Yields:
        Key, judge and reply.

    Raises:
        DataError: The file cannot be read, or a line, which is named, is no reply.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeError) as error:
        raise DataError(f"{path}: cannot read ({error}); expected recorded replies") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                stored = json.loads(line)
                row = tuple(stored[name] for name in _FIELDS.split(", "))
                found = str(row[0]), str(row[1]), _reply(row)
            except (ValueError, TypeError, KeyError) as error:
                raise DataError(f"{path}:{number}: expected an object with {_FIELDS}; {error!r}") from error
            yield found


def _reply(row: tuple[Any, ...]) -> Reply:
    _, _, text, refused, input_tokens, output_tokens = row
    return Reply(str(text), Usage(int(input_tokens), int(output_tokens)), bool(refused))
