"""What `import robopref` offers, and that the page about it says the same."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest

import robopref as rp

ROOT = Path(__file__).parents[1]
INIT = ast.parse((ROOT / "robopref" / "__init__.py").read_text())
PAGE = (ROOT / "docs" / "api.md").read_text()
MAIN, OBJECTIVES = PAGE.split("\n## Objectives\n")


def run(program: str) -> object:
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=ROOT)
    return json.loads(done.stdout)


def for_type_checkers() -> dict[str, str]:
    """Where type checkers find each name."""
    return {
        alias.name: f"{node.module}.{alias.name}" if node.module == "robopref" else node.module
        for node in ast.walk(INIT)
        if isinstance(node, ast.ImportFrom) and node.module.startswith("robopref")
        for alias in node.names
    }


def test_the_import_loads_nothing_else_until_a_name_is_used() -> None:
    loaded, records, listed = run("""
import json, sys
before = set(sys.modules)
import robopref as rp
def loaded(): return sorted(
    name for name in set(sys.modules) - before if name.split(".")[0] not in sys.stdlib_module_names
)
first = loaded()
rp.Query, dir(rp), rp.__version__
print(json.dumps([first, loaded(), dir(rp)]))
""")
    assert loaded == ["robopref"]
    assert "robopref.records" in records
    assert "torch" not in records
    assert [name for name in listed if not name.startswith("__")] == rp.__all__


@pytest.mark.parametrize("name", rp.__all__)
def test_a_name_is_what_type_checkers_see(name: str) -> None:
    module = for_type_checkers()[name]
    found = getattr(rp, name)
    assert getattr(found, "__module__", found.__name__) == module


def test_type_checkers_see_these_names_only() -> None:
    assert sorted(for_type_checkers()) == sorted(rp.__all__)
    assert len(set(rp.__all__)) == len(rp.__all__)


def test_no_thing_has_two_names() -> None:
    found = [id(getattr(rp, name)) for name in rp.__all__]
    assert len(set(found)) == len(found)


def test_a_name_that_is_not_offered_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'DifusionPolicy'; did you mean DiffusionPolicy\?"):
        rp.DifusionPolicy  # noqa: B018
    with pytest.raises(AttributeError, match=r"no attribute 'nonsense'$"):
        rp.nonsense  # noqa: B018
    assert not hasattr(rp, "Moment")


@pytest.mark.parametrize(("text", "offered"), [(MAIN, rp), (OBJECTIVES, rp.objectives)], ids=["robopref", "objectives"])
def test_the_page_lists_every_name_once_and_no_other(text: str, offered: object) -> None:
    assert sorted(re.findall(r"^- `(\w+)`: \S", text, re.MULTILINE)) == sorted(offered.__all__)


def used_in(paths: Iterable[Path]) -> set[str]:
    return {name for path in paths for name in re.findall(r"\brp\.(\w+(?:\.\w+)?)", path.read_text())}


def test_every_name_that_a_page_or_script_uses_is_offered() -> None:
    used = used_in([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").glob("*.py")])
    assert {"clone_policy", "objectives.plackett_luce", "FitConfig"} <= used
    for name in used - {"__version__"}:
        first, _, second = name.partition(".")
        assert first in rp.__all__, name
        assert not second or hasattr(getattr(rp, first), second), name


def test_what_is_offered_is_what_the_scripts_need() -> None:
    used = {name.partition(".")[0] for name in used_in((ROOT / "examples").glob("*.py"))}
    # What a labeler of one's own may answer besides a preference, and what to catch.
    assert set(rp.__all__) - used <= {"Abstain", "Ranking", "RoboprefError"}


def test_the_version_stands_in_one_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" not in project["project"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "robopref.__version__"}
    assert re.fullmatch(r"\d+\.\d+\.\d+", rp.__version__)
