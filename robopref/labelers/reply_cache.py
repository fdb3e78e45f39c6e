"""Replies on disk by what was asked: nothing is paid for twice."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from robopref.data.plain_tables import SCHEMA, require_files, strange_part
from robopref.errors import DataError
from robopref.files import replacing, require_file
from robopref.labelers.blanking import Blanking
from robopref.labelers.judge import Reply, Usage
from robopref.labelers.ledger import Ledger
from robopref.labelers.reply_tokens import plain_tokens, stored_tokens
from robopref.plain_json import plain_json

_TABLE = """CREATE TABLE IF NOT EXISTS replies (
    key TEXT PRIMARY KEY, judge TEXT NOT NULL, text TEXT NOT NULL, refused INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, time REAL NOT NULL,
    cut INTEGER NOT NULL DEFAULT 0, tokens TEXT)"""
_FIELDS = ("key", "judge", "text", "refused", "input_tokens", "output_tokens", "cut", "tokens")
_ADDED = {"cut": "INTEGER NOT NULL DEFAULT 0", "tokens": "TEXT"}  # since the first version
_KINDS = {"key": str, "judge": str, "text": str, "refused": (bool, int), "cut": (bool, int)}
_COLUMNS = ", ".join(_FIELDS)
_LINE = 4_000_000  # bytes of one recorded reply


class ReplyCache:
    """Replies in an SQLite file; when `put` returns, the reply outlives the process.

    Several threads and processes may use one file. Keys that environment variables hold are neither kept nor given
    back.

    Args:
        path: The file; it is made if there is none.

    Attributes:
        ledger: Every request that was made, in the same file.

    Raises:
        DataError: It cannot be opened, or is no such file.
    """

    ledger: Ledger

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._turn = threading.RLock()
        self._blanked = Blanking.of_environment()
        require_files(self.path)
        try:
            self._connection = sqlite3.connect(self.path, timeout=30, check_same_thread=False, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._require_plain()
            self._connection.execute(_TABLE)
            columns = {name for _, name, *_ in self._connection.execute("PRAGMA table_info(replies)")}
            for name, kind in _ADDED.items():
                if name not in columns:
                    self._connection.execute(f"ALTER TABLE replies ADD COLUMN {name} {kind}")
            self._connection.execute(f"SELECT {_COLUMNS}, time FROM replies LIMIT 0")
            self.ledger = Ledger(self._connection, self._turn)
        except sqlite3.Error as error:
            raise DataError(f"{path}: {error}; expected a cache of replies, or no file yet") from error

    def __enter__(self) -> ReplyCache:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _require_plain(self) -> None:
        strange = strange_part(self._connection.execute(SCHEMA), ("replies", "requests"))
        if strange is not None:
            self.close()
            raise DataError(f"{self.path}: {strange}; drop it with sqlite3, or move the file away")

    def get(self, key: str) -> Reply | None:
        """The reply of a `request_key`, or None if it was never made.

        Raises:
            DataError: The file holds something else in its place.
        """
        rows = self._execute(f"SELECT {_COLUMNS} FROM replies WHERE key = ?", (key,))
        return None if not rows else self._read(rows[0])[2]

    def put(self, key: str, judge: str, reply: Reply) -> Reply:
        """Keep a reply.

        Args:
            key: Its `request_key`.
            judge: Who made it.
            reply: The reply.

        Returns:
            It, as it was kept.
        """
        kept = self._clean(reply)
        used = kept.usage or Usage()
        tokens = None if kept.tokens is None else json.dumps(plain_tokens(kept.tokens))
        row = (key, judge, kept.text, kept.refused, used.input_tokens, used.output_tokens, kept.cut, tokens)
        self._execute(
            f"INSERT OR IGNORE INTO replies ({_COLUMNS}, time) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*row, time.time())
        )
        return kept

    def export(self, path: str | Path) -> int:
        """Write all replies as JSON lines, for a `ReplayJudge`.

        Args:
            path: The file; one that exists is replaced.

        Returns:
            How many.

        Raises:
            DataError: The file cannot be written, or a reply not be read.
        """
        rows = self._execute(f"SELECT {_COLUMNS} FROM replies ORDER BY key", ())
        with replacing(Path(path)) as unfinished, unfinished.open("w", encoding="utf-8") as file:
            for row in rows:
                key, judge, reply = self._read(row)
                used = reply.usage or Usage()
                tokens = plain_tokens(reply.tokens)
                values = (key, judge, reply.text, reply.refused, used.input_tokens, used.output_tokens, reply.cut)
                file.write(json.dumps(dict(zip(_FIELDS, (*values, tokens), strict=True))) + "\n")
        return len(rows)

    def _read(self, row: tuple[Any, ...]) -> tuple[str, str, Reply]:
        try:
            stored: dict[str, Any] = dict(zip(_FIELDS, row, strict=True))
            if stored["tokens"] is not None:
                stored["tokens"] = json.loads(stored["tokens"])
            key, judge, reply = _recorded(stored)
        except (ValueError, TypeError, RecursionError) as error:
            raise DataError(f"{self.path}: {error}; restore it from a copy, or move it away to ask again") from error
        return key, judge, self._clean(reply)

    def _clean(self, reply: Reply) -> Reply:
        joined = "".join(token.text for token in reply.tokens or ())
        tokens = reply.tokens if self._blanked(joined) == joined else ()
        return Reply(self._blanked(reply.text), reply.usage, reply.refused, reply.cut, tokens)

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
    known: dict[str, Reply] = {}
    require_file(Path(path))
    try:
        with Path(path).open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(_LINE), b""), 1):
                if not line.strip():
                    continue
                try:
                    found = _recorded({"cut": False, "tokens": None} | dict(plain_json(line.decode("utf-8")).items()))
                except (ValueError, AttributeError, RecursionError) as error:
                    raise DataError(f"{path}:{number}: expected an object with {_COLUMNS}; {error}") from error
                if known.setdefault(found[0], found[2]) != found[2]:
                    raise DataError(f"{path}:{number}: another reply to {found[0][:16]} stands before")
                yield found
    except OSError as error:
        raise DataError(f"{path}: cannot read ({error.strerror}); expected recorded replies") from error


def _recorded(stored: dict[str, Any]) -> tuple[str, str, Reply]:
    """Key, judge and reply from fields of a file.

    Raises:
        ValueError: One is missing, or of another kind.
    """
    missing = [name for name in _FIELDS if name not in stored]
    if missing:
        raise ValueError(f"it has no {', '.join(missing)}")
    wrong = [name for name, kind in _KINDS.items() if not isinstance(stored[name], kind)]
    if wrong:
        raise ValueError(f"{wrong[0]} is a {type(stored[wrong[0]]).__name__}")
    tokens = stored["input_tokens"], stored["output_tokens"]
    if any(type(count) is not int or count < 0 for count in tokens):
        raise ValueError("its tokens are no counts")
    reply = Reply(
        stored["text"], Usage.reported(*tokens), bool(stored["refused"]), bool(stored["cut"]),
        stored_tokens(stored["tokens"]),
    )  # fmt: skip
    return stored["key"], stored["judge"], reply
