"""Which weights of the policy a command goes by."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from robopref.__main__ import main
from robopref.cli.checkpoints import choose_weights, validation_note, weights_told
from robopref.cli.configuration import compose_config, memory
from robopref.cli.context import Context
from robopref.cli.remembered import recall
from robopref.cli.trained_rewards import load_members
from robopref.data.episodes.store import EpisodeStore
from robopref.errors import ConfigError, DataError, PolicyError
from robopref.protocols import ChunkPolicy
from tests.cli.tiny import fails


@pytest.fixture(scope="module")
def validated(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose policy was trained for three steps, of which the first was the best."""
    run = Path(shutil.copytree(finished, tmp_path_factory.mktemp("validated") / "run"))
    store = EpisodeStore.open(run / "demos.zarr", "a")
    store.append({key: store.array(key) for key in store.keys})
    shutil.rmtree(run / "policy")
    words = ["train.validation=0.5", "train.checkpoints.every=1", "train.checkpoints.keep=2", "train.fit.steps=3"]
    assert main(["train", "policy", f"run={run}", *words]) == 0
    kept = run / "policy" / "checkpoints"
    assert len(list(kept.glob("step-*.pt"))) in (2, 3)
    # Which of so few steps is the best is chance.
    shutil.copy(kept / "step-3.pt", kept / "step-1.pt")
    (kept / "step-2.pt").unlink(missing_ok=True)
    (kept / "index.json").write_text(json.dumps({"1": 0.5, "3": 0.7}))
    return run


@pytest.fixture
def trained(validated: Path, tmp_path: Path) -> Path:
    """A copy of that run which a test may change."""
    return Path(shutil.copytree(validated, tmp_path / "run"))


def chosen(run: Path, named: str) -> Path:
    config = compose_config("config", [f"run={run}", f"checkpoint={named}"])
    context = Context(config, memory(config, []))
    try:
        choose_weights(context)
        return context.weights
    finally:
        context.finish()


def test_a_checkpoint_is_named_by_its_step_or_its_place_or_its_file(trained: Path, tmp_path: Path) -> None:
    policy = trained / "policy"
    for named, expected in (
        ("1", "checkpoints/step-1.pt"), ("3", "checkpoints/step-3.pt"), ("best", "checkpoints/step-1.pt"),
        ("last", "checkpoints/step-3.pt"), ("null", "weights.pt"), ("policy/weights.pt", "weights.pt"),
        (str(policy / "checkpoints" / "step-3.pt"), "checkpoints/step-3.pt"),
    ):  # fmt: skip
        assert chosen(trained, named) == policy / expected
    (tmp_path / "others.pt").write_bytes(b"")
    (policy / "link.pt").symlink_to(tmp_path / "others.pt")
    for named in ("2", "policy/link.pt", "../others.pt", str(tmp_path / "others.pt"), "policy/state.pt", "policy", "x"):
        with pytest.raises(ConfigError, match="checkpoint must be one of 1, 3, best, last, or a file") as caught:
            chosen(trained, named)
        assert "\n" not in str(caught.value)


def test_without_validation_there_is_no_best_and_without_checkpoints_none(trained: Path) -> None:
    index = trained / "policy" / "checkpoints" / "index.json"
    index.write_text('{"1": null, "3": null}')
    assert chosen(trained, "last").name == "step-3.pt"
    with pytest.raises(ConfigError, match=r"choose one of 1, 3, or train with train\.validation=0\.1"):
        chosen(trained, "best")
    index.unlink()
    with pytest.raises(ConfigError, match="it has no checkpoints, which robopref train policy"):
        chosen(trained, "last")


@pytest.mark.parametrize("command", ["evaluate", "deploy", "export"])
def test_commands_go_by_the_checkpoint_once(
    command: str, trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen, load = list[Path](), Context.policy

    def policy(context: Context) -> ChunkPolicy:
        load(context)
        seen.append(context.weights)
        raise PolicyError("that is enough")

    monkeypatch.setattr(Context, "policy", policy)
    assert "that is enough" in fails(capsys, command, f"run={trained}", "checkpoint=best")
    assert "that is enough" in fails(capsys, command, f"run={trained}")
    assert seen == [trained / "policy" / name for name in ("checkpoints/step-1.pt", "weights.pt")]
    assert not any("checkpoint=" in word for word in recall(trained))
    assert "policy.width was 8, is 16" in fails(capsys, command, f"run={trained}", "checkpoint=1", "policy.width=16")


def test_the_report_says_which_weights_were_evaluated_and_what_made_them(finished: Path) -> None:
    told = json.loads((finished / "evaluation" / "policy.json").read_text())
    training = {"steps": 3, "phases": {"phase 1": "cosine, steps 1 to 3"}}
    sampling = {"temperature": 1.0, "steps": 10, "likeliest of": 1}
    assert told == {"weights": "policy/weights.pt", "training": training, "sampling": sampling}
    report = (finished / "report.html").read_text()
    assert "policy/weights.pt" in report
    assert "cosine, steps 1 to 3" in report


def test_a_policy_says_which_weights_it_has(run: Path) -> None:
    config = compose_config("config", [f"run={run}"])
    context = Context(config, memory(config, []))
    assert weights_told(context)["weights"] == "policy/weights.pt"
    (run / "policy" / "training.json").write_text("[]")
    with pytest.raises(DataError, match=r"training\.json"):
        weights_told(context)
    context.weights.unlink()
    assert weights_told(context) == {}
    context.finish()


def test_the_best_checkpoint_is_said_at_the_end_and_more_steps_go_on(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "policy", f"run={trained}"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "best by validation: step 1, loss 0.5 (last: step 3, 0.7)" in said
    assert main(["train", "policy", f"run={trained}", "train.fit.steps=5"]) == 0
    record = json.loads((trained / "policy" / "training.json").read_text())
    assert record["phases"] == {"phase 1": "cosine, steps 1 to 3", "phase 2": "cosine, steps 4 to 5"}
    assert "is at step 5, asked for 3" in fails(capsys, "train", "policy", f"run={trained}", "train.fit.steps=3")


def test_a_checkpoint_of_others_is_read_as_weights_alone(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"module": Path("x")}, trained / "policy" / "checkpoints" / "step-3.pt")
    assert "step-3.pt is not a readable checkpoint" in fails(capsys, "evaluate", f"run={trained}", "checkpoint=last")


def test_the_progress_bar_shows_the_validation_loss() -> None:
    assert validation_note({"loss": 1.0}) is None
    assert validation_note({"loss": 1.0, "validation_loss": 0.123456}) == "val 0.123"


def test_a_policy_without_a_reward_is_evaluated_by_itself(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(run / "rewards")
    shutil.rmtree(run / "evaluation")
    assert main(["evaluate", f"run={run}", "workers=0"]) == 0
    said = capsys.readouterr().out
    assert "no reward is trained yet, so the policy is evaluated by itself" in said
    assert "policy's own sample, 1 episodes: " in said
    assert sorted(path.name for path in (run / "evaluation").iterdir()) == ["episodes.npz", "policy.mp4", "solved.npz"]
    assert "no trained reward" in fails(capsys, "evaluate", f"run={run}", "use=explicit")


def test_rewards_of_a_policy_that_was_trained_on_are_said_to_be_stale(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def loaded(run: Path = run) -> str:
        config = compose_config("config", [f"run={run}"])
        context = Context(config, memory(config, []))
        capsys.readouterr()
        try:
            load_members(context)
        finally:
            context.finish()
        return capsys.readouterr().out

    assert loaded() == ""
    assert main(["train", "policy", f"run={run}", "train.fit.steps=4"]) == 0
    assert "the implicit reward began with other weights of the policy than these" in loaded()
    # In what a round left, rewards were there before its policy.
    assert loaded(Path(shutil.copytree(run, run.parent / "rounds" / "raft" / "1"))) == ""
    assert main(["train", "reward", f"run={run}"]) == 0
    assert "or the policy that it begins with is another one, so it is trained again" in capsys.readouterr().out
    assert loaded() == ""


def test_rewards_that_were_trained_with_settings_that_weights_do_not_show_are_told(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, told in (
        (
            ["rewards.implicit.scorer.draws.timesteps=[4]"],
            "the implicit reward was trained with other settings (rewards.implicit",
        ),
        ([], ""),
    ):
        config = compose_config("config", [f"run={run}", *words])
        context = Context(config, memory(config, words))
        capsys.readouterr()
        try:
            load_members(context)
        finally:
            context.finish()
        assert capsys.readouterr().out[: len(told) or None] == told
