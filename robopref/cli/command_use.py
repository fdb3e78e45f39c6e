"""What is said of a command."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CommandUse:
    """What `--help` says of a command beside what the YAML of its settings says.

    Attributes:
        said: What the command does.
        uses: Its settings, each with all below it, in the order in which they are shown.
        examples: Words after ``robopref <command>``, and what they do.
        made: Settings that it goes by as well, but of which others made what it builds on.
        paths: Paths that come before the settings.
    """

    said: str
    uses: tuple[str, ...]
    examples: tuple[tuple[str, str], ...]
    made: tuple[str, ...] = ()
    paths: str = ""
