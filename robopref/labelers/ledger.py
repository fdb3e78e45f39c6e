"""Every request that was made, on disk before it is sent: what may be on somebody's bill outlives the process."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from robopref.labelers.judge import Prices, Usage

_TABLE = """CREATE TABLE requests (
    number INTEGER PRIMARY KEY, judge TEXT NOT NULL, state TEXT NOT NULL,
    input_tokens INTEGER, output_tokens INTEGER, usd REAL, time REAL NOT NULL)"""
# A file of earlier versions holds replies only; each was one request.
_EARLIER = """INSERT INTO requests (judge, state, input_tokens, output_tokens, time)
    SELECT judge, CASE WHEN input_tokens > 0 THEN 'reported' ELSE 'unreported' END, input_tokens, output_tokens, time
    FROM replies"""
# Files come from others, too: what is less than nothing would make room for more, and no request has endless tokens.
_TOTALS = """SELECT COUNT(*), TOTAL(state <> 'free'), TOTAL(reported * read), TOTAL(reported * written),
    TOTAL(reported * CASE WHEN judge = :judge OR usd IS NULL THEN read * :input + written * :output ELSE usd END),
    TOTAL(silent AND (judge = :judge OR usd IS NULL)), TOTAL(CASE WHEN silent AND judge <> :judge THEN usd END),
    MAX(CASE WHEN reported AND judge = :judge THEN NULLIF(read * :input + written * :output, 0) END),
    TOTAL(reported AND judge = :judge)
    FROM (SELECT judge, MAX(CAST(usd AS REAL), 0) AS usd, state, state = 'reported' AS reported,
          state IN ('open', 'unreported') AS silent,
          MIN(MAX(CAST(COALESCE(input_tokens, 0) AS REAL), 0), 1e7) AS read,
          MIN(MAX(CAST(COALESCE(output_tokens, 0) AS REAL), 0), 1e7) AS written FROM requests)"""


@dataclass(frozen=True)
class Totals:
    """Sums over all requests.

    Attributes:
        requests: How many were made, by whomever.
        billed: How many of them may be on a bill.
        used: Tokens that servers have reported.
        reported: USD for these.
        silent: Requests under way, and those that may be on a bill though nothing was reported.
        others: USD that silent requests to other judges were taken for.
        dearest: USD of the dearest reported request to the judge in question; None if there is none.
        reports: How many requests to that judge were reported.
    """

    requests: int
    billed: int
    used: Usage
    reported: float
    silent: int
    others: float
    dearest: float | None
    reports: int


class Ledger:
    """Requests in an SQLite file, by the connection of whoever owns that.

    A process that is killed leaves the request that was under way as it was: it counts like one whose reply was lost.

    Args:
        connection: To the file, in autocommit mode.
        turn: Held while the connection is used.
    """

    def __init__(self, connection: sqlite3.Connection, turn: threading.RLock) -> None:
        self._connection, self._turn = connection, turn
        with self.turn():
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if "requests" not in tables:
                connection.execute(_TABLE)
                if "replies" in tables:
                    connection.execute(_EARLIER)

    @classmethod
    def in_memory(cls) -> Ledger:
        """One that is forgotten with the process."""
        return cls(sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None), threading.RLock())

    @contextmanager
    def turn(self) -> Generator[None]:
        """Be alone with the file: no other thread or process writes in between."""
        with self._turn:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def totals(self, judge: str, prices: Prices | None) -> Totals:
        """Sums, by the prices of now for a judge, and by those of then for others.

        Args:
            judge: Which one.
            prices: Of that judge; None counts tokens only.
        """
        per = Prices(0.0, 0.0) if prices is None else prices
        values = {"judge": judge, "input": per.input / 1e6, "output": per.output / 1e6}
        with self._turn:
            row = self._connection.execute(_TOTALS, values).fetchone()
        requests, billed, read, written, usd, silent, others, dearest, reports = row
        used = Usage(int(read), int(written))
        return Totals(int(requests), int(billed), used, float(usd), int(silent), float(others), dearest, int(reports))

    def open(self, judge: str) -> int:
        """Write down a request that is about to be made; its number."""
        with self._turn:
            row = (judge, time.time())
            done = self._connection.execute("INSERT INTO requests (judge, state, time) VALUES (?, 'open', ?)", row)
            return int(done.lastrowid or 0)

    def close(self, number: int, usage: Usage | None, usd: float | None, *, free: bool = False) -> None:
        """Write down what became of a request.

        Args:
            number: Which one.
            usage: What it took; None if that was not reported.
            usd: What it is taken to have cost.
            free: Whether it can be on no bill.
        """
        state = "reported" if usage is not None else "free" if free else "unreported"
        used = (None, None) if usage is None else (usage.input_tokens, usage.output_tokens)
        with self._turn:
            self._connection.execute(
                "UPDATE requests SET state = ?, input_tokens = ?, output_tokens = ?, usd = ? WHERE number = ?",
                (state, *used, usd, number),
            )
