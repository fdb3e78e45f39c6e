"""Checkpoints: whole or not at all, and nothing but data."""

import errno
import math
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from robopref.errors import DataError
from robopref.learning.checkpoint import load_checkpoint, load_weights, save_checkpoint
from robopref.learning.stored_models import load_embedding, load_policy, load_reward, save_embedding, save_model
from robopref.nets.state import StateNormalizer
from robopref.policies.gaussian import GaussianActor, GaussianPolicy
from robopref.rewards.item_embedding import StepEmbedding
from robopref.rewards.segment import SegmentReward

CONTENT = {"module": {"w": torch.arange(3.0)}, "step": 7, "name": "rope"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "weights.pt"


class Touch:
    """An object whose unpickling leaves a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return (os.mkdir, (str(self.trace),))


def test_what_goes_in_comes_out(path: Path) -> None:
    save_checkpoint(path, CONTENT)
    got = load_checkpoint(path)
    assert got.keys() == CONTENT.keys()
    assert torch.equal(got["module"]["w"], torch.arange(3.0))
    assert (got["step"], got["name"]) == (7, "rope")
    assert list(path.parent.iterdir()) == [path]


def test_a_second_checkpoint_replaces_the_first(path: Path) -> None:
    save_checkpoint(path, CONTENT)
    save_checkpoint(path, {"step": 8})
    assert load_checkpoint(path) == {"step": 8}


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), RuntimeError("unexpected pos")])
def test_a_write_that_fails_midway_leaves_the_old_one(
    path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    save_checkpoint(path, CONTENT)
    before = path.read_bytes()

    def fail(_: Any, file: Any) -> None:
        file.write(b"half a check")
        raise error

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(DataError, match=r"(could not|cannot) write") as caught:
        save_checkpoint(path, {"step": 8})
    assert str(path) in str(caught.value)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_write_that_fails_the_first_time_leaves_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(DataError, match="Input/output error"):
        save_checkpoint(path, CONTENT)
    assert list(path.parent.iterdir()) == []


def test_an_interrupted_write_leaves_the_old_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint(path, CONTENT)
    before = path.read_bytes()

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(path, {"step": 8})
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(DataError, match=r"(could not|cannot) write"):
        save_checkpoint(tmp_path / "file" / "weights.pt", CONTENT)


def test_a_missing_checkpoint_is_named(path: Path) -> None:
    with pytest.raises(DataError, match=r"no checkpoint at .*weights\.pt; train first"):
        load_checkpoint(path)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol:UserWarning")
def test_a_folder_is_no_checkpoint_and_says_which_file_is_one(path: Path) -> None:
    save_checkpoint(path, CONTENT)
    with pytest.raises(DataError, match=r"deep is a folder; name a file in it, such as weights\.pt$"):
        load_checkpoint(path.parent)


def test_damaged_checkpoints_are_refused_in_one_line(path: Path) -> None:
    save_checkpoint(path, CONTENT)
    whole = path.read_bytes()
    damaged = [whole[:count] for count in (0, 1, 2, 100, len(whole) // 2, len(whole) - 1)]
    # The last ones are pickles of instructions that do not fit together.
    damaged += [b"not a checkpoint\n", b"\x80\x02.", b"\x80\x02e.", b"\x80\x020.", b"\x80\x02h\x05."]
    for content in damaged:
        path.write_bytes(content)
        with pytest.raises(DataError, match="is not a readable checkpoint") as caught:
            load_checkpoint(path)
        assert "\n" not in str(caught.value)


def test_objects_are_refused_and_not_run(path: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    save_checkpoint(path, {"module": Touch(trace)})
    with pytest.raises(DataError, match="is not a readable checkpoint") as caught:
        load_checkpoint(path)
    assert "\n" not in str(caught.value)
    assert not trace.exists()
    # With a loader that trusts the file, it would have run.
    torch.load(path, weights_only=False)
    assert trace.exists()


@pytest.mark.parametrize("content", [torch.ones(3), [1, 2]])
def test_a_file_without_named_entries_is_refused(path: Path, content: Any) -> None:
    save_checkpoint(path, content)
    with pytest.raises(DataError, match="not named entries"):
        load_checkpoint(path)


def test_weights_go_into_their_module(path: Path) -> None:
    one, other = nn.Linear(2, 3), nn.Linear(2, 3)
    save_checkpoint(path, {"module": one.state_dict()})
    load_weights(path, other)
    assert torch.equal(one.weight, other.weight)
    assert torch.equal(one.bias, other.bias)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"module": nn.Linear(2, 4).state_dict()}, "size mismatch for bias"),
        ({"module": nn.Bilinear(2, 2, 3).state_dict()}, "does not fit this network"),
        ({"module": {}}, "Missing key"),
        ({"weights": {}}, "does not fit this network"),
    ],
)
def test_weights_of_something_else_are_refused_in_one_line(path: Path, content: dict[str, Any], message: str) -> None:
    save_checkpoint(path, content)
    with pytest.raises(DataError, match=message) as caught:
        load_weights(path, nn.Linear(2, 3))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bytes_that_changed_on_the_disk_are_noticed(path: Path) -> None:
    save_checkpoint(path, {"module": {"w": torch.arange(1000.0)}})
    content = bytearray(path.read_bytes())
    place = content.index(torch.arange(500.0, 504.0).numpy().tobytes())
    content[place + 1] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="has changed"):
        load_checkpoint(path)


def test_a_packed_file_is_refused_before_it_is_unpacked(path: Path) -> None:
    save_checkpoint(path, {"module": {"w": torch.zeros(100_000)}})
    packed = path.with_name("packed.pt")
    with zipfile.ZipFile(path) as whole, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as small:
        for part in whole.infolist():
            small.writestr(part.filename, whole.read(part))
    assert packed.stat().st_size < 10_000
    with pytest.raises(DataError, match=r"its parts are 40[01],.* bytes, more than the file has"):
        load_checkpoint(packed)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (torch.zeros(1).expand(1, 4, 100_000), "stands for 400000 numbers, of which the file holds fewer"),
        (torch.zeros(1, 4, 100_000, dtype=torch.int8), "is of torch.int8, not of torch.float32"),
        (torch.zeros(1, 4, 9, dtype=torch.complex64), "its settings say"),
        (torch.zeros(3), "its settings say"),
    ],
    ids=str,
)
def test_no_size_of_an_embedding_is_believed_that_the_file_does_not_hold(
    path: Path, weight: torch.Tensor, message: str
) -> None:
    embedding = StepEmbedding(SegmentReward(["state"], 4, width=8, outputs=6))
    save_embedding(path, embedding)
    content = load_checkpoint(path)
    content["settings"]["width"] = 100_000
    name = "network.network.weights.0"
    save_checkpoint(path, {**content, "module": {**content["module"], name: weight}})
    with pytest.raises(DataError, match=f"{name} .*{message}"):
        load_embedding(path, lambda: embedding)
    save_checkpoint(path, {"kind": "StepEmbedding"})
    with pytest.raises(DataError, match="it lacks 'settings'"):
        load_embedding(path, lambda: embedding)


@pytest.mark.parametrize("module", [None, 5, "text", [1, 2], {"weight": 1}, {"weight": torch.zeros(7)}, {}])
def test_weights_of_another_form_are_one_line(path: Path, module: object) -> None:
    save_checkpoint(path, {"module": module})
    with pytest.raises(DataError, match="does not fit this network") as caught:
        load_weights(path, nn.Linear(2, 2))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"settings": None}, {"settings": {}}, {"settings": {"normalizer": 3, "actor": []}}, {"settings": "x"},
        {"settings": {"normalizer": {"keys": [], "size": 3, "points": 1}, "actor": {"inputs": 3, "actions": 2}}},
        {"settings": {"normalizer": {"keys": ["state"], "size": 10**9, "points": 1}, "actor": {}}},
        {"settings": {"normalizer": {"keys": ["state"], "size": 3, "points": 1},
                      "actor": {"inputs": 3, "actions": 2, "hidden": [500_000, 500_000]}}},
        {"module": {}}, {"module": None}, {"kind": "BehaviourPolicy"}, {"kind": ["GaussianPolicy"]},
        {"kind": "os.system"}, {"module": {"normalizer.mean": 3}},
        {"kind": torch.zeros(2, 2)},
    ],
    ids=str,
)  # fmt: skip
def test_a_model_that_is_described_otherwise_is_one_line(path: Path, change: dict[str, Any]) -> None:
    save_model(path, GaussianPolicy(StateNormalizer(["state"], 3), GaussianActor(3, 2, hidden=(4,), encoder=())))
    assert load_policy(path).normalizer.size == 3
    save_checkpoint(path, {**load_checkpoint(path), **change})
    with pytest.raises(DataError) as caught:
        load_policy(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("keys", [None, [], {}, torch.zeros(0), [torch.zeros(2)], "state", [["state"]]], ids=str)
def test_a_reward_of_other_keys_is_one_line(path: Path, keys: object) -> None:
    save_model(path, SegmentReward(["state", "action"], 3, width=4))
    assert load_reward(path).keys == ("state", "action")
    content = load_checkpoint(path)
    save_checkpoint(path, {**content, "settings": {**content["settings"], "keys": keys}})
    with pytest.raises(DataError, match=r"weights\.pt is damaged") as caught:
        load_reward(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_weights_that_are_no_numbers_are_refused(path: Path, number: float) -> None:
    for content, named in (
        ({"module": {"bias": torch.tensor([1.0, number])}}, "module.bias"),
        ({"optimizer": {"state": {0: {"exp_avg": torch.tensor(number)}}}}, "optimizer.state.0.exp_avg"),
        ({"few": torch.tensor([number]).expand(1 << 40)}, "few"),
        ({"heads": [torch.zeros(2), torch.tensor([number], dtype=torch.bfloat16)]}, "heads.1"),
    ):
        save_checkpoint(path, content)
        with pytest.raises(DataError, match=f"{named} is not finite"):
            load_checkpoint(path)


class _Stranger:
    pass


def test_a_checkpoint_with_code_is_refused_without_advice_to_run_it(path: Path) -> None:
    path.parent.mkdir()
    torch.save(_Stranger(), path)
    with pytest.raises(DataError, match="holds more than tensors and plain values") as caught:
        load_checkpoint(path)
    assert "weights_only" not in str(caught.value)
    assert "\n" not in str(caught.value)
