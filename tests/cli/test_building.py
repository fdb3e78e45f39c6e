"""Parts made of settings, and what is said of settings that a part does not take."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from robopref.cli.building import build
from robopref.errors import ConfigError
from robopref.interaction import AgentSpec
from tests.cli.tiny import fails
from tests.offline_data import recorded


class Modest:
    def __init__(self, spec: AgentSpec, *, speed: float = 1.0, inner: Any = None) -> None:
        self.speed, self.inner = speed, inner


def anything(spec: AgentSpec, **settings: Any) -> dict[str, Any]:
    return settings


def part(target: Callable[..., Any], *, later: bool = True, **settings: Any) -> dict[str, Any]:
    return {"_target_": f"{__name__}.{target.__name__}", "_partial_": later, **settings}


def test_settings_that_a_part_does_not_take_are_named_with_the_words_that_leave_them_out() -> None:
    config = OmegaConf.create({"agent": part(Modest, speed=2.0, policy="MlpPolicy", gamma=0.9)})
    with pytest.raises(ConfigError) as refused:
        build(config.agent)
    said = (
        f"agent: {__name__}.Modest takes no policy, gamma, only spec, speed, inner; leave out what it does not take: "
    )
    assert str(refused.value) == f"{said}~agent.policy ~agent.gamma"


@pytest.mark.parametrize("later", [True, False])
def test_they_are_found_within_other_parts_and_in_what_is_called_at_once(later: bool) -> None:
    config = OmegaConf.create({"agent": part(Modest, inner=part(Modest, later=later, spec=1, pace=3))})
    with pytest.raises(ConfigError, match=r"^agent\.inner: .*Modest takes no pace, .*: ~agent\.inner\.pace$"):
        build(config.agent)


@pytest.mark.parametrize("later", [True, False])
def test_what_is_null_need_not_be_taken_as_no_word_leaves_it_out(later: bool) -> None:
    inner = part(Modest, later=False, spec=1, pace=None, speed="${speed}")
    made = build(
        OmegaConf.create({"speed": 3.0, "agent": part(Modest, later=later, spec=1, pace=None, inner=inner)}).agent
    )
    assert (made() if later else made).inner.speed == 3.0


def test_the_words_that_are_named_leave_out_what_is_not_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["offline", "reward", f"run={tmp_path / 'run'}", f"data={recorded(tmp_path / 'd.zarr').path}",
             f"rewards.segment.scorer._target_={__name__}.Modest"]  # fmt: skip
    named = fails(capsys, *words).partition("does not take: ")[2].split()
    assert "takes no" not in fails(capsys, *words, *named)


def test_what_takes_any_settings_is_given_them() -> None:
    config = OmegaConf.create(
        {"agent": part(anything, policy="MlpPolicy", inner={"_target_": "builtins.dict", "a": 1})}
    )
    assert build(config.agent)(None) == {"policy": "MlpPolicy", "inner": {"a": 1}}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["online", "environment=Pendulum-v1", f"agent._target_={__name__}.Modest"], "agent: .* ~agent.policy "),
        (
            ["offline", f"rewards.segment.scorer._target_={__name__}.Modest"],
            "robopref offline: rewards.segment.scorer: .* ~rewards.segment.scorer.members",
        ),
        (
            ["offline", "+rewards.segment.objective.margn=1"],
            "rewards.segment.objective: .*bradley_terry takes no margn",
        ),
        (["offline", f"labeler._target_={__name__}.Modest"], "labeler: .* ~labeler.rationality"),
    ],
)
def test_a_part_that_is_chosen_in_place_of_another_says_what_it_does_not_take(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = [f"data={recorded(tmp_path / 'd.zarr').path}"] if words[0] == "offline" else []
    error = fails(capsys, *words, *data, f"run={tmp_path / 'run'}", "label.segments.length=3")
    assert re.search(said, error), error


def test_a_module_that_is_not_there_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    words = [f"run={tmp_path / 'run'}", "environment=Pendulum-v1", "agent._target_=nowhere.Agent"]
    assert "'nowhere.Agent'" in fails(capsys, "online", *words)
    assert caplog.records == []  # which would go to the terminal, too
