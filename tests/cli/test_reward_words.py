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


def test_an_added_reward_is_trained_and_ranks(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny = ["rewards.deformpam.fit.steps=2", "rewards.deformpam.batch_size=2"]
    assert main(["train", "reward", f"run={run}", "reward=deformpam", *tiny]) == 0
    assert (run / "rewards" / "deformpam" / "weights.pt").exists()
    assert main(["evaluate", f"run={run}"]) == 0
    assert '"deformpam"' in (run / "evaluation" / "ranked.json").read_text()
    assert "deformpam" in capsys.readouterr().out
