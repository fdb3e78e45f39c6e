"""What filters are called in errors."""

from __future__ import annotations

_SHIPPED = "robopref.data.filters."


def name_of_filter(one: object) -> str:
    """The setting that chooses a shipped filter, ``filter.<name>``; of another one, the name of its class."""
    module = type(one).__module__
    return f"filter.{module.removeprefix(_SHIPPED)}" if module.startswith(_SHIPPED) else f"filter {type(one).__name__}"
