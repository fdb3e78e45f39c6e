"""Who may use a page: everyone at this machine under one name, or those with a token."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from robopref.errors import ConfigError, DataError
from robopref.files import read_json, replacing
from robopref.labeler_kinds import RESERVED

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}")
_SHORTEST = 16


def check_name(name: str) -> None:
    """Check the name of a person.

    Raises:
        ConfigError: It has other characters than allowed, or is that of something else.
    """
    if not NAME.fullmatch(name) or name in RESERVED:
        raise ConfigError(
            f"an annotator's name has 1 to 64 letters, digits and _.@-, and is none of {', '.join(RESERVED)}; got "
            f"{name!r}"
        )


def usable_name(wanted: str, otherwise: str) -> str:
    """A name like the one that is wanted, of characters that names may have.

    Args:
        wanted: Such as that of the user of this machine.
        otherwise: The name if nothing usable is left.

    Returns:
        The name.
    """
    name = re.sub(r"[^A-Za-z0-9_.@-]", "-", wanted)
    return name if NAME.fullmatch(name) else otherwise


class Access:
    """Tells who is asking; made by `alone`, `once`, `from_file` or `generated`.

    Only digests of tokens are kept. A browser that has shown its token gets a session, which follows from the token,
    so that sessions outlive the server, but is no token.

    Args:
        alone: Name of everyone, without tokens.
        digests: SHA-256 of each annotator's token, hexadecimal, by name.
    """

    def __init__(self, alone: str | None, digests: Mapping[str, str]) -> None:
        self.name, self._digests = alone, dict(digests)
        self._sessions = {name: _session(digest) for name, digest in self._digests.items()}

    @classmethod
    def alone(cls, name: str) -> Access:
        """Everyone is one person; for a server that only this machine reaches."""
        check_name(name)
        return cls(name, {})

    @classmethod
    def once(cls, name: str) -> tuple[Access, str]:
        """One person, with a token that holds as long as this process.

        Args:
            name: Of the person.

        Returns:
            The access, and the token.
        """
        check_name(name)
        token = secrets.token_urlsafe(18)
        return cls(None, {name: _digest(token)}), token

    @classmethod
    def from_file(cls, path: Path) -> Access:
        """Read tokens.

        Args:
            path: A JSON object of tokens by name.

        Raises:
            ConfigError: There is no such file, or a token is shorter than 16 characters.
        """
        try:
            tokens = read_json(path)
        except DataError as error:
            raise ConfigError(f"{path} cannot be read as a JSON object of tokens by name: {error}") from error
        if not tokens:
            raise ConfigError(f"{path} must hold a JSON object of tokens by name, such as {{'ann': '<token>'}}")
        for name, token in tokens.items():
            check_name(str(name))
            if not isinstance(token, str) or len(token.strip()) < _SHORTEST:
                raise ConfigError(f"{path}: the token of {name} must be text of at least {_SHORTEST} characters")
        if len({token.strip() for token in tokens.values()}) != len(tokens):
            raise ConfigError(f"{path}: two people have the same token")
        return cls(None, {str(name): _digest(token) for name, token in tokens.items()})

    @classmethod
    def generated(cls, names: Sequence[str], path: Path) -> tuple[Access, dict[str, str]]:
        """Make tokens for those who have none yet.

        Args:
            names: Everyone who may label.
            path: JSON file of digests, kept for the next start; only its owner can read it.

        Returns:
            The access, and the new tokens by name, to be shown this once.

        Raises:
            DataError: The file cannot be read or written.
        """
        known = read_json(path) if path.exists() else {}
        if not all(isinstance(digest, str) for digest in known.values()):
            raise DataError(f"{path} is damaged: it has to hold text by name; remove it to make new tokens")
        new = {name: secrets.token_urlsafe(18) for name in names if name not in known}
        digests = {**known, **{name: _digest(token) for name, token in new.items()}}
        if new:
            with replacing(path) as unfinished:
                unfinished.touch(0o600)
                unfinished.write_text(json.dumps(digests, indent=1), encoding="utf-8")
        return cls(None, {name: digests[name] for name in names}), new

    def by_token(self, token: str) -> str | None:
        """Whose token this is, or None."""
        return _whose(_digest(token), self._digests)

    def by_session(self, session: str) -> str | None:
        """Whose session this is, or None."""
        return _whose(session, self._sessions)

    def session(self, name: str) -> str:
        """The session of a person, for the browser to keep."""
        return self._sessions[name]


def _digest(token: str) -> str:
    # What surrounds a token comes from copying it.
    return hashlib.sha256(token.strip().encode("utf-8", "replace")).hexdigest()


def _session(digest: str) -> str:
    return hmac.new(digest.encode(), b"robopref labelling session", hashlib.sha256).hexdigest()


def _whose(value: str, secrets_by_name: Mapping[str, str]) -> str | None:
    """Compare with everyone's, so that the time taken tells nothing."""
    found = None
    for name, secret in secrets_by_name.items():
        if hmac.compare_digest(value.encode("utf-8", "replace"), secret.encode()):
            found = name
    return found
