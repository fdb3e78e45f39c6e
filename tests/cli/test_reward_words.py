"""Rewards are added, chosen and left out by name."""

from pathlib import Path

import pytest

from robopref.__main__ import main
from robopref.cli.configuration import compose_config, memory
from robopref.cli.remembered import recall
from robopref.errors import ConfigError
from tests.cli.tiny import fails


def composed(folder: Path, *words: str) -> tuple[list[str], str]:
    given = [f"run={folder}", *words]
    config = compose_config("config", given)
    memory(config, given).accept()
    assert config.deploy.reward == config.use
    return list(config.rewards), config.use


def test_a_reward_is_added_and_gone_by(tmp_path: Path) -> None:
    assert composed(tmp_path) == (["explicit", "implicit"], "implicit")
    assert composed(tmp_path, "reward=cpl", "rewards.cpl.members=2") == (["explicit", "implicit", "cpl"], "cpl")
    # The run folder remembers it, and a second one does not take its place.
    assert composed(tmp_path) == (["explicit", "implicit", "cpl"], "cpl")
    assert composed(tmp_path, "reward=inverted") == (["explicit", "implicit", "cpl", "inverted"], "inverted")
    assert compose_config("config", [f"run={tmp_path}"]).rewards.cpl.members == 2
    assert composed(tmp_path, "use=explicit")[1] == "explicit"
    assert "reward@rewards.cpl=cpl" in recall(tmp_path)


def test_rewards_are_left_out(tmp_path: Path) -> None:
    assert composed(tmp_path, "rewards.explicit=null", "reward=cpl", "rewards.cpl.fit.steps=3")[0] == [
        "implicit",
        "cpl",
    ]
    assert composed(tmp_path)[0] == ["implicit", "cpl"]
    assert composed(tmp_path, "rewards.cpl=null", "use=implicit") == (["implicit"], "implicit")
    assert composed(tmp_path, "reward=explicit") == (["explicit", "implicit"], "explicit")


@pytest.mark.parametrize(
    "words",
    [
        ["+reward@rewards.mine=cpl"],
        ["reward@rewards.mine=cpl"],
        ["reward@rewards.mine=implicit", "reward@rewards.mine=cpl"],
    ],
)
def test_a_reward_may_have_a_name_of_its_own(tmp_path: Path, words: list[str]) -> None:
    assert composed(tmp_path, *words) == (["explicit", "implicit", "mine"], "implicit")
    assert composed(tmp_path, "use=mine")[1] == "mine"


def test_several_may_be_added_at_once(tmp_path: Path) -> None:
    assert composed(tmp_path, "reward=[cpl,inverted]") == (["explicit", "implicit", "cpl", "inverted"], "inverted")
    assert composed(tmp_path, "reward=cpl", "use=implicit")[1] == "implicit"


def test_a_reward_that_there_is_not_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match=r"is no choice of reward; expected reward= one of .*did you mean inverted"):
        composed(tmp_path, "reward=invertd")
    for word in ("reward=[", "reward=a b", "reward=", "reward=null", "reward=[cpl,]", "rewards.=null"):
        assert "reward" in fails(capsys, "train", "reward", f"run={tmp_path}", word)
    for word in ("reward=", "reward=null"):
        assert f"{word} names no reward" in fails(capsys, "train", "reward", f"run={tmp_path}", word)
    assert "+" not in fails(capsys, "train", "reward", f"run={tmp_path}", "reward=nonsense")


@pytest.mark.parametrize("command", ["train reward", "evaluate", "deploy", "export"])
def test_what_ranks_is_a_reward_of_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    words = [*command.split(), f"run={tmp_path}"]
    assert "unknown use 'nonsense'; expected one of combined, explicit, implicit" in fails(
        capsys, *words, "use=nonsense"
    )
    assert "likelihood. reward=outcome adds it to the run, to be trained" in fails(capsys, *words, "use=outcome")
    left_out = ["reward=explicit", "rewards.explicit=null"]
    assert "unknown use 'explicit'; expected one of combined, implicit" in fails(capsys, *words, *left_out)
    assert "no trained policy" in fails(capsys, "evaluate", f"run={tmp_path}", "use=tuned likelihood")
    assert not recall(tmp_path)


def test_leaving_out_what_ranks_by_itself_lets_the_first_rank(tmp_path: Path) -> None:
    assert composed(tmp_path, "rewards.implicit=null") == (["explicit"], "explicit")
    assert composed(tmp_path) == (["explicit"], "explicit")
    assert composed(tmp_path, "+reward@rewards.mine=cpl", "rewards.explicit=null") == (["mine"], "mine")
    assert not [word for word in recall(tmp_path) if word.startswith("use=")]


def test_leaving_out_the_one_that_was_chosen_asks_which_ranks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    composed(tmp_path, "reward=cpl")
    told = fails(capsys, "train", "reward", f"run={tmp_path}", "rewards.cpl=null")
    assert "unknown use 'cpl'" in told
    assert f"forget with: robopref settings run={tmp_path} forget=use" in told
    assert composed(tmp_path) == (["explicit", "implicit", "cpl"], "cpl")


def test_only_what_is_there_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = fails(capsys, "train", "reward", f"run={tmp_path}", "rewards.explict=null")
    assert "unknown reward 'explict'; expected one of explicit, implicit" in told
    composed(tmp_path, "reward=cpl")
    for _ in range(2):  # what is left out may be left out again
        composed(tmp_path, "rewards.cpl=null", "use=implicit")


def test_a_reward_is_a_group_of_settings_and_one_is_left(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = recall(run)
    for value in ("3", "text"):
        told = fails(capsys, "train", "reward", f"run={run}", f"rewards.explicit={value}")
        assert "rewards.explicit must be a group of settings" in told
    none = ["rewards.explicit=null", "rewards.implicit=null"]
    assert "no reward is left" in fails(capsys, "train", "reward", f"run={run}", *none)
    assert recall(run) == before


def test_evaluation_is_by_a_reward_that_there_is(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "reward", f"run={run}"]) == 0
    assert "unknown deploy.reward 'nonsense'" in fails(capsys, "evaluate", f"run={run}", "deploy.reward=nonsense")
    assert "deploy.reward=nonsense" not in recall(run)


@pytest.mark.slow
def test_an_added_reward_is_trained_and_ranks(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny = ["rewards.deformpam.fit.steps=2", "rewards.deformpam.batch_size=2"]
    assert main(["train", "reward", f"run={run}", "reward=deformpam", *tiny]) == 0
    assert (run / "rewards" / "deformpam" / "weights.pt").exists()
    assert main(["evaluate", f"run={run}"]) == 0
    assert '"deformpam"' in (run / "evaluation" / "ranked.json").read_text()
    assert "deformpam" in capsys.readouterr().out


def test_going_by_a_reward_keeps_what_was_set_of_it(tmp_path: Path) -> None:
    assert composed(tmp_path, "rewards.explicit.fit.steps=7")[1] == "implicit"
    assert composed(tmp_path, "reward=explicit")[1] == "explicit"
    assert compose_config("config", [f"run={tmp_path}"]).rewards.explicit.fit.steps == 7
    # Another choice for it brings settings of its own.
    composed(tmp_path, "reward@rewards.explicit=cpl")
    assert compose_config("config", [f"run={tmp_path}"]).rewards.explicit.fit.steps == 600
    assert composed(tmp_path, "rewards.explicit.fit.steps=8", "reward=explicit")[1] == "explicit"
    assert compose_config("config", [f"run={tmp_path}"]).rewards.explicit.fit.steps == 8


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("deploy.reward=nonsense", "unknown deploy.reward 'nonsense'; expected one of combined, explicit, implicit"),
        ("filter.nonsense=null", "unknown filter 'nonsense'; expected one of agreeing, by_labeler"),
        ("rewards=[a]", "rewards=[a] names no reward; reward=<name> adds one"),
        ("+rewards.mine.members=2", "rewards.mine has no scorer, objective, fit; a reward is chosen with"),
    ],
)
def test_what_names_nothing_of_the_run_is_not_remembered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], word: str, told: str
) -> None:
    assert told in fails(capsys, "train", "reward", f"run={tmp_path / 'run'}", word)
    assert not recall(tmp_path / "run")


def test_what_was_left_out_of_the_filters_may_be_left_out_again(tmp_path: Path) -> None:
    own = "filter.mine={_target_: robopref.data.filters.recent.Recent, days: 3}"
    composed(tmp_path, own)
    for _ in range(2):
        composed(tmp_path, "filter.mine=null")
        assert compose_config("config", [f"run={tmp_path}"]).filter.get("mine") is None


def test_a_setting_of_a_reward_that_is_left_out_is_not_offered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["rewards.explicit=null", "rewards.explicit.members=2"]
    told = fails(capsys, "train", "reward", f"run={tmp_path}", *words)
    assert "no setting 'rewards.explicit.members'" in told
    assert "mean rewards.explicit" not in told


def test_a_setting_that_a_reward_does_not_take_is_named(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = fails(capsys, "train", "reward", f"run={run}", "+rewards.explicit.scorer.widht=3")
    assert told.startswith("robopref train reward: rewards.explicit.scorer: ")
    assert "~rewards.explicit.scorer.widht" in told
