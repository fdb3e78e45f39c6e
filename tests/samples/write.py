"""Writes the samples by the version of the commit that `README.md` names, whose checkout is to be on the path."""

import builtins
import json
import shutil
from itertools import cycle
from pathlib import Path

import numpy as np
from omegaconf import OmegaConf

import envs.task
from benchmarks.worlds.pixel_judge import JudgeServer, PixelJudge
from robopref import configs
from robopref.__main__ import main
from robopref.cli.building import build
from robopref.data.episodes import EpisodeStore
from robopref.learning import loop
from robopref.learning.checkpoint import save_checkpoint
from robopref.learning.preference import _describe
from tests.cli.test_online import LEARN
from tests.cli.test_online import TINY as AGENT
from tests.cli.tiny import TINY
from tests.offline_data import recorded

envs.task.PICTURE = 32
OFFLINE = ["device=cpu", "label.segments.count=12", "label.segments.length=4", "reward_model.width=8",
           "reward_model.fit.steps=20", "relabel.pairs=12", "fit.batch_size=8", "fit.hidden=[8,8]"]  # fmt: skip


def run(*words: str) -> None:
    print("$", *words, flush=True)
    assert main(list(words)) == 0, words


def stopped(*words: str) -> None:
    """Interrupt a command as soon as it has written its first checkpoint."""

    def saved(path: Path, state: dict) -> None:
        save_checkpoint(path, state)
        raise KeyboardInterrupt

    print("$", *words, "(stopped)", flush=True)
    loop.save_checkpoint = saved
    assert main(list(words)) == 130
    loop.save_checkpoint = save_checkpoint


run("demo", "run=loop", *TINY)
run("deploy", "run=loop", "deploy.view=none", "deploy.candidates=3", "safety.age=30", "safety.hold_after=10",
    "safety.stop_after=30", "deploy.commands=6")  # fmt: skip


lines = cycle(["312", "s", "213"])
builtins.input = lambda _: next(lines)
run("label", "run=people", "base=loop", "labeler=human", "labeler.terminal=true", "labeler.annotator=ann")
run("train", "reward", "run=people", *TINY)

for part in ("policy", "reward"):
    shutil.copytree("loop", f"halfway-{part}")
shutil.rmtree("halfway-policy/policy")
shutil.rmtree("halfway-reward/rewards")
stopped(
    "train", "policy", "run=halfway-policy", "train.fit.steps=6", "+train.fit.save_every=3", "+train.fit.log_every=1"
)
stopped(
    "train",
    "reward",
    "run=halfway-reward",
    "rewards.explicit.fit.steps=6",
    "+rewards.explicit.fit.save_every=3",
    "+rewards.explicit.fit.log_every=1",
)

shutil.copytree("loop", "halfway-method")
shutil.rmtree("halfway-method/rewards/implicit")
stopped(
    "train",
    "reward",
    "run=halfway-method",
    "method=raft",
    "rewards.implicit.fit.steps=6",
    "+rewards.implicit.fit.save_every=3",
    "+rewards.implicit.fit.log_every=1",
)
shutil.copytree("loop", "method")
shutil.rmtree("method/rewards/implicit")
run("train", "reward", "run=method", "method=outcome", "rewards.implicit.fit.steps=2")

recorded(Path("recorded.zarr"), state=3, action=1)
run(
    "offline",
    "run=offline",
    "data=recorded.zarr",
    *OFFLINE,
    "fit.steps=6",
    "evaluate.env=Pendulum-v1",
    "evaluate.episodes=1",
)
stopped(
    "offline",
    "train",
    "run=offline-halfway",
    "data=recorded.zarr",
    *OFFLINE,
    "fit.steps=6",
    "fit.save_every=3",
    "fit.log_every=1",
)
parts = [
    "history@reward_model.history=transformer",
    "objective@reward_model.objective=outside",
    "reward_model.history.width=8",
    "reward_model.history.heads=2",
    "reward_model.members=1",
]
run("offline", "label", "run=offline-parts", "data=recorded.zarr", *OFFLINE, *parts)
run("offline", "reward", "run=offline-parts")

run("online", "run=online", *LEARN)
run(
    "online",
    "collect",
    "run=collected",
    *AGENT,
    "steps=40",
    "collect.episodes=2",
    "collect.qualities={none: 0, all: 1}",
)

store = EpisodeStore.create(Path("bright.zarr"), {})
levels = 10 * np.arange(20)
frames = np.broadcast_to(levels[:, None, None, None], (20, 16, 16, 3)).astype(np.uint8)
for part in (slice(0, 10), slice(10, 20)):
    store.append({"image": frames[part], "action": np.zeros((10, 2), np.float32), "state": levels[part, None] / 10.0})
segments = [
    "label.about=segments",
    "label.segments.dataset=bright.zarr",
    "label.segments.length=3",
    "label.kind=pair",
    "task=Make the picture bright.",
]
with JudgeServer(PixelJudge(lambda frames: float(frames[-1].mean()))) as server:
    run(
        "label",
        "run=judged",
        "labeler=vlm",
        *segments,
        "label.segments.count=6",
        "labeler.judge.model=simulated",
        f"labeler.judge.base_url={server.url}",
        "labeler.judge.input_price=1",
        "labeler.judge.output_price=4",
        "labeler.patience.wait=0",
    )
run("label", "run=people", "labeler=perfect")
run("labels", "export", "run=judged", "path=judged.jsonl")
run("labels", "export", "run=people", "path=people.jsonl")
for name in ("judged", "people"):
    run("labels", "import", "run=mixed", f"path={name}.jsonl")

for made in Path().glob("**/*.html"):
    made.unlink()
Path("people/question.png").unlink()
for name in ("halfway-method", "halfway-policy", "halfway-reward", "method"):
    for part in (
        "deploy",
        "evaluation",
        *(["candidates.zarr", "outcomes.zarr", "rewards"] if "policy" in name else []),
    ):
        shutil.rmtree(f"{name}/{part}")

folder = Path(configs.__path__[0])
files = sorted(folder.glob("objective/*.yaml"))
described = {path.stem: _describe(build(OmegaConf.load(path))) for path in files}
Path("objectives.json").write_text(json.dumps(described, indent=1))
named = {line.split()[1] for path in folder.glob("**/*.yaml") for line in path.read_text().splitlines()
         if line.strip().startswith("_target_: robopref.") or line.strip().startswith("_target_: envs.")}  # fmt: skip
Path("targets.txt").write_text("\n".join(sorted(named)))
