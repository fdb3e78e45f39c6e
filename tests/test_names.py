"""One thing has one name: a file or class is found by it."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILES = [path for room in ("robopref", "envs") for path in sorted((ROOT / room).rglob("*.py"))]


def repeated(named: Iterator[tuple[str, Path]]) -> dict[str, list[str]]:
    places: dict[str, list[str]] = defaultdict(list)
    for name, path in named:
        places[name].append(str(path.relative_to(ROOT)))
    return {name: found for name, found in places.items() if len(found) > 1}


def test_no_two_files_have_one_name() -> None:
    """A command may be called as what it runs."""
    found = repeated(
        (path.name, path) for path in FILES if not path.name.startswith("__") and path.parent.name != "cli"
    )
    assert found == {}


def test_no_two_classes_have_one_name() -> None:
    found = repeated(
        (node.name, path)
        for path in FILES
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert found == {}
