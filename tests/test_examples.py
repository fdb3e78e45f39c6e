"""Every script of `examples/` runs, is short, and is what README shows."""

import ast
import importlib.util
import io
import math
import re
import tokenize
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from robopref.data.episode_formats.conversion import open_dataset, write_dataset
from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.records import Observation
from tests.offline_data import recorded

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted((ROOT / "examples").glob("*.py"))
IGNORED = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", ROOT / "examples" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def code_lines(source: str) -> int:
    """Lines that are neither empty, comment nor docstring."""
    told = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            told |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    code = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in IGNORED:
            code |= set(range(token.start[0], token.end[0] + 1))
    return len(code - told)


def test_only_code_counts_as_lines() -> None:
    assert (
        code_lines(
            '"""Page."""\n\nimport a  # why\n# a comment\n\n\ndef f():\n    """Say."""\n    return (\n        1)\n'
        )
        == 4
    )


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_has_at_most_25_lines_of_code(script: Path) -> None:
    assert code_lines(script.read_text()) <= 25


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_takes_what_is_of_robopref_from_its_face(script: Path) -> None:
    taken = {alias.name for node in ast.walk(ast.parse(script.read_text())) if isinstance(node, ast.Import)
             for alias in node.names}  # fmt: skip
    modules = [node.module for node in ast.walk(ast.parse(script.read_text())) if isinstance(node, ast.ImportFrom)]
    assert "robopref" in taken
    assert not [module for module in modules if module.startswith("robopref")]


def test_the_readme_shows_the_loop_as_it_is() -> None:
    shown = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL).group(1)
    assert shown == (ROOT / "examples" / "loop.py").read_text()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_the_readme_names_a_script(script: Path) -> None:
    assert f"(examples/{script.name})" in (ROOT / "README.md").read_text()


@pytest.mark.slow
def test_loop(tmp_path: Path) -> None:
    gain = load("loop").main(tmp_path, workers=0, demos=2, states=1, starts=1, steps=2)
    assert math.isfinite(gain)


@pytest.mark.slow
def test_own_reward() -> None:
    assert math.isfinite(load("own_reward").main(workers=0, states=1, starts=1, steps=2))


@pytest.mark.slow
def test_own_labeler_teaches_what_it_prefers_and_is_not_asked_twice(tmp_path: Path) -> None:
    script, sizes = load("own_labeler"), {"workers": 0, "demos": 60, "pairs": 20, "steps": 60}
    assert script.main(tmp_path, **sizes) < -0.2
    asked = []

    class Counted(script.Unhurried):
        def label(self, query):
            asked.append(query.id)
            return super().label(query)

    script.Unhurried = Counted
    script.main(tmp_path, **sizes)
    assert asked == []
    with FeedbackStore(tmp_path / "labels.sqlite") as labels:
        assert {given.labeler for given in labels.feedback()} == {"unhurried"}


def test_offline_learns_from_a_foreign_file(tmp_path: Path) -> None:
    store = recorded(tmp_path / "source.zarr")
    write_dataset(tmp_path / "theirs.npz", open_dataset(store.path))
    learner = load("offline").main(tmp_path / "theirs.npz", tmp_path, length=3, pairs=60, fit=100, steps=3)
    learnt = EpisodeStore.open(tmp_path / "data.zarr")
    # The recorded reward is the first number of the state.
    assert np.corrcoef(learnt.array("reward_learnt"), store.array("reward"))[0, 1] > 0.5
    action = learner.policy().act(Observation(None, None, torch.as_tensor(store.array("state", 0, 1))))
    assert action.shape == (1, 2)


@pytest.mark.slow
def test_deploy_executes_what_was_asked_for(tmp_path: Path) -> None:
    said = load("deploy").main(tmp_path, workers=0, demos=2, steps=2, commands=1)
    assert said == "1 commands, 0 plans refused; it ended by: 1 commands"


def test_recordings_become_a_policy_in_a_file_that_acts_alike(tmp_path: Path) -> None:
    rng, store = np.random.default_rng(0), EpisodeStore.create(tmp_path / "arm.zarr", {})
    moves = rng.uniform(-2, 2, (12, 3)).astype(np.float32)
    pictures = rng.integers(0, 256, (12, 16, 16, 3), dtype=np.uint8)
    ends = {"terminated": np.arange(12) == 11, "truncated": np.zeros(12, bool)}
    store.append({"image": pictures, "proprio": moves, "action": moves, **ends})
    write_dataset(tmp_path / "theirs.hdf5", open_dataset(store.path), "robomimic")
    action = load("recordings").main(tmp_path / "theirs.hdf5", tmp_path, steps=2)
    assert action.shape == (8, 3)
    # In recorded units, by statistics that are in the file.
    assert action.abs().max() > 1
