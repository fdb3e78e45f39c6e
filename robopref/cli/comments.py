"""The comments of the shipped YAML, which composing settings loses: what each setting and each choice is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import resources

import yaml

_PACKAGE = "# @package"


def header(text: str) -> str:
    """What a YAML file says of itself before its first setting, in one sentence or more."""
    lines: list[str] = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        if not line.startswith(_PACKAGE):
            lines.append(line.lstrip("#").strip())
    return " ".join(lines)


def comments(text: str) -> dict[str, str]:
    """The comment of each setting in a YAML file, by full name.

    It stands behind the value, and may go on in lines below that begin at its column; or else in the lines above.

    Args:
        text: The file.
    """
    found: dict[str, str] = {}
    node = yaml.compose(text, Loader=yaml.CSafeLoader)
    _collect(node, "", text.splitlines(), found)
    return found


def _collect(node: yaml.Node | None, prefix: str, lines: Sequence[str], found: dict[str, str]) -> None:
    if isinstance(node, yaml.SequenceNode) and prefix == "defaults.":
        for one in node.value:
            _collect(one, prefix, lines, found)
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        block = isinstance(value, yaml.CollectionNode) and not value.flow_style
        end = (key if block else value).end_mark
        said = _behind(lines, end.line, end.column) or _above(lines, key.start_mark.line, key.start_mark.column)
        if said:
            found[f"{prefix}{key.value}"] = said
        _collect(value, f"{prefix}{key.value}.", lines, found)


def _behind(lines: Sequence[str], line: int, column: int) -> str:
    begun = re.match(r"[\s:]*#\s?(.*)", lines[line][column:]) if line < len(lines) else None
    if begun is None:
        return ""
    said, at = [begun[1].strip()], lines[line].index("#", column)
    for below in lines[line + 1 :]:
        if below.strip()[:1] != "#" or below.index("#") != at:
            break
        said.append(below.strip("# \t"))
    return " ".join(said)


def _above(lines: Sequence[str], line: int, column: int) -> str:
    first = line
    while first > 0 and lines[first - 1].startswith(" " * column + "#"):
        first -= 1
    return " ".join(one.strip("# \t") for one in lines[first:line]) if first > 0 else ""


@cache
def _text(*path: str) -> str:
    return resources.files("robopref.configs").joinpath(*path).read_text(encoding="utf-8")


@cache
def of_file(*path: str) -> dict[str, str]:
    """Comments of a shipped file, such as ``("labeler", "vlm.yaml")``."""
    return comments(_text(*path))


def of_choice(group: str, choice: str) -> str:
    """The first sentence that a choice of a group says of itself."""
    said = re.split(r"(?<=[^.]{3}\.)\s+(?=[A-Z`])|; see docs/", header(_text(group, f"{choice}.yaml")), maxsplit=1)[0]
    return said if not said or said.endswith(".") else f"{said}."


def target_of(group: str, choice: str) -> str:
    """What a choice of a group is made by; empty if it says nothing of that."""
    found = re.search(r"(?m)^_target_:\s*(\S+)", _text(group, f"{choice}.yaml"))
    return "" if found is None else found[1]


class Commentary:
    """What is said of the settings of a command.

    Args:
        files: Of its primary config, the first one before those that it is made from.
        mounted: Group and choice by where the settings of the choice are.
        choices: All choices of each group.
    """

    def __init__(
        self, files: Sequence[tuple[str, ...]], mounted: Mapping[str, tuple[str, str]],
        choices: Mapping[str, Iterable[str]],
    ) -> None:  # fmt: skip
        self._files, self._mounted, self._choices = files, mounted, choices

    def of(self, path: str) -> str:
        """The comment of a setting: that of the choice it belongs to, of the command, or of another choice of its kind.

        Args:
            path: Its full name.
        """
        places = [(*place, path[len(at) :].lstrip(".")) for at, place in self._nearest(path)]
        own = [of_file(group, f"{choice}.yaml").get(rest) for group, choice, rest in places if rest]
        shipped = [of_file(*file).get(path) for file in self._files]
        others = [
            of_file(group, f"{other}.yaml").get(rest)
            for group, _, rest in places
            for other in sorted(self._choices[group])
            if rest
        ]
        return next(filter(None, [*own, *shipped, *others]), "") or self._alike(path)

    def of_group(self, group: str, at: str) -> str:
        """What is chosen from a group, as the defaults of the command say.

        Args:
            group: The group.
            at: Where in the settings its choice is.
        """
        names = (f"defaults.{group}@{at}", f"defaults.{group}")
        return next((of_file(*file)[name] for name in names for file in self._files if name in of_file(*file)), "")

    def chosen(self, at: str) -> str:
        """The choice whose settings are there; empty if they are none of a choice."""
        return self._mounted[at][1] if at in self._mounted else ""

    def _nearest(self, path: str) -> list[tuple[str, tuple[str, str]]]:
        found = [(at, place) for at, place in self._mounted.items() if not at or f"{path}.".startswith(f"{at}.")]
        return sorted(found, key=lambda one: -len(one[0]))

    def _alike(self, path: str) -> str:
        """What is said of a setting with the same two last names, such as ``fit.steps``."""
        last = ".".join(path.split(".")[-2:])
        found = [
            said for file in self._files for name, said in of_file(*file).items() if f".{name}".endswith(f".{last}")
        ]
        return found[0] if "." in path and found else ""
