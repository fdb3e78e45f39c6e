"""What is kept of the training of a reward: how many members it has."""

from pathlib import Path

import pytest

from robopref.__main__ import main
from robopref.cli.configuration import compose_config, memory
from robopref.cli.context import Context
from robopref.cli.trained_rewards import load_members
from robopref.errors import DataError, MismatchError
from robopref.learning.reward_record import keep_record, record_of, require_all_members
from tests.cli.tiny import fails


def test_some_of_the_members_are_not_used_as_if_they_were_all(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def members(count: int) -> str:
        return f"rewards.explicit.members={count}"

    assert main(["train", "reward", f"run={run}", members(3)]) == 0
    refused = fails(capsys, "evaluate", f"run={run}", members(2))
    assert f"the explicit reward of {run} was trained with 3 members, not 2; give {members(3)}, or train it" in refused
    assert "no trained reward at" in fails(capsys, "evaluate", f"run={run}", members(4))
    assert main(["train", "reward", f"run={run}", members(2)]) == 0
    config = compose_config("config", [f"run={run}", members(2)])
    assert len(load_members(Context(config, memory(config, [])))["explicit"]) == 2


@pytest.mark.parametrize("members", ["-1", "0", "true", '"two"', "1e400", "9" * 400])
def test_a_damaged_number_of_members_is_said(members: str, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "answers.json").write_text(f'{{"about": [], "members": {members}}}')
    with pytest.raises(DataError, match=r"own/answers\.json is damaged: members has to be "):
        record_of(tmp_path, ["own"])


def test_one_member_of_several_is_not_called_untrained(tmp_path: Path) -> None:
    keep_record(tmp_path / "rewards", ["outcome-1", "outcome-2"], [])
    with pytest.raises(MismatchError, match=r"was trained with 2 members, not 1; give rewards\.outcome\.members=2"):
        require_all_members(tmp_path / "rewards", ["outcome"], "outcome")
    keep_record(tmp_path / "rewards", ["outcome"], [])
    require_all_members(tmp_path / "rewards", ["outcome"], "outcome")
