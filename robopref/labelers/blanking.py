"""Texts of others without the keys that they were sent: a server may repeat what it was told."""

from __future__ import annotations

import base64
import html
import json
import os
import re
import threading
from collections.abc import Iterable, Mapping
from urllib.parse import quote, quote_plus, unquote, urlsplit

BLANK = "[key]"
_RUN = 8  # characters of a long key that are enough to be blanked
_SHORTEST = 4
_LONG = 16
# What the client libraries read, and what by its name is a key of something else.
_NAMED = re.compile(r"(?:API_?KEY|_KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?|CUSTOM_HEADERS)\w*$", re.I)
_ADDRESSES = re.compile(r"(?:_PROXY|_BASE_URL|DATABASE_URL)$", re.I)
# Words that are written where a server wants no key; blanking them would tear holes into prose.
_NO_KEYS = {"none", "null", "empty", "true", "false", "dummy", "test", "ollama", "api-key-not-set", "not-needed", "key"}


class Blanking:
    """Replaces known keys by ``[key]``, also parts of them, and written in another way.

    Other ways are those of addresses, JSON, HTML, base64 (also in the middle of something longer) and hexadecimal
    digits, in capitals or not. Of keys of at least 16 characters any 8 in a row are blanked.

    Args:
        keys: What is not to be kept.
    """

    def __init__(self, keys: Iterable[str] = ()) -> None:
        self._turn = threading.Lock()
        self._keys: set[str] = set()
        self._exact: frozenset[str] = frozenset()
        self._runs: frozenset[str] = frozenset()
        self.add(*keys)

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] | None = None) -> Blanking:
        """With all keys that environment variables hold, by their names, and those within addresses of servers.

        Args:
            environment: The variables; None takes those of the process.
        """
        found = cls()
        for name, value in (os.environ if environment is None else environment).items():
            if _NAMED.search(name):
                found.add(value, *re.split(r"[\s:,;]+", value))
            elif _ADDRESSES.search(name):
                found.add_address(value)
        return found

    def add(self, *keys: str) -> None:
        """Know more keys; what is too short to be one, or says that there is none, is left out."""
        fresh = {key for text in keys if _is_key(key := text.strip())} - self._keys
        if not fresh:
            return
        forms = {form.lower() for key in fresh for form in _forms(key) if len(form) >= _SHORTEST}
        with self._turn:
            self._keys |= fresh
            self._exact |= {form for form in forms if len(form) < _LONG}
            self._runs |= {
                form[k : k + _RUN] for form in forms if len(form) >= _LONG for k in range(len(form) - _RUN + 1)
            }

    def add_address(self, address: str) -> None:
        """Know what an address holds as user, password and values of its query."""
        self.add(*keys_of_address(address))

    def __call__(self, text: str) -> str:
        """The text without keys."""
        exact, runs = self._exact, self._runs
        folded = text.lower()
        if len(folded) != len(text):  # some letters have no small form of one letter
            folded = "".join(small if len(small := letter.lower()) == 1 else letter for letter in text)
        spans = [(k, k + _RUN) for k in range(len(folded) - _RUN + 1) if folded[k : k + _RUN] in runs] if runs else []
        for form in exact:
            place = folded.find(form)
            while place >= 0:
                spans.append((place, place + len(form)))
                place = folded.find(form, place + 1)
        kept: list[str] = []
        end = 0
        for start, stop in sorted(spans):
            if start > end or not kept:
                kept += [text[end:start], BLANK]
            end = max(end, stop)
        return "".join(kept) + text[end:]


def keys_of_address(address: str) -> list[str]:
    """User, password and values of the query of an address, as they are written and as they are meant."""
    try:
        parts = urlsplit(address)
        held = [parts.username or "", parts.password or "", *re.findall(r"=([^&]+)", parts.query)]
    except ValueError:
        return []
    pair = [f"{parts.username}:{parts.password}"] if parts.password else []
    return [form for one in (*held, *pair) for form in (one, unquote(one)) if one]


def _is_key(text: str) -> bool:
    return len(text) >= _SHORTEST and text.lower() not in _NO_KEYS


def _forms(key: str) -> list[str]:
    raw = key.encode("utf-8", "replace")
    forms = [key, quote(key, safe=""), quote(key), quote_plus(key), json.dumps(key)[1:-1], html.escape(key), raw.hex()]
    for offset in range(3):
        # Within something longer only the digits count that no neighbour has a part in.
        first, last = -(-offset * 8 // 6), (offset + len(raw)) * 8 // 6
        inner = base64.b64encode(b"\0" * offset + raw)[first:last].decode()
        forms += [inner, inner.translate(str.maketrans("+/", "-_"))]
    return forms
