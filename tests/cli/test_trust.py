"""What a run folder of somebody else may choose, and what has to be typed."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf

from robopref.__main__ import main
from robopref.cli.building import build, literally
from robopref.cli.configuration import compose_config
from robopref.cli.trust import is_part, shipped_targets
from robopref.errors import ConfigError, DataError
from tests.cli.tiny import fails

MODULE = "from pathlib import Path\nPath(__file__).with_name('ran').touch()\nlisten = make = print\n"


def folder(path: Path, *words: str) -> Path:
    path.mkdir(exist_ok=True)
    (path / "overrides.yaml").write_text(yaml.safe_dump(list(words), allow_unicode=True), encoding="utf-8")
    return path


def refusal(path: Path, *words: str, name: str = "config") -> str:
    with pytest.raises(ConfigError) as caught:
        compose_config(name, [f"run={path}", *words])
    return str(caught.value)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["env._target_=torch.hub.load", "+env.repo_or_dir=."], "torch.hub.load"),
        (["env._target_=os.system"], "os.system"),
        (["++env._target_=evil.listen"], "evil.listen"),
        (["env={_target_: evil.listen}"], "evil.listen"),
        (["+safety.more=[[{a: {_target_: evil.listen}}]]"], "evil.listen"),
        (["policy._target_=robopref.files.os.system"], "robopref.files.os.system"),
        (["policy._target_=robopref.policies.diffusion.torch.hub.load"], "torch.hub.load"),
        (["policy._target_=robopref.__main__.main"], "robopref.__main__.main"),
        (["policy._target_=robopref.cli.building.build"], "robopref.cli.building.build"),
        (["policy._target_=robopref.files._remove"], "robopref.files._remove"),
        (["policy._target_=robopref.robots.lerobot_server.main"], "lerobot_server.main"),
        (["policy._target_=robopref.robots.simulators.rtde.main"], "rtde.main"),
        (["safety._target_=robopref.robots.sdk.sdk", "+safety.name=evil"], "robopref.robots.sdk.sdk"),
        (
            ["safety._target_=robopref.robots.registered_tasks.made_by", "+safety.task=evil:a"],
            "registered_tasks.made_by",
        ),
        (["policy._target_=robopref.policies.diffusion.DiffusionPolicy.to"], "DiffusionPolicy.to"),
        (["policy._target_=[evil, listen]"], "evil"),
        (["task=evil.listen", "policy._target_=${task}"], "evil.listen"),
        (["env.id=evil:Reach-v0"], "evil:Reach-v0"),
        (["env=gym", "env.options.name=evil:Reach-v0"], "evil:Reach-v0"),
        (["env=gym", "+env.options.inner={id: 'evil:Reach-v0'}"], "evil:Reach-v0"),
        (["env=gym", "+env.options.expert=evil:Policy"], "evil:Policy"),
        (["robot._target_=envs.foreign_expert.load_expert", "+robot.name=evil:Policy"], "foreign_expert.load_expert"),
        (["robot._target_=gymnasium.make", "+robot.id=evil:Reach-v0"], "evil:Reach-v0"),
        (["robot._target_=gymnasium.make", "+robot._args_=[evil:Reach-v0]"], "evil:Reach-v0"),
        (["robot._target_=envs.foreign.ForeignEnv", "+robot.name=evil:Reach-v0"], "evil:Reach-v0"),
        (["robot._target_=stable_baselines3.SAC", "+robot.env=evil:Reach-v0"], "evil:Reach-v0"),
        (["env.id=a b:Reach-v0"], "a b:Reach-v0"),
        (["labeler=metric", "labeler.metric={_target_: evil.listen, _partial_: true}"], "evil.listen"),
    ],
)
def test_remembered_words_cannot_name_code_of_others(tmp_path: Path, words: list[str], name: str) -> None:
    assert name in refusal(folder(tmp_path, *words))


@pytest.mark.parametrize(
    ("words", "config"),
    [
        (["environment=evil:Reach-v0"], "online"),
        (["make.id=evil:Reach-v0"], "online"),
        (["make._target_=evil.listen"], "online"),
        (["agent._partial_=false", "+agent.env=evil:Reach-v0"], "online"),
        (["evaluate.env=evil:Reach-v0"], "offline"),
        (["evaluate.make._target_=evil.listen"], "offline"),
    ],
)
def test_nor_in_commands_on_recorded_episodes_and_agents(tmp_path: Path, words: list[str], config: str) -> None:
    assert "evil" in refusal(folder(tmp_path, *words), name=config)


@pytest.mark.parametrize(
    "word",
    [
        "hydra.searchpath=[file:///tmp]",
        "hydra/job_logging=none",
        "+hydra.callbacks.a._target_=evil.listen",
        "env=../../evil",
        "env=/tmp/evil",
        "labeler=[perfect]",
        "task=${oc.env:HOME}x",
        "train.points=${oc.env:SECRET}",
        "+env.options.a=${env}",
        "+env.options.a=${task}${task}",
        "+env.options.a=[${task},${task}]",
        "deploy.send=true",
        "+deploy.operator=me",
        "deploy={send: true}",
        "rm -rf",
        "=x",
        "seed=[[[",
        "seed=" + "[" * 490 + "]" * 490,
    ],
)
def test_remembered_words_are_settings_and_choices_of_the_folder_itself(tmp_path: Path, word: str) -> None:
    here = folder(tmp_path, word)
    if word.startswith("task="):  # a sentence is taken as it is, whatever it looks like
        assert compose_config("config", [f"run={here}"]).task == "${oc.env:HOME}x"
    else:
        assert str(tmp_path) in refusal(here)


@pytest.mark.parametrize("word", ["run=elsewhere", "++run=elsewhere", "+run=elsewhere"])
def test_a_run_folder_does_not_lead_to_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    folder(tmp_path / "runs" / "rope", word)
    with pytest.raises(ConfigError, match="has to be given every time"):
        compose_config("config", [])
    assert compose_config("config", ["run=runs/rope"]).run == "runs/rope"


def test_what_is_typed_is_trusted_and_the_refusal_says_what_to_type(tmp_path: Path) -> None:
    here = folder(tmp_path, "robot=custom", "robot._target_=my_robot.Arm", "+robot.note='two words'")
    message = refusal(here)
    assert "repeat robot._target_=my_robot.Arm" in message
    assert "ROBOPREF_TRUST=my_robot" in message
    again = compose_config("config", [f"run={here}", "robot._target_=my_robot.Arm"])
    assert (again.robot._target_, again.robot.note) == ("my_robot.Arm", "two words")


def test_a_trusted_module_may_be_named_and_one_that_begins_alike_may_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBOPREF_TRUST", "my_robot, my_lab")
    config = compose_config(
        "config", [f"run={folder(tmp_path, 'env.id=my_lab:Pile-v0', 'robot._target_=my_robot.Arm')}"]
    )
    assert config.env.id == "my_lab:Pile-v0"
    assert "my_robots" in refusal(folder(tmp_path, "robot._target_=my_robots.Arm"))


def test_a_folder_called_like_code_does_not_make_it_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder(tmp_path / "evil.listen", "policy._target_=evil.listen")
    assert "evil.listen" in refusal(Path("evil.listen"))


def test_the_run_that_a_run_begins_with_is_not_trusted_either(tmp_path: Path) -> None:
    base = folder(tmp_path / "base", "env._target_=evil.listen")
    assert "evil.listen" in refusal(tmp_path / "mine", f"base={base}")


def test_parts_of_robopref_stay_remembered(tmp_path: Path) -> None:
    here = folder(
        tmp_path, "robot=rosbridge", "++robot.actions={_target_: robopref.robots.maps.StepMap, step: 0.01}",
        "+robot.cameras=[{_target_: robopref.robots.realsense.RealSenseCamera, _partial_: true}]",
        "robot.calibrations=['${run}/a.json']", "reward@rewards.explicit=inverted", "method=kto",
    )  # fmt: skip
    config = compose_config("config", [f"run={here}"])
    assert config.robot.actions._target_.endswith("StepMap")
    assert config.robot.calibrations == [f"{here}/a.json"]


def test_every_target_that_robopref_ships_is_a_part_or_known() -> None:
    # A labeler of robopref's needs no line beside its YAML: what the shipped settings name is known by that. So are
    # ways of training, whose modules have functions beside them that write files, and that no folder is to call.
    others = {name for name in shipped_targets() if not (is_part(name) or name.startswith("robopref.labelers."))}
    assert others == {
        "gymnasium.make", "stable_baselines3.PPO", "stable_baselines3.SAC",
        "robopref.learning.asker_training.TrainedAsker", "robopref.learning.embedding_autoencoder.from_reconstruction",
        "robopref.learning.embedding_training.from_similarity", "robopref.learning.embedding_training.from_tasks",
        "robopref.learning.embedding_training.untrained",
        "robopref.learning.advantages.GeneralisedAdvantage", "robopref.learning.advantages.LeaveOneOut",
        "robopref.learning.agency.Handover", "robopref.learning.hacking_watch.HackingWatch",
        "robopref.learning.practised_dynamics.practised_dynamics",
        "robopref.learning.planned_policy.PlannedPolicy", "robopref.learning.process_training.ProcessSettings",
        "robopref.learning.world_learning.WorldLearning", "robopref.learning.world_model_agent.WorldModelAgent",
        "robopref.learning.small_judge.SmallJudge",
    }  # fmt: skip


def test_a_key_goes_to_no_server_that_only_the_folder_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = folder(tmp_path, "labeler=vlm", "labeler.judge.base_url=https://models.example/v1")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    compose_config("config", [f"run={here}"])
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0")
    assert "labeler.judge.base_url=https://models.example/v1" in refusal(here)
    compose_config("config", [f"run={here}", "labeler.judge.base_url=https://models.example/v1"])
    compose_config("config", [f"run={folder(tmp_path, 'labeler=vlm', 'labeler.judge.base_url=http://localhost:1/v1')}"])


def test_a_text_that_looks_like_a_reference_stays_a_text_in_what_is_built() -> None:
    text = "${oc.env:HOME} \\${a} costs $5"
    made = build(OmegaConf.create(literally({"_target_": "builtins.dict", "note": text, "notes": [{"deep": text}]})))
    assert made == {"note": text, "notes": [{"deep": text}]}


@pytest.mark.parametrize(
    "content",
    [
        "a: &a [x]\nb: [*a, *a]\n",
        "- &a [x, x]\n- &b [*a, *a]\n- [*b, *b]\n",
        "- &a\n  - *a\n",
        "[" * 5000,
        "word\n",
        "- 1\n- two=2\n",
        "- {a: b}\n",
        "- !!python/object/apply:os.system [touch ran]\n",
        "- 'a\n",
        "- \x00\n",
        "- !!bool x\n",
        '- "\\U99999999"\n',
        '- "task=\\uD800"\n',
        "- seed=1\n" * 300,
        "- task=" + "x" * 5000,
        "x" * 40_000,
    ],
)
def test_damaged_memories_are_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "overrides.yaml").write_text(content)
    with pytest.raises(DataError, match=r"overrides\.yaml is damaged"):
        compose_config("config", [f"run={tmp_path}"])


def test_a_memory_that_is_no_file_is_one_line(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "overrides.yaml")
    with pytest.raises(DataError, match="is a pipe, not a file"):
        compose_config("config", [f"run={tmp_path}"])
    (tmp_path / "overrides.yaml").unlink()
    (tmp_path / "overrides.yaml").write_bytes(b"- task=\xff\n")
    with pytest.raises(DataError, match="damaged"):
        compose_config("config", [f"run={tmp_path}"])


def test_links_in_a_run_folder_are_not_written_through(tmp_path: Path, run: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("untouched")
    for name in ("overrides.tmp", "config.tmp", "config.yaml"):
        (run / name).unlink(missing_ok=True)
        (run / name).symlink_to(mine)
    assert main(["collect", f"run={run}", "seed=0"]) == 0
    assert mine.read_text() == "untouched"


@pytest.mark.slow
def test_a_module_in_the_current_folder_is_run_for_typed_words_only(tmp_path: Path) -> None:
    for name in ("evil", "multiprocessing", "openai"):
        (tmp_path / f"{name}.py").write_text(MODULE)
    here = folder(tmp_path, "env.id=evil:Reach-v0")

    def collect(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "robopref", "collect", "run=.", "workers=0", *words]
        return subprocess.run(command, cwd=here, capture_output=True, text=True, check=False)

    done = collect()
    assert done.returncode == 1
    assert "env.id=evil:Reach-v0" in done.stderr
    assert not (here / "ran").exists()
    done = collect("env.id=evil:Reach-v0")
    assert (here / "ran").exists()
    assert "Traceback" not in done.stderr


def test_what_could_not_be_remembered_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "task has 5007 letters" in fails(capsys, "collect", f"run={tmp_path / 'run'}", f"task={'x' * 5000}")
    assert "seed has 3007 letters" in fails(capsys, "collect", f"run={tmp_path / 'run'}", f"seed=[{'1,' * 1500}]")
    many = [f"+env.options.a{number}=1" for number in range(201)]
    assert "more settings than" in fails(capsys, "collect", f"run={tmp_path / 'run'}", *many)
    assert list(tmp_path.iterdir()) == []


def test_a_refused_folder_is_left_as_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here = folder(tmp_path, "env._target_=os.system")
    before = {path: path.read_bytes() for path in here.iterdir()}
    assert "os.system" in fails(capsys, "collect", f"run={here}", "seed=3")
    assert {path: path.read_bytes() for path in here.iterdir()} == before


def test_no_part_imports_what_it_is_told_by_name() -> None:
    loading = {"import_module", "__import__", "exec", "eval", "subprocess", "runpy", "system", "Popen"}
    for path in [*Path("robopref").rglob("*.py"), *Path("envs").rglob("*.py")]:
        tree, module = ast.parse(path.read_text(encoding="utf-8")), ".".join(path.with_suffix("").parts)
        names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
        if module == "robopref.robots.sim" or not any(is_part(f"{module}.{name}") for name in names):
            continue
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} | {
            f"{ast.unparse(node.value)}.{node.attr}" for node in ast.walk(tree) if isinstance(node, ast.Attribute)
        }
        assert not {name for name in used if name.split(".")[-1] in loading and not name.endswith(".eval")}, module
