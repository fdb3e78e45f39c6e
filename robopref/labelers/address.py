"""Addresses of servers, without the keys that they may hold."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from robopref.errors import ConfigError


@dataclass(frozen=True)
class Address:
    """Where a server is.

    Attributes:
        parts: As it was given.
    """

    parts: SplitResult

    @classmethod
    def read(cls, address: str) -> Address:
        """Read an address.

        Raises:
            ConfigError: It is none of HTTP; it is not quoted, because it may hold a password.
        """
        wrong = "labeler.judge.base_url has to be an address such as http://localhost:8000/v1"
        try:
            parts = urlsplit(address.strip())
            _ = parts.port
        except ValueError as error:
            raise ConfigError(wrong) from error
        if parts.scheme not in ("http", "https") or not parts.hostname or not address.isprintable():
            raise ConfigError(wrong)
        return cls(parts)

    @property
    def shown(self) -> str:
        """Scheme, host, port and path: what tells servers apart, and is no secret."""
        return self._with_query("").rstrip("/")

    @property
    def bare(self) -> str:
        """For requests, with its query, but without user and password."""
        return self._with_query(self.parts.query)

    @property
    def auth(self) -> tuple[str, str] | None:
        """User and password, if it holds them."""
        if self.parts.username is None:
            return None
        return unquote(self.parts.username), unquote(self.parts.password or "")

    def is_of(self, *domains: str) -> bool:
        """Whether the host belongs to one of these."""
        host = self.parts.hostname or ""
        return any(host == domain or host.endswith(f".{domain}") for domain in domains)

    def _with_query(self, query: str) -> str:
        host = self.parts.netloc.rpartition("@")[2].lower()
        return SplitResult(self.parts.scheme, host, self.parts.path, query, "").geturl()
