"""Replies that outlive the process, and their recording."""

import threading
from pathlib import Path

import numpy as np
import pytest

from robopref.errors import ConfigError, DataError
from robopref.labelers.judge import Prices, RejectedError, Reply, Usage, request_key
from robopref.labelers.prompts import PAIR_SCHEMA
from robopref.labelers.replay import ReplayJudge
from robopref.labelers.reply_cache import ReplyCache

PARTS = ["look", np.arange(48, dtype=np.uint8).reshape(4, 4, 3)]


def test_a_reply_is_there_after_the_file_is_opened_anew(tmp_path: Path) -> None:
    reply = Reply("{} “quoted”\n", Usage(120, 7), refused=True)
    with ReplyCache(tmp_path / "replies.sqlite") as cache:
        assert cache.get("k") is None
        cache.put("k", "model", reply)
        cache.put("k", "model", Reply("a later one"))
    with ReplyCache(tmp_path / "replies.sqlite") as cache:
        assert cache.get("k") == reply
        assert cache.usages("model") == [Usage(120, 7)]
        assert cache.usages("another") == []


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
        assert len(cache.usages("m")) == 80


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
