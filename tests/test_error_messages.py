"""Errors speak of settings, which people change, and not of classes, which they do not know."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "robopref"
# What is said to who writes a robot's class of their own.
OWN_CODE = {"RobotSpec"}


def messages(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """What is written in the message of each error, with its line; what is filled in is left out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args:
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name.endswith("Error"):
                texts = [one.value for one in ast.walk(node.args[0]) if isinstance(one, ast.Constant)]
                yield node.lineno, "|".join(text for text in texts if isinstance(text, str))


def test_no_error_names_a_class_without_its_module() -> None:
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py")}
    classes = {node.name for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    humps = {name for name in classes - OWN_CODE if re.match(r"[A-Z][a-z]+[A-Z]", name)}
    assert len(humps) > 100
    found = [
        f"{path.relative_to(PACKAGE)}:{line}: {word}"
        for path, tree in trees.items()
        for line, text in messages(tree)
        for word in re.findall(r"(?<![.\w-])[A-Z]\w+", text)
        if word in humps
    ]
    assert found == []
