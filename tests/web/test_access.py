"""Tokens and sessions."""

import hmac
import json
import stat
from pathlib import Path

import pytest

from robopref.errors import ConfigError, DataError
from robopref.web.access import Access


def test_generated_tokens_are_shown_once_and_kept_as_digests(tmp_path: Path) -> None:
    path = tmp_path / "annotators.json"
    access, new = Access.generated(["ann", "bob"], path)
    assert set(new) == {"ann", "bob"}
    assert access.by_token(new["ann"]) == "ann"
    assert access.by_token(new["bob"]) == "bob"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not any(token in path.read_text() for token in new.values())
    later, none = Access.generated(["ann", "cleo"], path)
    assert set(none) == {"cleo"}
    assert later.by_token(new["ann"]) == "ann"
    assert later.by_token(new["bob"]) is None  # no longer named


def test_a_session_outlives_the_server_and_is_no_token(tmp_path: Path) -> None:
    path = tmp_path / "annotators.json"
    access, new = Access.generated(["ann"], path)
    session = access.session("ann")
    assert Access.generated(["ann"], path)[0].by_session(session) == "ann"
    assert access.by_token(session) is None
    assert access.by_session(new["ann"]) is None
    for wrong in ("", "x", "\ud800", session[:-1]):
        assert access.by_session(wrong) is None
        assert access.by_token(wrong) is None


def test_every_token_is_compared_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time that it takes says neither whose token it is nor how much of it is right."""
    access, new = Access.generated(["ann", "bob", "cleo"], tmp_path / "annotators.json")
    compared: list[tuple[bytes, bytes]] = []
    same = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda one, two: bool(compared.append((one, two)) or same(one, two)))
    for token in (new["ann"], new["cleo"], "wrong"):
        compared.clear()
        access.by_token(token)
        access.by_session(token)
        assert len(compared) == 6
        assert {len(one) for one, _ in compared[:3]} == {64}  # digests, so that lengths tell nothing either


def test_tokens_can_be_given(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    path.write_text(json.dumps({"ann": "a long enough token"}))
    assert Access.from_file(path).by_token("a long enough token") == "ann"


def test_what_copying_puts_around_a_token_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    path.write_text(json.dumps({"ann": "a long enough token\n"}))
    access, (generated, new) = Access.from_file(path), Access.generated(["bob"], tmp_path / "annotators.json")
    assert access.by_token(" a long enough token") == "ann"
    assert generated.by_token(f"\u00a0{new['bob']}\r\n") == "bob"
    assert access.by_token("a long enoughtoken") is None


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", "[" * 100_000, '{"ann": "short"}', '{"ann": 12345678901234567890}',
                '{"a b": "a long enough token"}',
                '{"ann": "a long enough token", "bob": "a long enough token"}',
                '{"ann": "a long enough token", "bob": " a long enough token"}', '{"ann": "short                "}'],
)  # fmt: skip
def test_bad_tokens_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "tokens.json"
    path.write_text(content)
    with pytest.raises(ConfigError):
        Access.from_file(path)


@pytest.mark.parametrize("content", ["{", "[]", '{"ann": 5}', "[" * 100_000])
def test_a_damaged_file_of_digests_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "annotators.json"
    path.write_text(content)
    with pytest.raises(DataError, match=r"annotators\.json"):
        Access.generated(["ann"], path)
