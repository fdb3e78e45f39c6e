"""What every command does with its settings before its own work."""

import shutil
from pathlib import Path

import pytest
import torch

from robopref.cli import context
from robopref.cli.configuration import compose_alone, compose_config, memory
from robopref.cli.context import Context
from robopref.cli.trained_rewards import load_members
from robopref.learning.checkpoint import load_weights


def begun(words: list[str]) -> Context:
    config = compose_alone("config", words)
    return Context(config, memory(config, words))


def test_threads_of_torch_can_be_set_and_are_left_alone_otherwise(tmp_path) -> None:
    before = torch.get_num_threads()
    try:
        for words, expected in (([], before), (["threads=3"], 3)):
            context = begun([f"run={tmp_path / str(expected)}", *words])
            context.finish()
            assert torch.get_num_threads() == expected
    finally:
        torch.set_num_threads(before)


def test_a_policy_is_loaded_once_and_given_as_a_copy(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = compose_config("config", [f"run={run}"])
    one, loaded = Context(config, memory(config, [])), list[Path]()

    def load(path: Path, module: torch.nn.Module) -> None:
        loaded.append(path)
        load_weights(path, module)

    monkeypatch.setattr(context, "load_weights", load)
    members = [member for members in load_members(one).values() for member in members]
    first, second = one.policy(), one.policy()
    assert (len(members), loaded) == (2, [run / "policy" / "weights.pt"])
    with torch.no_grad():
        next(first.parameters()).add_(1)
    assert not torch.equal(next(first.parameters()), next(second.parameters()))
    # One that is trained meanwhile is loaded.
    shutil.copy(run / "policy" / "weights.pt", run / "policy" / "copy.pt")
    (run / "policy" / "copy.pt").replace(run / "policy" / "weights.pt")
    one.policy()
    assert len(loaded) == 2
    one.finish()
