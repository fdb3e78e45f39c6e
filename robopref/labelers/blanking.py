"""Texts of others without the keys that they were sent: a server may repeat what it was told."""

from __future__ import annotations

import base64
import html
import json
import os
import re
import sys
import threading
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote, quote_plus, unquote, urlsplit

BLANK = "[key]"
_RUN = 8  # characters of a long key that are enough to be blanked
_SHORTEST = 4
_LONG = 16
# How a letter may be written otherwise, also more than once over.
_ESCAPED = re.compile(
    r"\\+u\{?([0-9a-f]{4,6})\}?|\\+x([0-9a-f]{2})|%(?:25)*([0-9a-f]{2})|&(?:amp;)*#x0*([0-9a-f]{1,6});?"
    r"|&(?:amp;)*#0*([0-9]{1,7});?",
    re.I,
)
# What the client libraries read, and what by its name is a key of something else.
_NAMED = re.compile(r"(?:API_?KEY|_KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?|CUSTOM_HEADERS)\w*$", re.I)
_ADDRESSES = re.compile(r"(?:_PROXY|_BASE_URL|DATABASE_URL)$", re.I)
# Words that are written where a server wants no key; blanking them would tear holes into prose.
_NO_KEYS = {"none", "null", "empty", "true", "false", "dummy", "test", "ollama", "api-key-not-set", "not-needed", "key"}


class Blanking:
    """Replaces known keys by ``[key]``, also parts of them, and written in another way.

    Other ways are those of addresses, JSON, HTML, base64 (also in the middle of something longer) and hexadecimal
    digits, in capitals or not, and letters written as numbers. Of keys of at least 16 characters any 8 in a row are
    blanked, and of those with 8 letters and digits also with anything else in between, such as ends of lines.

    Args:
        keys: What is not to be kept.
    """

    def __init__(self, keys: Iterable[str] = ()) -> None:
        self._turn = threading.Lock()
        self._keys: set[str] = set()
        self._exact: frozenset[str] = frozenset()
        self._runs: frozenset[str] = frozenset()
        self._bare: frozenset[str] = frozenset()  # as the two above, of letters and digits only
        self._bare_runs: frozenset[str] = frozenset()
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
        codes = {code for key in fresh for code in _codes(key)}
        with self._turn:
            self._keys |= fresh
            self._exact |= {form for form in forms if len(form) < _LONG}
            self._runs |= {run for form in forms if len(form) >= _LONG for run in _runs(form)}
            self._bare |= {bare for form in codes if len(form) < _LONG and len(bare := _bared(form)[0]) >= _RUN}
            self._bare_runs |= {run for form in codes if len(form) >= _LONG for run in _runs(_bared(form)[0])}

    def add_address(self, address: str) -> None:
        """Know what an address holds as user, password and values of its query."""
        self.add(*keys_of_address(address))

    def __call__(self, text: str) -> str:
        """The text without keys."""
        folded = text.lower()
        if len(folded) != len(text):  # some letters have no small form of one letter
            folded = "".join(small if len(small := letter.lower()) == 1 else letter for letter in text)
        spans = list(_places(folded, self._exact, self._runs))
        if self._bare or self._bare_runs:
            bare, begins, ends = _bared(text)
            spans += [(begins[a], ends[b - 1]) for a, b in _places(bare, self._bare, self._bare_runs)]
        kept: list[str] = []
        end = 0
        for start, stop in sorted(spans):
            if start > end or not kept:
                kept += [text[end:start], BLANK]
            end = max(end, stop)
        return "".join(kept) + text[end:]


def _runs(form: str) -> list[str]:
    return [form[k : k + _RUN] for k in range(len(form) - _RUN + 1)]


def _places(text: str, exact: frozenset[str], runs: frozenset[str]) -> Iterator[tuple[int, int]]:
    """Where any of these stand in a text."""
    if runs:
        yield from ((k, k + _RUN) for k, run in enumerate(_runs(text)) if run in runs)
    for form in exact:
        place = text.find(form)
        while place >= 0:
            yield place, place + len(form)
            place = text.find(form, place + 1)


def _bared(text: str) -> tuple[str, list[int], list[int]]:
    """Letters and digits of a text, small and as they are meant, and where in it each begins and ends."""
    letters, begins, ends = list[str](), list[int](), list[int]()

    def note(letter: str, begin: int, end: int) -> None:
        plain = letter if letter.isascii() else unicodedata.normalize("NFKC", letter)
        for one in plain.lower():
            if one.isalnum():
                letters.append(one)
                begins.append(begin)
                ends.append(end)

    end = 0
    for found in _ESCAPED.finditer(text):
        for k in range(end, found.start()):
            note(text[k], k, k + 1)
        code = int(next(digits for digits in found.groups() if digits), 10 if found[5] else 16)
        note(chr(code) if code <= sys.maxunicode else " ", *found.span())
        end = found.end()
    for k in range(end, len(text)):
        note(text[k], k, k + 1)
    return "".join(letters), begins, ends


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
    return [quote(key, safe=""), quote(key), quote_plus(key), json.dumps(key)[1:-1], html.escape(key), *_codes(key)]


def _codes(key: str) -> list[str]:
    """A key and its codes, none of which has letters that stand for something else."""
    raw = key.encode("utf-8", "replace")
    forms = [key, raw.hex()]
    for offset in range(3):
        # Within something longer only the digits count that no neighbour has a part in.
        first, last = -(-offset * 8 // 6), (offset + len(raw)) * 8 // 6
        inner = base64.b64encode(b"\0" * offset + raw)[first:last].decode()
        forms += [inner, inner.translate(str.maketrans("+/", "-_"))]
    return forms
