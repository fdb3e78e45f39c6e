"""Benchmarks and scripts of the docs, which no other test runs as a whole, take names that there are."""

import ast
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(path.relative_to(ROOT) for room in ("benchmarks", "docs") for path in (ROOT / room).rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=str)
def test_names_that_are_imported_are_there(path: Path) -> None:
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "robopref":
            module = import_module(str(node.module))
            for name in node.names:
                if not hasattr(module, name.name):
                    import_module(f"{node.module}.{name.name}")
