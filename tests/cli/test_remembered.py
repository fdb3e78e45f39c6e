"""A run folder remembers what was accepted, says what it remembers, and forgets it."""

from pathlib import Path

import pytest
import yaml

from robopref.__main__ import main
from robopref.cli.configuration import compose_config
from robopref.cli.remembered import Memory, concerned, explained, recall
from robopref.cli.words import written_out
from robopref.errors import ConfigError, DataError, MismatchError, TrainingError
from robopref.learning.origin import differing
from tests.cli.tiny import fails

SMALL = ["workers=0", "device=cpu", "collect.steps=6"]


def test_a_refused_setting_is_not_remembered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    assert main(["collect", f"run={run}", *SMALL]) == 0
    remembered, settings = recall(run), (run / "config.yaml").read_bytes()
    for words in (["env.options.target=u"], ["env.options.target=strait"], ["env=pile"], ["collect.stepz=3"]):
        fails(capsys, "collect", f"run={run}", *words)
        assert recall(run) == remembered
        assert (run / "config.yaml").read_bytes() == settings
        assert main(["collect", f"run={run}"]) == 0


def test_names_that_are_no_text_and_words_without_end_are_refused_in_a_line_that_can_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = fails(capsys, "collect", "run=caf\udce9")
    assert told == "robopref collect: run must be text in UTF-8, got 'caf\\udce9'; rename it\n"
    assert list(tmp_path.iterdir()) == []
    told = fails(capsys, "data", "inspect", f"{'x' * 5000}end")
    assert len(told) < 1000
    assert "xxx..." in told
    assert "end" in told


def test_a_setting_is_known_by_the_name_that_it_had_before(tmp_path: Path) -> None:
    assert written_out(["labeler.browser=false"]) == ["labeler.open=false"]
    (tmp_path / "overrides.yaml").write_text("- labeler=human\n- labeler.browser=false\n")
    assert compose_config("config", [f"run={tmp_path}"]).labeler.open is False
    assert compose_config("config", [f"run={tmp_path}", *written_out(["labeler.browser=true"])]).labeler.open is True


def test_a_refused_command_leaves_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fails(capsys, "collect", f"run={tmp_path / 'run'}", "workers=0", "env.options.target=strait")
    fails(capsys, "train", "policy", f"run={tmp_path / 'run'}", "policy.width=8")
    assert list(tmp_path.iterdir()) == []


def test_a_message_about_a_remembered_setting_says_how_to_forget_it(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [word for word in recall(run) if not word.startswith("collect.")]
    (run / "overrides.yaml").write_text(yaml.safe_dump([*words, "labeler.mistake=2"]))
    (run / "labels.sqlite").unlink()
    message = fails(capsys, "label", f"run={run}")
    assert "labeler.mistake=2 is remembered from an earlier command" in message
    command = message.rpartition("forget with: robopref ")[2].rstrip(")\n").split()
    assert main(command) == 0
    assert "forgotten: labeler.mistake=2" in capsys.readouterr().out
    assert main(["label", f"run={run}"]) == 0, capsys.readouterr().err


def test_a_message_about_what_was_typed_does_not(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "labels.sqlite").unlink()
    assert "remembered" not in fails(capsys, "label", f"run={run}", "labeler.mistake=2")


def test_work_that_has_begun_is_remembered_and_what_stops_it_is_not(tmp_path: Path) -> None:
    memory = Memory(tmp_path, None, ["seed=1", "policy.hidden=-1"], {"seed": 1})
    memory.accept()
    memory.refuse(TrainingError("loss became nan at step 3; hidden"))
    assert recall(tmp_path) == ["seed=1", "policy.hidden=-1"]
    memory.refuse(ConfigError("hidden must be positive, got -1"))
    assert recall(tmp_path) == ["seed=1"]


def test_settings_that_what_is_there_was_not_made_with_are_not_remembered(tmp_path: Path) -> None:
    Memory(tmp_path, None, ["seed=1", "rewards.implicit.fit.steps=20"], {}).accept()
    memory = Memory(tmp_path, None, ["rewards.implicit.fit.steps=50", "rewards.explicit.fit.steps=50"], {})
    memory.accept()  # the explicit one was trained
    memory.refuse(MismatchError("rewards/implicit/state.pt was trained with other settings (steps was 20, is 50)"))
    assert recall(tmp_path) == ["rewards.implicit.fit.steps=20", "seed=1", "rewards.explicit.fit.steps=50"]
    memory = Memory(tmp_path, None, ["seed=1", "policy.width=8"], {})
    memory.accept()
    memory.refuse(MismatchError("rewards/implicit/weights.pt does not fit"))
    assert "policy.width=8" not in recall(tmp_path)
    assert "seed=1" in recall(tmp_path)


def test_a_setting_is_not_blamed_for_another_one_of_the_same_last_name() -> None:
    remembered = ["collect.steps=30", "rewards.explicit.fit.steps=20", "policy.horizon=4"]
    for message in (
        "train.fit.steps must be a whole number of at least 1, got 'abc'",
        "no setting 'policy.hidden'; did you mean policy.denoiser.hidden or policy.horizon? (all settings: --help)",
    ):
        assert concerned(ConfigError(message), remembered) == []
    assert concerned(MismatchError("rewards/explicit was made otherwise (steps was 30, is 20)"), remembered) == [
        "rewards.explicit.fit.steps=20"
    ]


def test_a_teacher_with_other_settings_is_refused_for_once(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = recall(run)
    assert "with other settings of labeler" in fails(capsys, "label", f"run={run}", "labeler=mistaken")
    assert recall(run) == before
    assert main(["label", f"run={run}"]) == 0, capsys.readouterr().err


def test_a_policy_of_other_settings_is_named_with_what_differs(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = recall(run)
    for command in ("train policy", "train reward"):
        error = fails(capsys, *command.split(), f"run={run}", "policy.horizon=2")
        assert "policy was trained with other settings (policy.horizon was 1, is 2)" in error
    assert recall(run) == before
    Memory(run, None, ["policy.horizon=2"], {}).accept()
    assert f"settings run={run} forget=policy.horizon" in fails(capsys, "train", "policy", f"run={run}")
    assert main(["settings", f"run={run}", "forget=policy.horizon"]) == 0


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("rewards.implicit.scorer.beta=2", "rewards.implicit.scorer.beta was 1.0, is 2"),
        ("rewards.implicit.scorer.draws.timesteps=[3]", "scorer.draws.timesteps was [2], is [3]"),
        ("rewards.explicit.scorer.width=9", "rewards.explicit.scorer.width was 8, is 9"),
    ],
)
def test_a_reward_of_other_settings_is_named_with_what_differs(
    run: Path, capsys: pytest.CaptureFixture[str], setting: str, said: str
) -> None:
    before = recall(run)
    assert said in fails(capsys, "train", "reward", f"run={run}", setting)
    assert recall(run) == before


def test_a_number_that_is_written_otherwise_is_the_same_setting() -> None:
    before = {"a": "1.0", "b": "300", "c": "x", "d": 2, "e": "0.1"}
    assert differing(before, {"a": "1", "b": "3e2", "c": "y", "d": "2", "e": "0.2", "f": "new"}) == ["c", "e"]


def test_what_an_export_borrows_of_another_command_is_for_it_alone(tmp_path: Path) -> None:
    for command, kept in (("export", ["seed=3"]), ("deploy", ["deploy.reward=null", "seed=3"])):
        Memory(tmp_path / command, None, ["deploy.reward=null", "seed=3"], {}, command).accept()
        assert recall(tmp_path / command) == kept


def test_what_others_remembered_meanwhile_stays(tmp_path: Path) -> None:
    memory = Memory(tmp_path, None, ["seed=1"], {})
    Memory(tmp_path, None, ["workers=0"], {}).accept()
    memory.accept()
    assert recall(tmp_path) == ["workers=0", "seed=1"]


@pytest.mark.parametrize(
    ("message", "about"),
    [
        (ConfigError("unknown target 'u'; expected one of flat, straight."), ["env.options.target=u"]),
        (ConfigError("rate must be positive, got 0"), ["robot.rate=0"]),
        (DataError("no demonstrations at runs/u/demos.zarr; run: robopref collect run=runs/u"), []),
        (DataError("made with options={'target': 'straight'}, now {'target': 'u'}"), ["env.options.target=u"]),
        (DataError("saved at 0 steps"), []),
        (ConfigError("no setting 'robot.rate'"), ["robot.rate=0"]),
    ],
)
def test_a_message_is_about_the_settings_that_it_names(message: ConfigError | DataError, about: list[str]) -> None:
    assert concerned(message, ["env.options.target=u", "robot.rate=0"]) == about


def test_settings_are_shown_as_they_are_typed_and_forgotten_with_what_is_below(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Memory(tmp_path, None, ["labeler=human", "labeler.port=0", "labelers=1", "data='a, it\\'s'"], {}).accept()
    assert main(["settings", f"run={tmp_path}"]) == 0
    assert capsys.readouterr().out.splitlines() == ["labeler=human", "labeler.port=0", "labelers=1", "data=a, it's"]
    assert main(["settings", f"run={tmp_path}", "forget=labeler"]) == 0
    assert recall(tmp_path) == ["labelers=1", "data='a, it\\'s'"]
    assert "did you mean labelers?" in fails(capsys, "settings", f"run={tmp_path}", "forget=labeller")
    assert "usage: robopref settings" in fails(capsys, "settings")
    assert "usage: robopref settings" in fails(capsys, "settings", f"run={tmp_path}", "seed=1")


def test_what_a_folder_of_others_remembers_does_not_steer_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Memory(tmp_path, None, ["+a=\x1b]0;title\x07"], {}).accept()
    assert main(["settings", f"run={tmp_path}"]) == 0
    assert "\x1b" not in capsys.readouterr().out
    assert "\x1b" not in fails(capsys, "collect", f"run={tmp_path}")


def test_no_password_of_what_is_remembered_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    address = "postgresql+psycopg://lab:pa55w0rd@labels.example.org/robot?sslpassword=pa55w0rd"
    (tmp_path / "overrides.yaml").write_text(f"- labeler=human\n- labeler.database='{address}'\n")
    said = [fails(capsys, "labels", "quality", f"run={tmp_path}"), fails(capsys, "label", f"run={tmp_path}")]
    for words in (["settings"], ["label", "--help", f"labeler.database={address}"]):
        assert main([*words, f"run={tmp_path}"]) == 0
        said.append(capsys.readouterr().out)
    assert main(["settings", f"run={tmp_path}", "forget=labeler"]) == 0
    said.append(capsys.readouterr().out)
    for text in said:
        assert "labels.example.org" in text
        assert "pa55w0rd" not in text


@pytest.mark.parametrize(
    ("path", "about"),
    [
        ("policy", "train.fit.steps=30"),
        ("rewards/explicit", "rewards.explicit.fit.steps=30"),
        ("rewards/explicit-2", "rewards.explicit.fit.steps=30"),
        ("reward/segment/round-1", "rewards.segment.fit.steps=30"),
    ],
)
def test_a_training_that_does_not_go_on_is_about_its_own_settings(path: str, about: str) -> None:
    remembered = [
        "collect.steps=30",
        *(f"{one}.fit.steps=30" for one in ("train", "rewards.explicit", "rewards.segment")),
    ]
    error = MismatchError(
        f"runs/a/{path}/state.pt is at step 60, asked for 30 steps; ask for 60 or more, remove runs/a/{path} to train "
        "again, or choose another run folder"
    )
    assert concerned(error, remembered) == [about]
    other = MismatchError(
        "runs/a/rewards/explicit/state.pt differs (objective was kto, is ipo); choose another run folder"
    )
    words = [f"objective@rewards.{name}.objective=ipo" for name in ("implicit", "explicit")]
    assert concerned(other, words) == words[1:]


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("the data hold preferences among items", ["data=d.zarr"]),
        ("recorded steps come with none; choose another, such as reward=segment", ["rewards.segment.fit.steps=5"]),
        ("unknown relabel.use 'tow'; expected one of segment, two. Did you mean two?", ["reward@rewards.two=segment"]),
        ("unknown use 'tuned'; expected one of combined, cpl.", ["reward@rewards.cpl=cpl"]),
    ],
)
def test_words_of_english_and_names_to_choose_from_are_no_settings(message: str, words: list[str]) -> None:
    assert concerned(ConfigError(message), words, typed=False) == []
    for told in ("steps must be a whole number", "fit.steps is 5", "steps=5 end before", "with 5 steps"):
        assert concerned(ConfigError(told), ["rewards.segment.fit.steps=5"], typed=False) != []


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("rewards.outcome.scorer.width=0", "rewards.outcome.scorer.width must be a whole number, got 0"),
        ("ranker.scorer=outcome", "unknown ranker.scorer 'outcome'; expected one of explicit, implicit."),
        ("reward@rewards.outcom=outcom", "reward@rewards.outcom=outcom is no choice of reward; there is outcome"),
    ],
)
def test_a_message_about_what_was_typed_blames_nothing_that_is_remembered(typed: str, message: str) -> None:
    remembered = ["reward@rewards.outcome=outcome", "rewards.outcome.members=2"]
    assert explained(ConfigError(message), Path("runs/a"), remembered, [typed]) == message
    both = f"{message}; rewards.outcome.members is 2"
    told = explained(ConfigError(both), Path("runs/a"), remembered, [typed])
    assert told.startswith(f"{both} (rewards.outcome.members=2 is remembered")


def test_a_folder_of_commands_with_other_settings_need_not_be_used(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = fails(capsys, "relabel", f"run={run}", f"data={run / 'demos.zarr'}")
    assert "is remembered from an earlier command" in told
    assert told.rstrip().endswith(", or choose another run folder with run=)")


def test_a_setting_of_one_word_that_other_commands_remember_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "overrides.yaml").write_text("[env=pile]")
    told = fails(capsys, "relabel", f"run={tmp_path}", "data=some.zarr")
    assert "env=pile is remembered from an earlier command" in told
    assert told.rstrip().endswith(", or choose another run folder with run=)")


def test_a_folder_of_an_agent_says_how_it_is_used_by_other_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "overrides.yaml").write_text("[steps=9, agent=world_model, agent.cloning=20]")
    told = fails(capsys, "evaluate", f"run={tmp_path}")
    assert told.endswith(f"{tmp_path} is a folder of robopref online; choose another run folder with run=\n")
    (tmp_path / "agent.pt").touch()
    told = fails(capsys, "evaluate", f"run={tmp_path}")
    assert told.endswith(
        f"with run= and, to use its agent there, policy=world_model policy.agent={tmp_path}/agent.pt\n"
    )
