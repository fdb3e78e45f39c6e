"""Words of the command line that are paths, sentences, names of groups, or nothing."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from robopref.__main__ import main
from robopref.cli.configuration import compose_alone, compose_config, paths_among
from robopref.cli.words import parsed, renamed, shown, taken_literally, written_out
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.errors import ConfigError
from tests.cli.tiny import fails

NAMES = ["José", "データ", "a,b", "run (1)", "it's", "a=b", '"quoted"', "[x]", "{y}", "~z", "-v", "$HOME", "${x:y}",
         "${", "a b", "1e3", "007", "true", "#1", "back\\slash", "end\\", "%20", "a;b&c|d"]  # fmt: skip


def pairs(path: Path) -> Path:
    rng = np.random.default_rng(0)
    arrays = {f"{kind}_{side}": rng.normal(size=(2, 4, 3)) for kind in ("obs", "action") for side in (1, 2)}
    np.savez(path, **arrays, label=np.array([0.0, 1.0]))
    return path


@settings(max_examples=100, deadline=None)
@given(st.text("ab\\'\"${},[]=é~ \n\t:#%@!-(){.\udce9|", min_size=1, max_size=12))
@example("${run}")
@example("\\${a}\\")
@example("end\\\n")
def test_a_path_means_itself_and_is_shown_as_it_was_typed(text: str) -> None:
    assume(text not in ("''", '""', "null"))  # empty, and none
    (word,) = taken_literally([f"run={text}"])
    assert OmegaConf.create({"run": str(parsed(word).value())}).run == text
    assert shown(word) == f"run={text}"


@pytest.mark.parametrize("name", NAMES)
def test_any_name_of_a_folder_is_taken_as_it_is_and_remembered(tmp_path: Path, name: str) -> None:
    words = [f"run={tmp_path / name}", f"data={name}/store.zarr"]
    config = compose_config("config", [words[0], f"base={tmp_path / name}", words[1], f"+robot.path={name}"])
    assert config.run == config.base == str(tmp_path / name)
    assert (config.data, config.robot.path) == (f"{name}/store.zarr", name)
    assert compose_config("offline", words[:2]).data == f"{name}/store.zarr"


def test_data_may_be_several_folders_of_any_name(tmp_path: Path) -> None:
    for word, names in (("[a,b c]", ["a", "b c"]), ("['[x]']", ["[x]"])):
        config = compose_config("offline", [f"run={tmp_path}", f"data={word}"])
        assert OmegaConf.to_container(config, resolve=True)["data"] == names  # type: ignore[index]


@pytest.mark.parametrize("name", ["データ", "a,b [x]", "it's ${x}="])
def test_commands_work_in_any_folder(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / name
    folder.mkdir()
    path = pairs(folder / f"{name}.npz")
    words = ["format=inverse-preference-learning", "source=lift"]
    assert main(["labels", "import", f"run={folder}", f"path={path}", *words]) == 0, capsys.readouterr().err
    with FeedbackStore(folder / "labels.sqlite") as store:
        assert len(store.feedback()) == 2
    assert main(["labels", "export", f"run={folder}", f"path={folder / 'out é,.jsonl'}"]) == 0
    assert (folder / "out é,.jsonl").exists()
    assert main(["data", "inspect", str(path)]) == 1  # pairs are no dataset
    assert "damaged" not in capsys.readouterr().err


def test_settings_of_such_a_folder_come_back(tmp_path: Path, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there = tmp_path / "a, it's ${b} データ"
    os.rename(run, there)
    words = [f"run={there}", "task=Fold it, then: stop {now} ${seed}"]
    assert main(["collect", *words, "data=x, é"]) == 0, capsys.readouterr().err
    config = compose_config("config", words[:1])
    assert (config.task, config.data) == ("Fold it, then: stop {now} ${seed}", "x, é")
    assert main(["settings", words[0]]) == 0
    assert "data=x, é" in capsys.readouterr().out.splitlines()


def test_the_run_folder_can_be_referred_to_in_a_path(tmp_path: Path) -> None:
    config = compose_alone("labels", [f"run={tmp_path}", "path=${run}/a, b.npz"])
    assert config.path == f"{tmp_path}/a, b.npz"


def test_lists_of_paths_hold_any_name() -> None:
    assert compose_alone("cameras", ["clouds=[é.npy, it's (1).npy,'a,b']"]).clouds == ["é.npy", "it's (1).npy", "a,b"]
    config = compose_alone("data", ["names.proprio=[Gelenke, Größe]", "names.state=observation/joint, pos"])
    assert config.names.proprio == ["Gelenke", "Größe"]
    assert config.names.state == "observation/joint, pos"


def test_words_of_commands_on_files_are_paths_or_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lr=0.1").mkdir()
    (tmp_path / "-x.npz").touch()
    found = paths_among(
        "data", ["a.npz", "lr=0.1/new.npz", "/tmp/b=c.npz", "-x.npz", "from=npz", "formt=zarr", "+names.a=b"]
    )
    assert found == (["a.npz", "lr=0.1/new.npz", "/tmp/b=c.npz", "-x.npz"], ["from=npz", "formt=zarr", "+names.a=b"])


def test_a_setting_may_bear_the_name_of_a_group(tmp_path: Path) -> None:
    path = pairs(tmp_path / "l.npz")
    words = [f"run={tmp_path}", f"path={path}", "format=inverse-preference-learning", "source=lift", "labeler=people"]
    assert main(["labels", "import", *words]) == 0
    with FeedbackStore(tmp_path / "labels.sqlite") as store:
        assert {given.labeler for given in store.feedback()} == {"people"}


@pytest.mark.parametrize("group", ["env", "policy", "labeler", "selector", "robot", "safety", "ranker"])
@pytest.mark.parametrize("word", ["{}=null", "{}=", "~{}", "{}=nothing", "{}=3", "{}=[a,b]"])
def test_a_group_that_is_needed_is_not_left_out(capsys: pytest.CaptureFixture[str], group: str, word: str) -> None:
    message = fails(capsys, "deploy", "run=unused", word.format(group))
    assert f"expected {group}= one of" in message
    assert not Path("unused").exists()


@pytest.mark.parametrize("word", ["method=null", "reward@rewards.implicit=null"])
def test_what_may_be_left_out_is(word: str) -> None:
    config = compose_config("config", [word])
    assert "implicit" not in config.rewards or "method" in word


def test_a_setting_of_a_remembered_choice_can_be_given_alone(tmp_path: Path) -> None:
    (tmp_path / "overrides.yaml").write_text("- labeler=vlm\n")
    assert compose_config("config", [f"run={tmp_path}", "labeler.judge.model=x"]).labeler.judge.model == "x"


@pytest.mark.parametrize("word", ["run=", "run=null"])
def test_an_empty_run_folder_is_one_line(word: str) -> None:
    with pytest.raises(ConfigError, match="name the folder that"):
        compose_config("config", [word])


@pytest.mark.parametrize("word", ["seed=[", "env.options.target=${", "+a={b", "x y=1", "seed=${seed}"])
def test_what_cannot_be_read_is_one_line(word: str) -> None:
    with pytest.raises(ConfigError) as caught:
        compose_config("config", [word])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("word", ["method=outcome", "objective@rewards.implicit.objective=outcome"])
def test_a_choice_that_was_renamed_says_its_name_and_is_remembered_by_it(word: str) -> None:
    new = {"method": "implicit_prm", "objective": "success"}[word.partition("=")[0].partition("@")[0]]
    with pytest.raises(ConfigError, match=f"{re.escape(word)}: this choice is called {new}"):
        written_out([word])
    assert renamed(word) == word.replace("=outcome", f"={new}")
    assert renamed("label.truth=outcome") == "label.truth=outcome"
