"""Replies that outlive the process, and their recording."""

import json
import sqlite3
import threading
from pathlib import Path

import numpy as np
import pytest

from robopref.errors import ConfigError, DataError
from robopref.labelers.judge import Prices, RejectedError, Reply, Usage, request_key
from robopref.labelers.prompts import PAIR_SCHEMA
from robopref.labelers.recorded_replies import ReplayJudge
from robopref.labelers.reply_cache import ReplyCache, read_replies

PARTS = ["look", np.arange(48, dtype=np.uint8).reshape(4, 4, 3)]


def test_a_reply_is_there_after_the_file_is_opened_anew(tmp_path: Path) -> None:
    reply = Reply("{} “quoted”\n", Usage(120, 7), refused=True)
    with ReplyCache(tmp_path / "replies.sqlite") as cache:
        assert cache.get("k") is None
        cache.put("k", "model", reply)
        cache.put("k", "model", Reply("a later one"))
    with ReplyCache(tmp_path / "replies.sqlite") as cache:
        assert cache.get("k") == reply


def test_threads_share_a_cache(tmp_path: Path) -> None:
    with ReplyCache(tmp_path / "replies.sqlite") as cache:
        threads = [
            threading.Thread(target=lambda k=k: [cache.put(f"{k}-{i}", "m", Reply(str(i))) for i in range(20)])
            for k in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(cache.get(f"{k}-{i}") == Reply(str(i)) for k in range(4) for i in range(20))


def test_another_file_is_no_cache(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no database at all, but a text of some length")
    with pytest.raises(DataError, match="expected a cache"):
        ReplyCache(tmp_path / "notes.txt")


def test_recorded_replies_are_given_to_the_same_questions_only(tmp_path: Path) -> None:
    key = request_key("model t=0", PARTS, PAIR_SCHEMA, 0)
    with ReplyCache(tmp_path / "replies.sqlite") as cache:
        cache.put(key, "model t=0", Reply("said", Usage(5, 6)))
        assert cache.export(tmp_path / "replies.jsonl") == 1
    judge = ReplayJudge(tmp_path / "replies.jsonl", input_price=1.0, output_price=2.0)
    assert judge.name == "model t=0"
    assert judge.prices == Prices(1.0, 2.0)
    assert judge.ask(PARTS, PAIR_SCHEMA) == Reply("said", Usage(5, 6))
    for parts, schema, sample in ((PARTS, None, 0), (PARTS, PAIR_SCHEMA, 1), (PARTS[:1], PAIR_SCHEMA, 0)):
        with pytest.raises(RejectedError, match="no recorded reply"):
            judge.ask(parts, schema, sample=sample)


def test_a_recording_that_cannot_be_used_says_why(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    with pytest.raises(ConfigError, match=r"labeler\.judge\.path"):
        ReplayJudge(None)
    with pytest.raises(DataError, match="cannot read"):
        ReplayJudge(path)
    path.write_text("\n")
    with pytest.raises(DataError, match="got none"):
        ReplayJudge(path)
    path.write_text('{"key": "k"}\n')
    with pytest.raises(DataError, match="jsonl:1"):
        ReplayJudge(path)
    with ReplyCache(tmp_path / "replies.sqlite") as cache:
        cache.put("a", "one", Reply(""))
        cache.put("b", "two", Reply(""))
        cache.export(path)
    with pytest.raises(DataError, match="those of one, two"):
        ReplayJudge(path)


GOOD = {"key": "k", "judge": "m", "text": "said", "refused": False, "input_tokens": 5, "output_tokens": 6}


@pytest.mark.parametrize(
    "line",
    [
        "[1]", "7", "null", '"text"', "{", "[" * 100_000, '{"key":' * 100_000, "\xff",
        *(json.dumps(GOOD | {name: value}) for name, value in [
            ("text", None), ("text", ["said"]), ("refused", "no"), ("input_tokens", -5), ("input_tokens", 1e400),
            ("output_tokens", "6"), ("output_tokens", True), ("key", 3), ("judge", None), ("cut", "yes"),
        ]),
        json.dumps(GOOD) + "\n" + json.dumps(GOOD | {"text": "something else"}),
    ],
)  # fmt: skip
def test_a_line_of_another_form_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "replies.jsonl"
    path.write_bytes(line.encode("latin-1"))
    with pytest.raises(DataError, match=rf"jsonl:{1 + line.count(chr(10))}: "):
        ReplayJudge(path)


def test_a_damaged_row_is_named_and_counts(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    with ReplyCache(path) as cache:
        cache.put("k", "m", Reply("said"))
    file = sqlite3.connect(path)
    file.execute("UPDATE replies SET text = x'00ff', input_tokens = 'many'")
    file.commit()
    file.close()
    with ReplyCache(path) as cache, pytest.raises(DataError, match=r"replies\.sqlite: text is a bytes"):
        cache.get("k")


def test_an_export_is_whole_or_not_at_all(tmp_path: Path) -> None:
    with ReplyCache(tmp_path / "replies.sqlite") as cache:
        cache.put("k", "m", Reply("said", Usage(5, 6), cut=True))
        cache.export(tmp_path / "replies.jsonl")
        (tmp_path / "folder").mkdir()
        with pytest.raises(DataError, match="cannot write"):
            cache.export(tmp_path / "folder")
    assert not [path for path in tmp_path.iterdir() if "partial" in path.name]
    assert [reply for _, _, reply in read_replies(tmp_path / "replies.jsonl")] == [Reply("said", Usage(5, 6), cut=True)]
