"""The command lines that README and docs show, as somebody who copies them would type them."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PROGRAMS = ("robopref", "make", "python", "python3")
# Commands that train nothing and ask nobody.
QUICK = ("labels", "data", "cameras", "info", "report", "settings")
# What stands for something of the reader's own, and what a test puts there.
PLACEHOLDERS = {
    "PATH": "demos.zarr", "SRC": "demos.zarr", "DST": "written.zarr", "A": "demos.zarr", "B": "demos.zarr",
    "DST_A": "most.zarr", "DST_B": "rest.zarr", "[...]": "", "<name>": "simulated", "<store>": "demos.zarr",
    "<path>": "demos.zarr", "<task>": "bin_pick", "<recordings>": "demos.zarr",
    "<folder>": "runs/mine", "<run>": "runs/mine", "<dataset>": "demos.zarr", "method=<name>": "method=ipo",
}  # fmt: skip
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(robopref [^`\n]+=[^`\n]+)`")


@dataclass(frozen=True)
class Documented:
    """A command line.

    Attributes:
        place: Page and line.
        words: What is typed, placeholders replaced.
        block: Page and first line of the lines that are typed one after another.
    """

    place: str
    words: tuple[str, ...]
    block: str = ""

    @property
    def quick(self) -> bool:
        """Whether it is robopref's and takes no time."""
        return self.words[0] == "robopref" and self.words[1] in QUICK


def documented() -> list[Documented]:
    """All command lines of robopref, make and Python in fenced blocks, in the order of pages and lines."""
    return [found for page in PAGES for found in commands(page)]


def commands(page: Path) -> Iterator[Documented]:
    """Those of a page.

    Raises:
        ValueError: A placeholder stands for nothing that is known.
    """
    text = page.read_text()
    for block in _FENCE.finditer(text):
        if block[1] not in ("", "sh", "bash", "console"):
            continue
        first = number = text.count("\n", 0, block.start()) + 2
        for line in re.sub(r"\\\n\s*", lambda found: " " * len(found[0]) + "\x00", block[2]).split("\n"):
            if line.split(" ", 1)[0] in PROGRAMS:
                yield Documented(f"{page.name}:{number}", _words(line.replace("\x00", " ")), f"{page.name}:{first}")
            number += 1 + line.count("\x00")


def inline() -> list[Documented]:
    """Commands with settings that stand within sentences."""
    return [
        Documented(f"{page.name}:{text.count(chr(10), 0, found.start()) + 1}", _words(found[1]))
        for page in PAGES
        if page.name != "design.md"  # which says what was considered, too
        for text in [page.read_text()]
        for found in _INLINE.finditer(text)
    ]


def _words(line: str) -> tuple[str, ...]:
    replaced = [_replaced(word) for word in shlex.split(line, comments=True)]
    return tuple(word for word in replaced if word)


def _replaced(word: str) -> str:
    if word in PLACEHOLDERS:
        return PLACEHOLDERS[word]
    for name in re.findall(r"<[a-z_ ]+>", word):
        if name not in PLACEHOLDERS:
            raise ValueError(f"nothing is known to put in place of {name} in {word!r}")
        word = word.replace(name, PLACEHOLDERS[name])
    if re.fullmatch(r"[A-Z][A-Z_]+", word):
        raise ValueError(f"nothing is known to put in place of {word!r}")
    return word
