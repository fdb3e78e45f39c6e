"""Every documented command that trains, asks or moves something, run as it stands on tiny settings.

The lines of a fenced block are typed one after another in a folder of their own, which holds what the page presumes: a
finished demo, datasets of the names that the page uses. Where a page wants a model, a simulated server or a model of
random weights stands in; where it wants people, answers go over HTTP to the page's own addresses.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np

from benchmarks.records import Record, exactly
from benchmarks.worlds.pixel_judge import JudgeServer, PixelJudge
from robopref.__main__ import main
from robopref.data.episodes.store import EpisodeStore
from robopref.labelers.reply_cache import ReplyCache
from tests.cli.documented import Documented, documented
from tests.cli.test_deploy import QUICK as DEPLOYED
from tests.cli.test_offline import TINY as OFFLINE
from tests.cli.test_online import LEARN as ONLINE
from tests.cli.tiny import TINY
from tests.labelers.tiny_model import save_tiny_model

_DOCS = Path(__file__).parents[2] / "docs"
_ROBOT = """from robopref.robots.replay import ReplayRobot


class MyRobot(ReplayRobot):
    def __init__(self):
        super().__init__("runs/demo/demos.zarr")
"""
_SECONDS = 240  # of a command
_LABELLED = ["label.budget=3", "label.segments.count=6"]


@dataclass(frozen=True)
class Outcome:
    """How a command ended.

    Attributes:
        place: Where it is documented.
        words: What was typed.
        said: Its last lines, if it failed; empty if it did not.
    """

    place: str
    words: Sequence[str]
    said: str = ""


def measure(share: float) -> list[Record]:
    """Run the commands.

    Args:
        share: Of the blocks to run.

    Returns:
        How many failed, of how many.
    """
    slow = [found for found in documented() if found.words[0] == "robopref" and not found.quick]
    blocks = [list(block) for _, block in groupby(slow, key=lambda found: found.block)]
    blocks = blocks[:: max(1, round(1 / share))]
    with tempfile.TemporaryDirectory() as name, JudgeServer(PixelJudge(_brightness, error=0.0)) as judge:
        shelf = _shelf(Path(name) / "shelf", judge.url)
        outcomes = [outcome for block in blocks for outcome in _typed(block, shelf, Path(name) / "here", judge.url)]
    failed = [outcome for outcome in outcomes if outcome.said]
    for outcome in failed:
        print(f"{outcome.place}: {' '.join(outcome.words)}\n  {outcome.said}", flush=True)
    claim = "commands: documented ones that train, ask or move something fail on tiny settings"
    return [exactly(claim, len(failed), "commands", len(outcomes))]


def tiny(words: Sequence[str], judge: str) -> list[str]:
    """The words of a command with settings so small that it is over soon.

    Args:
        words: As documented.
        judge: Address of the server that stands in for a model.
    """
    command = words[0]
    if command in ("offline", "relabel"):
        small = [*OFFLINE, "evaluate.episodes=1", "seeds=1"]
        if any("encoder" in word for word in words):
            small = [word for word in small if not word.startswith("rewards.segment.scorer.width")]
    elif command == "online" and words[1:2] == ["collect"]:
        small = ["device=cpu", "steps=300", "collect.episodes=2", "agent.learning_starts=20", "agent.batch_size=4"]
    elif command == "online":
        small = [word for word in ONLINE if not word.startswith(("environment=", "+make"))]
        small = [word for word in small if not word.startswith(("steps=", "first=", "every="))]
        small += ["steps=450", "first=210", "every=210"]  # an episode of the pendulum takes 200
    elif command == "deploy":
        quick = [word for word in DEPLOYED if not word.startswith("deploy.view") or "deploy.view" not in "".join(words)]
        small = [*quick, "deploy.commands=2", "deploy.episodes=1", "device=cpu"]
        small += ["deploy.operator=ann"] if "deploy.send=true" in words else []  # nobody is at a terminal
    elif command == "export":
        small = ["device=cpu", "deploy.candidates=3"]
    else:
        small = [*TINY, *_LABELLED]
    if "labeler=metric" in words and "label.about=segments" not in words:
        small += ["labeler.matched=false"]  # few candidates are alike
    if "labeler=vlm_local" in words:
        small += ["labeler.judge.device=cpu"]
    if "labeler=vlm" in words:
        small += ["labeler.patience.wait=0"]
        small += [f"labeler.judge.base_url={judge}", "labeler.judge.input_price=1", "labeler.judge.output_price=1"]
    if any(word.startswith("labeler=human") for word in words):
        small += ["labeler.open=false", "labeler.port=0"]
    given = {_key(word) for word in small}
    return [word for word in words if "=" not in word or _key(word) not in given] + small


def _key(word: str) -> str:
    return word.split("=", 1)[0].lstrip("+")


def _typed(block: Sequence[Documented], shelf: Path, here: Path, judge: str) -> Iterator[Outcome]:
    shutil.rmtree(here, ignore_errors=True)
    shutil.copytree(shelf, here)
    for found in block:
        words = list(found.words[1:])
        _presume(here, words)
        typed = tiny(words, judge)
        print(f"{found.place}: robopref {' '.join(words)}", flush=True)
        began = time.monotonic()
        with _beside(found.words):
            said = _run(typed, here)
        print(f"  {time.monotonic() - began:.0f} s{': ' + said if said else ''}", flush=True)
        yield Outcome(found.place, typed, said)


def _presume(here: Path, words: Sequence[str]) -> None:
    """Put the run of a reader who comes to this line there, unless the line begins one."""
    told = dict(word.split("=", 1) for word in words if "=" in word)
    run = here / told.get("run", "runs/rope")
    if run.exists() or "base" in told or words[0] in ("collect", "demo", "offline", "online"):
        return
    shutil.copytree(here / "runs/demo", run)
    if words[0] == "label":
        for file in run.glob("labels.*"):
            file.unlink()


@contextmanager
def _beside(words: Sequence[str]) -> Iterator[None]:
    """What the page says is to run meanwhile."""
    if "robot=rosbridge" not in words:
        yield
        return
    simulator = subprocess.Popen([sys.executable, "-m", "robopref.robots.simulators.rosbridge_simulator"])
    time.sleep(15)
    try:
        yield
    finally:
        simulator.terminate()
        try:
            simulator.wait(30)
        except subprocess.TimeoutExpired:
            simulator.kill()
            simulator.wait()


def _run(words: Sequence[str], here: Path) -> str:
    """Run a command to its end, answering questions on its page, and say what was wrong."""
    output = here / "output.txt"
    output.write_text("")
    process = _processes().Process(target=_command, args=(list(words), str(here), str(output)))
    process.start()
    try:
        _attend(process, output)
    finally:
        process.kill()
        process.join()
    told = output.read_text(errors="replace")
    whole = process.exitcode == 0 and "Traceback" not in told
    return "" if whole else f"exit status {process.exitcode}: {told[-400:].strip()}"


@cache
def _processes() -> ForkServerContext:
    """Processes that have loaded already what commands load, which takes longer than most of the commands."""
    os.environ["OPENAI_API_KEY"] = "none"
    os.environ.setdefault("MUJOCO_GL", "egl")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["robopref.cli.train", "robopref.cli.offline", "robopref.cli.online"])
    return context


def _attend(process: BaseProcess, output: Path) -> None:
    """Wait for a command for as long as one may take, and answer the page that it opens."""
    began, answered = time.monotonic(), False
    while process.is_alive() and time.monotonic() - began < _SECONDS:
        process.join(0.2)
        told = output.read_text(errors="replace")
        if not answered and (found := re.search(r"Label at http://[^:]*:(\d+)/", told)):
            token = re.search(r"token of \S+, shown this once: (\S+)", told)
            _answer(f"http://127.0.0.1:{found[1]}", token[1] if token else "")
            answered = True
            os.kill(process.pid or 0, signal.SIGINT)


def _command(words: list[str], here: str, output: str) -> None:
    """What `robopref` does, in a folder, writing to a file."""
    os.chdir(here)
    nothing, said = os.open(os.devnull, os.O_RDONLY), os.open(output, os.O_WRONLY | os.O_APPEND)
    for number, file in ((0, nothing), (1, said), (2, said)):
        os.dup2(file, number)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main(words))


def _answer(address: str, token: str) -> None:
    """Answer everything on a page, in turn for one item and for another."""
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})

    def post(what: str, body: dict[str, object]) -> dict[str, dict[str, object]]:
        request = urllib.request.Request(f"{address}/api/{what}", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=30) as reply:
            return json.load(reply)

    deadline = time.monotonic() + 60
    while True:  # it says where it is before it listens
        try:
            state = post("next", {})
            break
        except urllib.error.URLError as error:
            if isinstance(error, urllib.error.HTTPError) or time.monotonic() > deadline:
                raise
            time.sleep(0.1)
    number = 0
    while question := state["question"]:
        count = len(question["order"])
        ranks = [(place + number) % count for place in range(count)]
        answer = {
            "pair": {"type": "preference", "p": number % 2}, "ranking": {"type": "ranking", "ranks": ranks},
            "rating": {"type": "rating", "value": number % 2}, "similarity": {"type": "similarity", "odd": number % 3},
        }[question["kind"]]  # fmt: skip
        body = {"answer_id": uuid.uuid4().hex, "query_id": question["id"], "order": question["order"]}
        state, number = post("answer", {**body, "answer": answer}), number + 1


def _brightness(frames: Sequence[np.ndarray]) -> float:
    return float(frames[-1].mean())


def _shelf(folder: Path, judge: str) -> Path:
    """What pages presume: a finished demo, and datasets by the names that they use."""
    folder.mkdir()
    said = _run(["demo", "run=runs/demo", *TINY], folder)
    if said:
        raise RuntimeError(f"the demo itself fails: {said}")
    rng = np.random.default_rng(0)
    _recorded(folder / "demos.zarr", rng, state=11, action=3)
    for name in ("clips.zarr", "data/drawer.zarr"):
        _recorded(folder / name, rng, state=3, action=2, pictures=True)
    for name in ("data/mixed.zarr", "data/expert.zarr"):
        _recorded(folder / name, rng, state=3, action=2)
    page = (_DOCS / "new_task.md").read_text()
    for name, text in re.findall(r"`(my_tasks/[\w.]+)`(?:(?!```).)*```\w+\n(.*?)```", page, re.DOTALL):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    (folder / "models").mkdir()
    save_tiny_model(folder / "models/mine")
    (folder / "my_robot.py").write_text(_ROBOT)
    asked = ["label", "run=runs/asked", "base=runs/demo", "labeler=vlm", "label.kind=pair", "labeler.judge.model=any"]
    if said := _run(tiny(asked, judge), folder):
        raise RuntimeError(f"a model cannot be asked: {said}")
    with ReplyCache(folder / "runs/asked/replies.sqlite") as cache:
        cache.export(folder / "replies.jsonl")
    return folder


def _recorded(path: Path, rng: np.random.Generator, *, state: int, action: int, pictures: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    store = EpisodeStore.create(path, {})
    for _ in range(12):
        moved = rng.normal(size=(21, state)).astype(np.float32)
        last = np.arange(20) == 19
        episode = {
            "state": moved[:-1], "next_state": moved[1:], "reward": moved[:-1, 0],
            "action": rng.uniform(-1, 1, (20, action)).astype(np.float32),
            "terminated": last & False, "truncated": last,
        }  # fmt: skip
        if pictures:
            shade = np.clip(128 + 40 * moved[:-1, 0], 0, 255).astype(np.uint8)
            episode["image"] = np.broadcast_to(shade[:, None, None, None], (20, 16, 16, 3)).copy()
        store.append(episode)
