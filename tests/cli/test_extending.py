"""The page on extending does what it says, in a checkout to which nothing but its files is added."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.records import Preference
from tests.cli.tiny import ROOT
from tests.motions import shared

PAGE = (ROOT / "docs" / "extending.md").read_text()
FILES: dict[str, str] = dict(re.findall(r"`((?:robopref|configs)/[\w/.]+)`:\n\n```\w+\n(.*?)```", PAGE, re.DOTALL))
_DEPLOYED = (
    "deploy.view=none deploy.candidates=3 deploy.commands=2 safety.age=30 safety.hold_after=10 safety.stop_after=30"
)
_SMALL = "device=cpu workers=0 train.fit.steps=3 train.points=12 rewards.explicit.fit.steps=2"
_SHORT = (
    "device=cpu environment=Pendulum-v1 +make.max_episode_steps=20 steps=50 first=40 rounds=1 label.segments.length=5 "
    "label.segments.count=6 rewards.segment.scorer.width=8 rewards.segment.fit.steps=5 evaluate.episodes=1"
)
_COMMANDS = """
import sys
from pathlib import Path
import envs.task
from robopref.__main__ import main
from tests.motions import simulated_once
envs.task.PICTURE = 96
with simulated_once(Path(sys.argv[1])):
    for line in sys.argv[2:]:
        if status := main(line.split()):
            sys.exit(f"{line}: {status}")
"""


def test_every_part_is_one_file_and_one_yaml_and_counted() -> None:
    python = {Path(name).stem: text for name, text in FILES.items() if name.endswith(".py")}
    settings = {Path(name).stem: text for name, text in FILES.items() if name.endswith(".yaml")}
    assert python.keys() == settings.keys()
    assert not [name for name in FILES if (ROOT / name).exists()]
    counts = re.findall(r"^\| [^|]+ \| `[^|]+ \| (\d+), (\d+) \| `[^|`]*?(\w+)\]?` \|$", PAGE, re.MULTILINE)
    assert {name: (int(first), int(second)) for first, second, name in counts} == {
        name: (lines(python[name]), lines(settings[name])) for name in python
    }


def lines(text: str) -> int:
    return sum(bool(line.strip()) for line in text.splitlines())


@pytest.mark.slow
def test_a_checkout_with_these_files_does_all_of_it(
    finished: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Trained by a loss of its own, filtered twice, stored, evaluated, deployed, and relabelled with."""
    shutil.copytree(ROOT / "robopref", tmp_path / "robopref")
    shutil.copytree(ROOT / "configs", tmp_path / "robopref" / "configs", dirs_exist_ok=True)
    (tmp_path / "robopref" / "assets").symlink_to(ROOT / "assets")
    for name, text in FILES.items():
        path = tmp_path / (name if name.startswith("robopref") else f"robopref/{name}")
        assert not path.exists()
        path.write_text(text)
    run = Path(shutil.copytree(finished, tmp_path / "run"))
    store = Path(shutil.copytree(finished / "demos.zarr", tmp_path / "d.zarr"))
    shutil.rmtree(run / "rewards")
    shutil.copytree(run, tmp_path / "linear", ignore=shutil.ignore_patterns("*.yaml", "policy", "evaluation"))
    own = "reward=reach objective@rewards.reach.objective=short rewards.reach.fit.steps=3 rewards.reach.members=3"
    own, once = f"{own} rewards.implicit=null", "evaluate.starts=1 evaluate.warm_up=0 evaluate.candidates=2"
    people = "filter.by_labeler.names=[Always,scripted-teacher] rewards.personal.scorer.names=[Always,scripted-teacher]"
    segments = f"data={store} run=off device=cpu observation=[proprio] label.segments.length=2 label.segments.count=9"
    commands = [
        f"train reward run=run {own} filter=[loudest,mutual] filter.loudest.least=1",
        f"evaluate run=run {once}",
        f"deploy run=run {_DEPLOYED}",
        f"relabel data={store} run=reached relabel.model=run device=cpu",
        "label run=asked base=run labeler=always labeler.p=0.75 label.kind=pair",
        "label run=asked labeler=perfect",
        f"train reward run=asked reward=personal rewards.explicit=null rewards.implicit=null {people}",
        f"evaluate run=asked {once}",
        f"offline label {segments} labeler=always",
        f"offline label {segments} labeler=perfect label.truth=reward_learnt",
        f"offline reward {segments} reward=[reach,personal] rewards.segment=null rewards.reach.fit.steps=3 {people}",
        "relabel run=off relabel.name=personal relabel.pessimism=0",
        "relabel run=off relabel.name=reach relabel.use=reach",
        f"train run=linear policy=linear policy.spread=0.2 rewards.implicit=null use=explicit {_SMALL}",
        f"online run=dreamt agent=dyna agent.dreams=4 {_SHORT}",
        "online collect run=seen base=dreamt steps=20 collect.episodes=1 collect.qualities={all:1}",
    ]
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-c", _COMMANDS, shared(tmp_path_factory, "motions"), *commands]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(path.name for path in (run / "rewards").glob("reach*")) == [
        "reach-1", "reach-2", "reach-3", "reach-peers",
    ]  # fmt: skip
    assert '"reach"' in (run / "evaluation" / "ranked.json").read_text()
    assert np.std(EpisodeStore.open(store).array("reward_learnt")) > 0
    assert (tmp_path / "linear" / "policy" / "weights.pt").exists()
    assert list((tmp_path / "linear" / "rewards").glob("explicit*"))
    assert (tmp_path / "dreamt" / "agent.zip").exists()
    assert EpisodeStore.open(tmp_path / "seen" / "behaviour.zarr").steps == 20
    with FeedbackStore(tmp_path / "asked" / "labels.sqlite", create=False) as database:
        answers = {given.answer for given in database.feedback() if given.labeler == "Always"}
    assert answers == {Preference(0.75)}
    # Each of two people has a reward of their own; nobody's is the mean of theirs.
    for weights in ("asked/rewards/personal", "off/reward/personal"):
        linear = torch.load(tmp_path / weights / "weights.pt", weights_only=True)["module"]["linear.weight"]
        assert not torch.allclose(linear[0], linear[1])
    steps = EpisodeStore.open(store)
    given = torch.as_tensor(steps.array("action")).flatten(1) @ linear.mean(0)
    np.testing.assert_allclose(np.diff(steps.array("reward_personal")), np.diff(given), rtol=1e-3, atol=1e-5)
    assert np.std(steps.array("reward_reach")) > 0
