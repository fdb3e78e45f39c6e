"""Addresses of servers and databases, as they may be shown."""

from __future__ import annotations

import re

_SECRETS = re.compile(r"([\w-]*(?:passw|pwd|secret|token|key)[\w-]*)=[^&]*", re.I)


def without_secrets(address: str) -> str:
    """An address without its passwords, also if it cannot be read; any other text as it is."""
    if "://" not in address:
        return address
    return _SECRETS.sub(r"\1=***", re.sub(r"(://[^/@:]*):.*@", r"\1:***@", address))
