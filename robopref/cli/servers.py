"""Which addresses in settings lead to another machine, and would be told a key, a password or labels there."""

from __future__ import annotations

import ipaddress
import os
import re
from urllib.parse import parse_qsl, urlsplit

# What the client libraries of models send: whatever the protocol, a key of any of them goes to no server of others.
_KEYS = re.compile(r"(AZURE|OPENAI|GOOGLE|GEMINI|ANTHROPIC)_\w*(KEY|TOKEN|SECRET|HEADERS|CREDENTIALS)\w*")
_FILES = ("sqlite", "sqlite+pysqlite")
_DATABASES = ("postgresql", "postgresql+psycopg", "postgresql+psycopg2")
# Others name files that are read, or libraries that are loaded.
_HARMLESS = {"host", "port", "sslmode", "connect_timeout", "application_name"}


def leads_away(address: str) -> bool:
    """Whether what a setting names is a server on another machine that may be told what is not for it.

    Args:
        address: Any text; what has no ``://`` is no address.

    Returns:
        True for servers of models elsewhere while a key for any model is in the environment, and for databases
        elsewhere or by any driver but those of SQLite and PostgreSQL.
    """
    if "://" not in address:
        return False
    try:
        parts = urlsplit(address.strip())
        asked = parse_qsl(parts.query, keep_blank_values=True)
        hosts = [parts.hostname, *(value for name, value in asked if name == "host")]
    except ValueError:
        return True
    if parts.scheme in ("http", "https"):
        return _keys_at_hand() and not _here(parts.hostname)
    if parts.scheme in _FILES:
        return False
    plain = re.fullmatch(r"/[\w.-]*", parts.path) is not None and all(name in _HARMLESS for name, _ in asked)
    return not (parts.scheme in _DATABASES and plain and all(_here(host) for host in hosts if host))


def host_of(address: str) -> str:
    """The host that an address names, or all of it if it names none."""
    try:
        return urlsplit(address.strip()).hostname or address
    except ValueError:
        return address


def _keys_at_hand() -> bool:
    return any(value.strip() and _KEYS.fullmatch(name) for name, value in os.environ.items())


def _here(host: str | None) -> bool:
    try:
        named = host or ""
        return named == "localhost" or named.startswith("/") or ipaddress.ip_address(named).is_loopback
    except ValueError:
        return False
