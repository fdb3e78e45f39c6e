"""Benchmarks call what they call with arguments that it takes, and give commands settings that there are.

Most of them run for hours, so nobody would see a keyword that has gone before the end of a night.
"""

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from robopref.cli.words import groups
from tests.benchmarks.calls import OURS, wrong_calls
from tests.cli.test_schema import every_setting

ROOT = Path(__file__).parents[2]
FILES = sorted(path.relative_to(ROOT) for path in (ROOT / "benchmarks").rglob("*.py"))
_WORD = re.compile(r"([a-z_]\w*(?:[.@]\w+)*)=([\w-]*)")


@pytest.mark.parametrize("path", FILES, ids=str)
def test_calls_are_taken_by_what_they_call(path: Path) -> None:
    try:
        module = import_module(".".join(path.with_suffix("").parts))
    except ModuleNotFoundError as error:
        if str(error.name).split(".")[0] in OURS:
            raise
        pytest.skip(f"runs where {error.name} is installed")
    assert wrong_calls(module) == []


SCRIPT = """
from dataclasses import replace
from functools import partial
from typing import Any

from robopref import files
from robopref.checklists.vocabulary import Vocabulary
from robopref.explanation.grammar import Feature, parse_feature
from robopref.records import Item


def handed(**settings: Any) -> Feature:
    return parse_feature("duration()", None, **settings)


def many(*words, item: Item, feature: Feature):
    parse_feature("duration()", arrays=None)
    made = parse_feature("duration()", None, {})
    {line}
"""


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("parse_feature('duration()', None, array=None)", "parse_feature: got an unexpected keyword argument 'array'"),
        ("parse_feature('duration()')", "parse_feature: missing a required argument: 'arrays'"),
        ("parse_feature('a', None, {}, 1)", "parse_feature: too many positional arguments"),
        ("parse_feature(*words, array=None)", "unexpected keyword argument 'array'"),
        ("parse_feature('a', None, **{'array': None})", "unexpected keyword argument 'array'"),
        ("partial(parse_feature, array=None)", "unexpected keyword argument 'array'"),
        ("handed(name={})", "handed hands name on to parse_feature"),
        ("replace(item, begin=1)", "Item has no begin to replace"),
        ("replace(made, titel=1)", "Feature has no titel to replace"),
        ("Feature('a', None, summery=None)", "Feature: got an unexpected keyword argument 'summery'"),
        ("files.read_jason", "robopref.files has no read_jason"),
        ("Vocabulary([]).read()", "Vocabulary.read: missing a required argument: 'text'"),
        ("[parse_feature(one) for one in words]", "missing a required argument: 'arrays'"),
        ("(lambda: parse_feature('a'))", "missing a required argument: 'arrays'"),
    ],
)
def test_what_would_be_refused_is_found(line: str, told: str, tmp_path: Path) -> None:
    (found,) = wrong_calls(script(line, tmp_path))
    assert told in found


@pytest.mark.parametrize(
    "line",
    [
        "parse_feature(*words)", "parse_feature('a', **words[0])", "parse_feature('a', None, named={})",
        "handed(named={})", "replace(item, start=1)", "partial(parse_feature, named={})", "feature.arrays.union({})",
        "[parse_feature() for parse_feature in words]", "(lambda parse_feature: parse_feature())",
    ],
)  # fmt: skip
def test_what_is_taken_or_not_known_is_passed_over(line: str, tmp_path: Path) -> None:
    assert wrong_calls(script(line, tmp_path)) == []


def script(line: str, folder: Path) -> ModuleType:
    """A script with a line of its own, imported."""
    module, path = ModuleType("benchmarks.made_up"), folder / "made_up.py"
    path.write_text(SCRIPT.replace("{line}", line))
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    exec(compile(path.read_text(), str(path), "exec"), vars(module))
    return module


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    yield
    sys.modules.pop("benchmarks.made_up", None)


@cache
def known() -> frozenset[str]:
    """Names of settings and of their groups, of whichever reward."""
    found = set[str]()
    for _, _, path, _ in every_setting():
        parts = _of_any(path).split(".")
        found.update(".".join(parts[:count]) for count in range(1, len(parts) + 1))
    return frozenset(found)


def _of_any(setting: str) -> str:
    return re.sub(r"^rewards\.\w+", "rewards.*", setting)


# Those of attacks are made to be refused.
@pytest.mark.parametrize("path", [path for path in FILES if path.parts[1] != "attacks"], ids=str)
def test_settings_that_are_given_to_commands_are_there(path: Path) -> None:
    roots = {name.split(".")[0] for name in known()}
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        word = _WORD.match(node.value) if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
        if word is None:
            continue
        name, group = word[1], word[1].split("@")[0]
        if group in groups() and word[2] not in ("", "null"):
            assert word[2] in groups()[group], f"{path}:{node.lineno}: {word[0]}"
        elif group not in groups() and name.split(".")[0] in roots:
            assert _of_any(name) in known(), f"{path}:{node.lineno}: {word[0]}"
