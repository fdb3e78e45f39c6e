"""A new part is one file and one YAML: its constructor's annotations say what its settings may be."""

import importlib.util
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Protocol, TypedDict, Unpack

import pytest
from omegaconf import OmegaConf

from benchmarks.worlds.settings import put
from robopref.cli.building import build
from robopref.cli.configuration import compose_alone
from robopref.cli.parameters import rule_of_annotation, rule_of_parameter
from robopref.cli.schema import checked
from robopref.cli.trust import shipped_targets
from robopref.cli.words import groups
from robopref.errors import ConfigError
from tests.cli.tiny import fails

ROOT = Path(__file__).parents[2]
# Several of its parameters are called like shipped ones that may be something else.
PART = """
from __future__ import annotations
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal
from robopref.errors import ConfigError

if TYPE_CHECKING:
    from somewhere import Other

class Odd:
    def __init__(
        self, margin: float, steps: Literal["few", "many"], budget: int, flip: bool, sign: str,
        lower: Sequence[float], beta: float | None = None, other: Other | None = None, free: Any = None,
        rationality: float = float("inf"),
    ) -> None:
        if margin < -5:
            raise ConfigError(f"margin must be at least -5, got {margin}")
"""
YAML = """
_target_: my_lab.Odd
margin: -1.5
steps: many
budget: -3
flip: false
sign: plus
lower: [1, 2.5]
beta: null
other: 5
free: [anything]
rationality: .inf
"""
WRONG: dict[str, list[Any]] = {
    "margin": ["abc", None, True, float("inf"), [1], ""], "steps": ["some", 5, None],
    "budget": [1.5, "abc", True, None, [1], float("inf")], "flip": [1, "abc", None], "sign": [None, ["a"], ""],
    "lower": [5, "abc", ["a"], [[1]], None], "beta": ["abc", [1]], "rationality": ["abc", float("nan"), None],
}  # fmt: skip


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A checkout to which a module and one YAML were added."""
    (tmp_path / "my_lab.py").write_text(PART)
    monkeypatch.syspath_prepend(tmp_path)
    configs = shutil.copytree(ROOT / "configs", tmp_path / "configs")
    (configs / "selector" / "odd.yaml").write_text(YAML)
    for name, folder in (("robopref.configs", configs), ("robopref.configs.alone", configs / "alone")):
        spec = importlib.util.spec_from_file_location(
            name, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        assert spec is not None
        monkeypatch.setitem(sys.modules, name, importlib.util.module_from_spec(spec))
    for read_once in (groups, shipped_targets):
        read_once.cache_clear()
    yield tmp_path / "run"
    for read_once in (groups, shipped_targets):
        read_once.cache_clear()
    sys.modules.pop("my_lab", None)


def test_a_new_part_needs_no_line_elsewhere(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chosen = ["label", f"run={mine}", "selector=odd"]
    assert "no trained policy" in fails(capsys, *chosen, "selector.budget=2e1", "selector.beta=-1", "selector.lower=[]")
    for word in ("margin=abc", "steps=some", "budget=1.5", "lower=[[1]]", "beta=''"):
        assert fails(capsys, *chosen, f"selector.{word}").startswith(
            f"robopref label: selector.{word.split('=')[0]} must be "
        )
    assert not mine.exists()


@pytest.mark.usefixtures("mine")
def test_what_annotations_do_not_admit_is_refused() -> None:
    shipped: Any = OmegaConf.to_container(compose_alone("config", ["selector=odd"]))
    assert checked(shipped, "config") == {}
    for name, values in WRONG.items():
        for value in values:
            with pytest.raises(ConfigError, match=f"^selector.{name} must be [^\n]*$"):
                checked(put(shipped, f"selector.{name}", value), "config")


class Sized(Protocol):
    size: int


@pytest.mark.usefixtures("mine")
def test_the_constructor_has_the_last_word() -> None:
    with pytest.raises(ConfigError, match="margin must be at least -5, got -9"):
        build(compose_alone("config", ["selector=odd", "selector.margin=-9"]).selector)


@dataclass
class Point:
    x: float


class Pair(NamedTuple):
    first: int


class Options(TypedDict, total=False):
    depth: int


def wide(first: Annotated[int, "metres"] = 3, **settings: Unpack[Options]) -> None:
    """Settings of several kinds."""


def counted(**settings: int) -> None:
    """Settings of one kind."""


def unsaid(first, *rest, **settings) -> None:
    """Settings of which nothing is said."""


@pytest.mark.parametrize(
    ("annotation", "fits", "wrong"),
    [
        (int, [3, 1e12, -4], [1.5, True, "3", None]),
        (float, [3, 1e30, -4.5], [float("nan"), float("inf"), True, "3"]),
        (bool, [True], [1, "true"]),
        (str, ["a"], ["", " ", 0.5]),
        (Path, ["a/b"], [""]),
        (int | None, [None, 3], [0.5]),
        (int | str, [3, "auto"], [0.5, ""]),
        (float | Sequence[float], [1.5, [1, 2]], ["a", ["a"]]),
        (int | Any, ["a", 0.5, []], []),
        (Literal["a", 2, None], ["a", 2, None], ["b", True]),
        (list[int], [[], [1]], [[1.5], "1", {"a": 1}]),
        (tuple[float, float, float], [[1, 2, 3]], [[1, 2], [1, 2, "a"]]),
        (tuple[int, ...], [[], [1, 2]], [[1.5], 1]),
        (tuple[int, str], [[1, "a"]], [[1]]),
        (Sequence[int | None], [[1, None]], [["a"]]),
        (Sequence[Any], [[{}]], ["abc", 5]),
        (Mapping[str, float], [{"a": 1}], [{"a": "b"}, 5]),
        (dict, [{"a": "b"}], [5]),
        (Callable[[int], int], [{"_target_": "a.b"}], ["a.b", {"a": 1}]),
        (Sized, [{"_target_": "a.b"}], [5]),
        (Point, [{"_target_": "a.b"}], [5]),
        (Any, [5, None, "a", []], []),
        (object, [5, None], []),
    ],
)
def test_annotations_say_what_fits(annotation: Any, fits: list[Any], wrong: list[Any]) -> None:
    rule = rule_of_annotation(annotation)
    for value in fits:
        assert rule is None or rule.check("it", value) == value
    for value in wrong:
        assert rule is not None
        with pytest.raises(ConfigError, match="it must be "):
            rule.check("it", value)


def test_parameters_of_functions_classes_and_tasks_are_found() -> None:
    here = __name__
    said = {
        (f"{here}.wide", "first"): "a whole number", (f"{here}.wide", "depth"): "a whole number",
        (f"{here}.wide", "other"): None, (f"{here}.counted", "any"): "a whole number",
        (f"{here}.unsaid", "first"): None, (f"{here}.unsaid", "any"): None, (f"{here}.Point", "x"): "a number",
        (f"{here}.Pair", "first"): "a whole number",
        ("envs:robopref/RopeShaping-v0", "target"): "text that is not empty",
        ("envs:robopref/RopeShaping-v0", "image_size"): "a whole number", ("envs:robopref/None-v0", "target"): None,
        ("no_module.Part", "x"): None, ("", "x"): None,
    }  # fmt: skip
    for (owner, name), expected in said.items():
        rule = rule_of_parameter(owner, name)
        assert (rule and rule.said) == expected, (owner, name)
