"""Imports go one way, and heavy dependencies stay in few files."""

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parents[1] / "robopref"

# A part may import from itself, from lower layers and from its own layer, where parts must not go round in a circle.
LAYERS = [
    {"__init__", "errors"},
    {
        "addresses",
        "asked_features",
        "factories",
        "files",
        "folder_lock",
        "plain_json",
        "plain_yaml",
        "processes",
        "seeding",
        "threads",
        "video",
    },
    {"answers", "items", "labeler_kinds", "policy_shapes", "principles", "records", "rotations", "scores", "sensors"},
    {"motion"},
    {"decisions", "interaction", "protocols", "robot_protocols"},
    {"cameras", "data", "nets", "objectives", "pointclouds", "web"},
    {"policies", "rewards", "labelers", "querying", "ranking", "robots"},
    {"safety"},
    {"checklists", "instructions", "learning", "evaluation", "explanation", "quality", "runtime", "recording"},
    {"reports"},
    {"views"},
    {"cli", "__main__"},
]
LAYER = {part: level for level, parts in enumerate(LAYERS) for part in parts}

# What a part may import of robopref when that is less than its layer allows.
ONLY = {
    "cameras": {"cameras", "errors", "files", "pointclouds"},
    "pointclouds": {"errors", "records"},
    "files": {"errors", "plain_json"},
    "plain_json": set(),
    "folder_lock": {"errors"},
    "plain_yaml": {"errors", "files", "plain_json"},
    "web": {"errors", "files", "labeler_kinds", "web"},
    "objectives": {"errors", "scores", "objectives"},
}
TRAINING = {
    "checklists",
    "instructions",
    "learning",
    "evaluation",
    "explanation",
    "quality",
    "reports",
    "objectives",
    "labelers",
    "querying",
}
NEVER = {
    "runtime": TRAINING, "recording": TRAINING,
    "safety": TRAINING | {"policies", "rewards", "ranking", "nets", "robots"},
    "views": TRAINING,
}  # fmt: skip
ONLY_TORCH = {"objectives"}

NOWHERE = {"envs", "mujoco"}
CONFINED = {
    "hydra": "cli/",
    "omegaconf": "cli/",
    "gymnasium": (
        "robots/sim.py",
        "learning/learnt_reward_env.py",
        "learning/stable_baselines.py",
        "robots/registered_tasks.py",
    ),
}
# Fewest and most files that may import a heavy dependency.
HEAVY = {
    "open3d": (1, 1),
    "sqlalchemy": (1, 3),
    "zarr": (1, 1),
    "pyarrow": (0, 1),
    "h5py": (0, 1),
    "matplotlib": (0, 3),
    "rich": (0, 4),
    "diffusers": (0, 2),
    "fastapi": (1, 1),
    "uvicorn": (1, 1),
    "pydantic_ai": (1, 1),
    "genai_prices": (1, 1),
    "transformers": (1, 1),
    "stable_baselines3": (1, 1),
}


# The names that the package offers to others; they come from any layer, and none of them runs when it is imported.
FACE = {
    alias.name
    for node in ast.walk(ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8")))
    if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "robopref"
    for alias in node.names
}  # fmt: skip


class Import(NamedTuple):
    file: str  # relative to robopref/
    name: str  # the module, with the imported name in `from module import name`

    @property
    def top(self) -> str:
        return self.name.split(".")[0]

    @property
    def part(self) -> str:
        """The part of robopref that is imported; a name that is no part, such as __version__, is of its `__init__`."""
        name = [*self.name.split("."), ""][1]
        return name if name in LAYER else "__init__"


def part_of(file: str) -> str:
    return Path(file).parts[0].removesuffix(".py")


def imports(root: Path) -> Iterator[Import]:
    for path in sorted(root.rglob("*.py")):
        file = path.relative_to(root).as_posix()
        package = ("robopref", *Path(file).parent.parts)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in executed(tree) if file == "__init__.py" else ast.walk(tree):
            if isinstance(node, ast.Import):
                yield from (Import(file, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = ".".join(package[: len(package) + 1 - node.level]) if node.level else ""
                module = ".".join(filter(None, (base, node.module)))
                yield from (Import(file, f"{module}.{alias.name}") for alias in node.names)


def executed(tree: ast.AST) -> Iterator[ast.AST]:
    """All of a file but what is for type checkers only."""
    for node in ast.iter_child_nodes(tree):
        yield node
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            yield from (inner for other in node.orelse for inner in ast.walk(other))
        else:
            yield from executed(node)


@cache
def shipped() -> list[Import]:
    return list(imports(PACKAGE))


def is_own(item: Import) -> bool:
    return item.top == "robopref"


def own_violations(item: Import) -> Iterator[str]:
    importer = part_of(item.file)
    if importer not in LAYER:
        yield f"{item.file}: {importer} has no layer; give it one in LAYERS"
        return
    if item.name == "robopref" or item.name.partition(".")[2] in FACE - set(LAYER):
        yield f"{item.file}: {item.name} is for others; import the module that it comes from"
    elif LAYER[item.part] > LAYER[importer] or item.part in NEVER.get(importer, ()):
        yield f"{item.file}: {importer} must not import {item.name}"
    elif item.part not in ONLY.get(importer, {item.part}):
        yield f"{item.file}: {importer} may import only {sorted(ONLY[importer])} of robopref, not {item.name}"


def _places(top: str) -> str:
    places = CONFINED[top]
    return places if isinstance(places, str) else " and ".join(places)


def foreign_violations(item: Import) -> Iterator[str]:
    if item.top in NOWHERE:
        yield f"{item.file}: nothing in robopref imports {item.top}"
    if not item.file.startswith(CONFINED.get(item.top, "")):
        yield f"{item.file}: only {_places(item.top)} imports {item.top}"
    if part_of(item.file) in ONLY_TORCH and item.top not in {"torch", *sys.stdlib_module_names}:
        yield f"{item.file}: {part_of(item.file)} may import only torch, not {item.top}"


def circles(found: list[Import]) -> Iterator[str]:
    graph: dict[str, set[str]] = {}
    for item in filter(is_own, found):
        if item.part != part_of(item.file):
            graph.setdefault(part_of(item.file), set()).add(item.part)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        yield f"parts import each other in a circle: {', '.join(error.args[1])}"


def violations(found: list[Import]) -> list[str]:
    messages = [m for item in found for m in (own_violations(item) if is_own(item) else foreign_violations(item))]
    messages += circles(found)
    users = Counter(top for _, top in {(item.file, item.top) for item in found})
    messages += [
        f"{name} is imported by {users[name]} files, more than {most}"
        for name, (_, most) in HEAVY.items()
        if users[name] > most
    ]
    return messages


def plant(root: Path, **files: str) -> None:
    """Write files; two underscores in a name stand for a slash."""
    for name, source in files.items():
        path = root / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)


def test_imports_go_one_way() -> None:
    assert violations(shipped()) == []


@pytest.mark.parametrize("name", [name for name, (fewest, _) in HEAVY.items() if fewest])
def test_some_file_imports(name: str) -> None:
    assert len({item.file for item in shipped() if item.top == name}) >= HEAVY[name][0]


def test_allowed_imports_pass(tmp_path: Path) -> None:
    plant(
        tmp_path,
        errors="import difflib",
        scores="import numpy as np\nfrom torch import Tensor\nfrom robopref.errors import ConfigError",
        pointclouds="def f():\n    import open3d\nfrom robopref.errors import DataError",
        data__store="import zarr\nfrom robopref import __version__\nfrom robopref.pointclouds import crop",
        data__cache="from .store import Store\nfrom robopref.records import Item",
        objectives__pairwise="import math\nfrom torch.nn import functional\nfrom robopref.scores import Loss",
        objectives__listwise="from robopref.objectives.pairwise import bradley_terry",
        robots__sim="import gymnasium as gym\nfrom robopref import protocols",
        rewards__implicit="from robopref.policies.diffusion import DiffusionPolicy",
        learning__fit="from robopref.rewards.explicit import Explicit",
        cli__train="import hydra\nfrom omegaconf import DictConfig\nfrom robopref.learning.fit import fit",
    )
    assert violations(list(imports(tmp_path))) == []


@pytest.mark.parametrize(
    ("file", "source", "complaint"),
    [
        ("errors", "from robopref.records import Item", "errors must not import robopref.records.Item"),
        ("records", "from robopref import protocols", "records must not import robopref.protocols"),
        ("pointclouds", "from robopref.data.episodes.store import Store", "pointclouds may import only"),
        ("protocols", "import robopref.nets.points", "protocols must not import robopref.nets.points"),
        ("data__cache", "from ..learning import fit", "data must not import robopref.learning.fit"),
        ("data__cache", "from robopref.ranking import ranker", "data must not import robopref.ranking"),
        ("rewards__explicit", "from robopref.learning.fit import fit", "rewards must not import"),
        ("learning__fit", "def f():\n    from robopref import cli", "learning must not import robopref.cli"),
        ("runtime", "if True:\n    from robopref.learning import fit", "runtime must not import"),
        ("objectives__pairwise", "from robopref.protocols import Policy", "objectives may import only"),
        ("objectives__pairwise", "import numpy as np", "may import only torch, not numpy"),
        ("robots__sim", "import envs", "nothing in robopref imports envs"),
        ("cli__demo", "from mujoco import MjModel", "nothing in robopref imports mujoco"),
        ("robots__replay", "import gymnasium", "only robots/sim.py and learning/learnt_reward_env.py and"),
        ("learning__fit", "from hydra.utils import instantiate", "only cli/ imports hydra"),
        ("__main__", "import omegaconf", "only cli/ imports omegaconf"),
        ("__init__", "from robopref.records import Item", "__init__ must not import robopref.records.Item"),
        ("__init__", "if TYPE_CHECKING:\n    pass\nelse:\n    import robopref.records", "__init__ must not import"),
        ("__init__", "def f():\n    from robopref.learning import fit", "__init__ must not import"),
        ("data__cache", "from robopref import DiffusionPolicy", "robopref.DiffusionPolicy is for others"),
        ("data__cache", "from .. import DiffusionPolicy", "robopref.DiffusionPolicy is for others"),
        ("cli__demo", "import robopref as rp", "robopref is for others; import the module"),
        ("misc__helpers", "from robopref.records import Item", "misc has no layer"),
    ],
)
def test_planted_violation_is_found(tmp_path: Path, file: str, source: str, complaint: str) -> None:
    path = tmp_path / (f"{file}.py" if file.startswith("__") else f"{file.replace('__', '/')}.py")
    path.parent.mkdir(exist_ok=True)
    path.write_text(source)
    (message,) = violations(list(imports(tmp_path)))
    assert complaint in message


def test_circle_within_a_layer_is_found(tmp_path: Path) -> None:
    plant(
        tmp_path,
        rewards__implicit="from robopref.policies.diffusion import DiffusionPolicy",
        policies__guidance="from robopref.rewards.explicit import Explicit",
    )
    (message,) = violations(list(imports(tmp_path)))
    assert "in a circle" in message
    assert {"policies", "rewards"} <= set(message.replace(",", "").split())


@pytest.mark.slow
def test_the_loop_on_a_robot_loads_no_code_of_training() -> None:
    program = """
import sys
import robopref.runtime.control_loop, robopref.safety.guard
import robopref.recording.episode_writer, robopref.recording.operator_feedback
print(*sorted({name.split(".")[1] for name in sys.modules if name.startswith("robopref.")}))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=PACKAGE.parent
    )
    loaded = set(done.stdout.split())
    assert {"runtime", "safety", "recording", "ranking"} <= loaded
    assert not loaded & (TRAINING | {"policies", "rewards", "nets", "cli"})


def test_heavy_dependency_in_a_second_file_is_found(tmp_path: Path) -> None:
    plant(tmp_path, data__one="import zarr", data__two="from zarr.storage import LocalStore\nimport zarr")
    assert violations(list(imports(tmp_path))) == ["zarr is imported by 2 files, more than 1"]


def longest_chain(name: str, imports: dict[str, set[str]]) -> list[str]:
    return [name, *max((longest_chain(one, imports) for one in sorted(imports[name])), key=len, default=[])]


def test_files_of_commands_import_each_other_at_most_five_deep() -> None:
    imports = {
        path.stem: set(re.findall(r"(?m)^ *from robopref\.cli\.(\w+) import", path.read_text()))
        | set(re.findall(r"\w+", " ".join(re.findall(r"(?m)^ *from robopref\.cli import ([\w, ]+)", path.read_text()))))
        for path in (PACKAGE / "cli").glob("*.py")
    }
    assert sum(map(len, imports.values())) > 40
    longest = max((longest_chain(name, imports) for name in imports), key=len)
    assert len(longest) - 1 <= 5, " -> ".join(longest)
