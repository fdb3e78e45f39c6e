"""Recorded replies in place of a model, for tests and for datasets that others can make again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from robopref.errors import ConfigError, DataError
from robopref.labelers.judge import Part, Prices, RejectedError, Reply, Schema, request_key
from robopref.labelers.reply_cache import read_replies


class ReplayJudge:
    """Replies as a model did, to exactly the same questions, without a network.

    Args:
        path: File that `ReplyCache.export` wrote.
        input_price: USD a million tokens read, to report what they cost.
        output_price: USD a million tokens written.

    Raises:
        DataError: The file cannot be read, is empty, or holds replies of several models.
    """

    def __init__(
        self, path: str | Path | None, *, input_price: float | None = None, output_price: float | None = None
    ) -> None:
        if path is None:
            raise ConfigError("no file of recorded replies is named; set labeler.judge.path=<file>")
        recorded = list(read_replies(path))
        names = sorted({judge for _, judge, _ in recorded})
        if len(names) != 1:
            found = f"those of {', '.join(names)}" if names else "none"
            raise DataError(f"{path}: expected replies of one model, got {found}")
        self.path, self.prices = Path(path), Prices.given(input_price, output_price)
        self._name = names[0]
        self._replies = {key: reply for key, _, reply in recorded}

    @property
    def name(self) -> str:
        """Who made the replies."""
        return self._name

    def ask(self, parts: Sequence[Part], schema: Schema | None = None, *, sample: int = 0) -> Reply:
        """The recorded reply.

        Raises:
            RejectedError: There is none.
        """
        key = request_key(self.name, parts, schema, sample)
        if key not in self._replies:
            raise RejectedError(f"no recorded reply to this request in {self.path}")
        return self._replies[key]
