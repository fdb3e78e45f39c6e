"""Every command that writes, killed at random moments: nothing lost, nothing half-written, and it goes on afterwards.

One process has everything imported and forks; the copy runs a command and is killed with SIGKILL at a moment drawn from
the time that the whole command takes. Then every file of the run folder has to be whole, nothing that was there may be
gone, and the same command goes on in the same folder, again and again, until it is through. What it leaves then is
compared with what it left when nobody killed it.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from omegaconf import OmegaConf

from benchmarks.attacks.requests import exchange
from benchmarks.records import Record, exactly
from robopref.__main__ import main
from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.assignments import Assignments
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.labelers.people.desk import Desk
from robopref.labelers.people.label_server import create_app
from robopref.records import Item, Query
from robopref.web.access import Access
from robopref.web.serving import listen, serve
from tests.cli.tiny import TINY

QUICK = ["deploy.view=none", "deploy.candidates=3", "deploy.commands=3", "deploy.episodes=3", "safety.age=30",
         "safety.hold_after=10", "safety.stop_after=30"]  # fmt: skip
LONGER = ["collect.steps=24", "train.fit.steps=30", "+train.fit.save_every=5", "rewards.explicit.fit.steps=10",
          "rewards.implicit.fit.steps=10", "+rewards.explicit.fit.save_every=3",
          "+rewards.implicit.fit.save_every=3"]  # fmt: skip
# Each with how often it is killed; they build on each other.
COMMANDS = {
    "collect": 35, "train policy": 35, "label": 35, "train reward": 35, "evaluate": 20, "deploy": 35,
}  # fmt: skip
SERVERS = 70
IN_A_ROW = 8  # kills of a command before it is left to go on to its end
PATIENCE = 300.0  # s for a command that nobody kills


@dataclass
class Harm:
    """What kills did.

    Attributes:
        kills: How many hit a running command.
        lost: Answers, episodes and steps that were there or acknowledged, and are gone.
        torn: Targets that are half-written.
        stuck: Commands that did not go on to their end.
        differs: Commands that ended with something else than without kills.
        left: Temporary files after the command went on to its end.
    """

    kills: int = 0
    lost: list[str] = field(default_factory=list)
    torn: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    differs: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def measure(share: float) -> list[Record]:
    """Kill.

    Args:
        share: Of the kills; 1 is all of them.

    Returns:
        The records.
    """
    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"
    harm, rng = Harm(), random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "ready"
        for command, count in COMMANDS.items():
            before = harm.kills
            ready = _kill_command(command, ready, max(1, round(share * count)), harm, rng)
            print(f"{command}: {harm.kills - before} kills", flush=True)
        _kill_servers(Path(folder), max(1, round(share * SERVERS)), harm, rng)
    for name in ("lost", "torn", "stuck", "differs", "left"):
        for told in getattr(harm, name)[:5]:
            print(f"{name}: {told}", flush=True)
    return [
        exactly("kills: labels, episodes and steps lost", len(harm.lost), "pieces", harm.kills),
        exactly("kills: targets half-written", len(harm.torn), "files", harm.kills),
        exactly("kills: commands that did not go on afterwards", len(harm.stuck), "commands", harm.kills),
        exactly("kills: commands that ended with something else", len(harm.differs), "commands", harm.kills),
        exactly("kills: temporary files left when the command went on to its end", len(harm.left), "files", harm.kills),
    ]


def _kill_command(command: str, before: Path, count: int, harm: Harm, rng: random.Random) -> Path:
    """Kill a command so often, each time in a copy of a folder in which it has not run; what it leaves otherwise."""
    undisturbed = before.with_name(f"after {command}".replace(" ", "-"))
    _copy(before, undisturbed)
    began = time.monotonic()
    if _finish(_run(command, undisturbed)) != 0:
        raise SystemExit(f"{command} does not work undisturbed")
    whole = time.monotonic() - began
    work, until = before.with_name("work"), harm.kills + count
    while harm.kills < until:
        _copy(before, work)
        seen = _content(work)
        for _ in range(IN_A_ROW):
            child = _run(command, work)
            status = _finish(child, rng.uniform(0, whole))
            killed = status == -signal.SIGKILL
            harm.kills += killed
            if not killed and status:
                harm.stuck.append(f"{command}: status {status} after a kill")
            harm.torn += _torn(work, command)
            now = _content(work)
            harm.lost += [
                f"{command}: {what} from {seen[what]} to {now[what]}" for what in seen if now[what] < seen[what]
            ]
            seen = now
            if not killed or harm.kills >= until:
                break
        if _finish(_run(command, work)) != 0:
            harm.stuck.append(f"{command} in {_names(work)}")
            continue
        harm.torn += _torn(work, command)
        harm.left += [f"{command}: {name}" for name in _names(work) if _temporary(name)]
        harm.lost += [f"{command}: {what}" for what, held in _content(work).items() if held < seen[what]]
        harm.differs += [f"{command}: {what}" for what in _differences(command, undisturbed, work)]
    return undisturbed


def _run(command: str, folder: Path) -> int:
    """Start a command in a copy of this process."""
    more = QUICK if command == "deploy" else []

    def work() -> int:
        return main([*command.split(), f"run={folder}", *TINY, *LONGER, *more])

    return _fork(work)


def _fork(work: Callable[[], int]) -> int:
    child = os.fork()
    if child:
        return child
    status = 70
    with contextlib.suppress(BaseException):
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
        status = work()
    os._exit(status)


def _finish(child: int, patience: float = PATIENCE) -> int:
    """The status with which a child ends by itself; when patience ends, it is killed."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _copy(source: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    if source.exists():
        shutil.copytree(source, target)
    else:
        target.mkdir(parents=True)


def _names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def _temporary(name: str) -> bool:
    return name.endswith((".partial", ".tmp", ".part", ".lock", ".journal")) or ".partial" in name


def _content(folder: Path) -> Counter[str]:
    """How much there is of what must never become less, by what it is."""
    found: Counter[str] = Counter()
    with contextlib.suppress(Exception):  # what is torn is found elsewhere
        for path in folder.rglob("*.zarr"):
            if not _temporary(path.relative_to(folder).as_posix()):
                found[f"episodes of {path.name}"] = len(EpisodeStore.open(path))
        if (folder / "labels.sqlite").exists():
            with FeedbackStore(folder / "labels.sqlite", create=False) as store:
                found["answers"] = len(store.feedback())
    return found


def _torn(folder: Path, command: str) -> list[str]:
    """Targets that cannot be read."""
    torn: list[str] = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        reader = _READERS.get(path.suffix)
        if reader is None or any(_temporary(part) or part.startswith(".") for part in name.split("/")):
            continue
        try:
            reader(path)
        except Exception as error:
            torn.append(f"{command}: {name} ({error})")
    return torn


def _read_lines(path: Path) -> None:
    for line in path.read_text().splitlines():
        json.loads(line)


def _read_arrays(path: Path) -> None:
    with np.load(path) as arrays:
        for name in arrays:
            arrays[name].sum()


def _read_database(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        (told,) = connection.execute("PRAGMA integrity_check").fetchone()
        if told != "ok":
            raise ValueError(told)


def _read_video(path: Path) -> None:
    if b"moov" not in path.read_bytes():
        raise ValueError("no index of frames")


_READERS: dict[str, Callable[[Path], object]] = {
    ".json": lambda path: json.loads(path.read_text()), ".yaml": OmegaConf.load, ".jsonl": _read_lines,
    ".pt": lambda path: torch.load(path, weights_only=True, map_location="cpu"), ".npz": _read_arrays,
    ".zarr": EpisodeStore.open, ".sqlite": _read_database, ".mp4": _read_video,
}  # fmt: skip


def _differences(command: str, one: Path, other: Path) -> list[str]:
    """In what two folders differ that a command left, one of them after kills."""
    compared = {
        "collect": ["demos.zarr"],
        "train policy": ["policy/weights.pt", "policy/metrics.jsonl", "policy/checkpoints/index.json"],
        "label": ["candidates.zarr", "labels.sqlite"], "evaluate": ["evaluation/decisions.npz"],
        "train reward": [f"rewards/{name}/{file}" for name in ("explicit", "implicit") for file in
                         ("weights.pt", "metrics.jsonl")],
    }  # fmt: skip
    if command == "deploy":
        return _unrecorded(other)
    return [name for name in compared[command] if _told(one / name) != _told(other / name)]


def _told(path: Path) -> object:
    """What a file or store holds, to be compared."""
    if path.suffix == ".zarr":
        return EpisodeStore.open(path).fingerprint()
    if path.suffix == ".pt":
        return _values(torch.load(path, weights_only=True, map_location="cpu"))
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            return {name: arrays[name].tobytes() for name in arrays}
    if path.suffix == ".sqlite":
        with FeedbackStore(path) as store:
            return [store.queries(), [(given.query_id, given.answer) for given in store.feedback()]]
    return path.read_bytes()


def _values(content: object) -> object:
    """The same with the bytes of tensors in their place."""
    if isinstance(content, dict):
        return {name: _values(value) for name, value in content.items()}
    return content.numpy().tobytes() if isinstance(content, torch.Tensor) else content


def _unrecorded(folder: Path) -> list[str]:
    """What was sent to the robot and is in no episode; of an episode that was cut off, the last step may be missing."""
    store = EpisodeStore.open(next((folder / "deploy").glob("*.zarr")))
    recorded = Counter(row.tobytes() for row in store.array("command"))
    episodes: list[list[bytes]] = []
    for line in (folder / "deploy" / "events.jsonl").read_text().splitlines():
        told = json.loads(line)
        if told["kind"] == "episode":
            episodes.append([])
        elif told["kind"] == "step":
            episodes[-1].append(np.asarray(told["sent"], np.float64).tobytes())
    needed = Counter(sent for steps in episodes for sent in steps)
    spare = Counter(steps[-1] for steps in episodes if steps)
    missing = needed - recorded
    return [f"{count} commands are in no episode" for count in [sum((missing - spare).values())] if count]


def _kill_servers(folder: Path, count: int, harm: Harm, rng: random.Random) -> None:
    """Kill label servers while a person answers; what was acknowledged has to be there."""
    database, acknowledged, begun = folder / "served.sqlite", dict[str, str](), harm.kills
    items = (Item("load", 0, 1, 0), Item("load", 0, 1, 1))
    with FeedbackStore(database) as store:
        store.add_queries(Query(f"q{number}", "pair", items, "Which is better?") for number in range(20_000))
    for _ in range(count):
        bound = listen("127.0.0.1", 0)
        port = bound.getsockname()[1]

        def work(bound=bound) -> int:
            desk = Desk(Assignments(FeedbackStore(database)))
            serve(create_app(desk, Access.alone("ann")), bound)
            return 0

        child = _fork(work)
        bound.close()
        _answer(port, acknowledged, child, rng.randrange(1, 40), rng.uniform(0, 0.02))
        harm.torn += _torn(folder, "label server")
    with FeedbackStore(database) as store:
        stored = Counter(given.query_id for given in store.feedback())
    harm.kills = begun + count
    harm.lost += [f"label server: {query}" for query in acknowledged if query not in stored]
    harm.differs += [f"label server: {query} is there twice" for query, times in stored.items() if times > 1]
    print(f"label server: {count} kills, {len(acknowledged)} answers acknowledged, {len(stored)} stored", flush=True)


def _answer(port: int, acknowledged: dict[str, str], child: int, most: int, later: float) -> None:
    """Answer questions until the server is killed, which is some moment after one of them was sent."""
    state = _ask(port, "next", {})
    for number in range(most + 1):
        if state is None:
            break
        question, name = state["question"], uuid.uuid4().hex
        body = {"answer_id": name, "query_id": question["id"], "order": question["order"]}
        body["answer"] = {"type": "preference", "p": 1}
        if number == most:
            killer = os.fork()
            if not killer:
                time.sleep(later)
                os.kill(child, signal.SIGKILL)
                os._exit(0)
            state = _ask(port, "answer", body)
            os.waitpid(killer, 0)
        else:
            state = _ask(port, "answer", body)
        if state is not None:
            acknowledged[question["id"]] = name
    _finish(child, 0.0)


def _ask(port: int, what: str, body: dict) -> dict | None:
    content = json.dumps(body).encode()
    head = f"POST /api/{what} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nConnection: close\r\n"
    try:
        reply = exchange(port, f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
    except OSError:
        return None
    status, _, rest = (reply or b"").partition(b"\r\n")
    return json.loads(rest.partition(b"\r\n\r\n")[2]) if status.startswith(b"HTTP/1.1 200") else None
