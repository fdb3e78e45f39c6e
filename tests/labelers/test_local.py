"""A model in this process: a tiny one of random weights, which says nothing that makes sense."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from robopref.errors import ConfigError, DataError
from robopref.labelers import vlm
from robopref.labelers.judge import Judge, Prices
from robopref.labelers.local import LocalJudge, spoken
from robopref.labelers.prompts import PAIR_SCHEMA
from robopref.labelers.vlm import Manner, VlmLabeler
from robopref.records import Abstain
from tests.labelers.asking import GreyPictures, pair
from tests.labelers.tiny_model import save_tiny_model

ONE, TWO = (np.full((20, 30, 3), value, np.uint8) for value in (200, 30))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "tiny"
    save_tiny_model(path)
    return path


@pytest.mark.slow
def test_a_local_model_reads_texts_and_pictures_in_order(folder: Path) -> None:
    judge = LocalJudge(str(folder), max_tokens=8)
    assert isinstance(judge, Judge)
    reply = judge.ask(["one", ONE, "two", TWO, "which"])
    # 3 + 3 + 5 letters, and (16 / 8)^2 patches of each picture.
    assert reply.usage is not None
    assert reply.usage.input_tokens == 3 + 3 + 5 + 2 * 4
    assert 1 <= reply.usage.output_tokens <= 8
    assert reply.cut == (reply.usage.output_tokens == 8)
    assert judge.ask(["one", ONE, "two", TWO, "which"]) == reply
    structured = judge.ask(["which"], PAIR_SCHEMA).usage
    assert structured is not None
    assert structured.input_tokens > 200  # the schema is in the prompt
    assert judge.prices == Prices(0, 0)


@pytest.mark.slow
def test_samples_are_drawn_by_their_number(folder: Path) -> None:
    judge = LocalJudge(str(folder), max_tokens=8, temperature=1.0)
    replies = [judge.ask(["which", ONE], sample=sample) for sample in (1, 1, 2, 3, 4)]
    assert replies[0] == replies[1]
    assert len(set(replies)) > 1


def test_what_it_says_is_an_abstention(folder: Path) -> None:
    judge = LocalJudge(str(folder), max_tokens=8)
    given = VlmLabeler(judge, GreyPictures([0, 200]), manner=Manner("one_stage")).label(pair(0, 1))
    assert given.answer == Abstain(vlm.UNREADABLE)
    assert given.labeler_version.startswith("local:tiny")


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"labeler\.judge\.path"):
        LocalJudge(None)
    with pytest.raises(ConfigError, match="max_tokens"):
        LocalJudge(str(tmp_path), max_tokens=0)
    with pytest.raises(DataError, match="no such folder"):
        LocalJudge(str(tmp_path / "none")).ask(["?"])
    with pytest.raises(DataError, match="no vision-language model"):
        LocalJudge(str(tmp_path)).ask(["?"])


def test_other_files_are_another_model(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "tiny"
    shutil.copytree(folder, copy)
    assert LocalJudge(str(copy)).name == LocalJudge(str(folder)).name
    weights = copy / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert LocalJudge(str(copy)).name != LocalJudge(str(folder)).name


def test_marks_of_thinking_outlive_decoding(folder: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<think>", "</think>", "<|im_end|>"]})
    written = tokenizer("<think>no</think>yes<|im_end|></s>").input_ids
    assert spoken(tokenizer, written).replace(" ", "") == "<think>no</think>yes"
