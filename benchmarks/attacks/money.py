"""Servers of models that fail, against caps in money: by the servers' own count, and what is kept of what they say.

Each server is asked by `robopref label` twice, the second time as a run that goes on.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import random
import selectors
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from benchmarks.records import Record, exactly
from benchmarks.worlds.faulty_judge import FAULTS, FINAL, FaultyJudge
from robopref.__main__ import main
from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.records import Preference

SERVERS = 210
QUESTIONS = 8
WAIT = 1.0  # seconds until a request is given up
LONGEST = 90.0  # seconds that two runs against one server may take
_INPUT, _OUTPUT = 2.0, 8.0  # USD a million tokens
_SLOW = ("timeout", "slow body")


def measure(share: float) -> list[Record]:
    """Ask all servers.

    Args:
        share: Of the servers.

    Returns:
        What was found.
    """
    count = max(len(FAULTS), round(share * SERVERS))
    with tempfile.TemporaryDirectory() as folder:
        halves = [_Half(list(range(start, count, 2)), Path(folder)) for start in range(2)]
        found, stuck = _gathered(halves)
    faults: Counter[str] = sum((Counter(one["faults"]) for one in found), Counter())
    requests, worst = sum(faults.values()), max(one["over"] for one in found)
    injected = ", ".join(f"{number} {name}" for name, number in faults.most_common())
    answers = sum(one["answers"] for one in found)
    return [
        exactly(
            "money: servers whose own bill is above the cap and the dearest of their requests "
            f"({requests} requests: {injected})",
            sum(one["over"] > 1 for one in found), "servers", len(found),
        ),
        Record("money: what the worst server's bill is above the cap, in requests", worst, worst, worst, "<= 1",
               worst <= 1, "requests", len(found)),
        exactly("money: runs that keep or print a key that a server repeats, or a part of it",
                sum(one["leaked"] for one in found), "servers", len(found)),
        exactly("money: runs that end in a traceback", sum(one["crashed"] for one in found), "servers", len(found)),
        exactly("money: answers that are a model's draft", sum(one["drafts"] for one in found), "answers", answers),
        exactly(f"money: servers against which a run does not end within {LONGEST:g} s", stuck, "servers", count),
    ]  # fmt: skip


class _Half:
    """A process that asks some of the servers, one after the other, and says of each what happened."""

    def __init__(self, seeds: list[int], folder: Path) -> None:
        self.waiting, self.folder = seeds, folder
        self.process = self._start()
        self.since = time.monotonic()

    def _start(self) -> subprocess.Popen[str]:
        words = [sys.executable, "-m", "benchmarks.attacks.money", str(self.folder), *map(str, self.waiting)]
        return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})

    def again(self) -> None:
        """Give up the server under way, and go on with the next."""
        self.process.kill()
        self.process.wait()
        self.waiting = self.waiting[1:]
        self.process, self.since = self._start(), time.monotonic()


def _gathered(halves: list[_Half]) -> tuple[list[dict[str, Any]], int]:
    """What both say, and how many servers they did not get away from."""
    found: list[dict[str, Any]] = []
    stuck = 0
    while any(half.waiting for half in halves):
        with selectors.DefaultSelector() as ready:
            for half in halves:
                if half.waiting:
                    ready.register(half.process.stdout or sys.stdin, selectors.EVENT_READ, half)
            for key, _ in ready.select(1.0):
                half = key.data
                line = half.process.stdout.readline()
                if line:
                    found.append(json.loads(line))
                    half.waiting, half.since = half.waiting[1:], time.monotonic()
                else:
                    sys.exit("a process that asks servers ended early; see above")
        for half in halves:
            # The first one of a process has imports to wait for.
            if half.waiting and time.monotonic() - half.since > LONGEST + 30:
                stuck += 1
                half.again()
    for half in halves:
        half.process.wait()
    return found, stuck


def ask(seed: int, folder: Path, dataset: Path) -> dict[str, Any]:
    """Ask one server, twice, and look at what is left.

    Args:
        seed: Of the server.
        folder: For the run.
        dataset: What to ask about.

    Returns:
        Plain counts.
    """
    chance = random.Random(seed)
    key = "sk-" + "".join(chance.choices("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789+/", k=40))
    os.environ["OPENAI_API_KEY"] = key
    printed, crashed = io.StringIO(), 0
    with FaultyJudge(seed, mixture(seed), WAIT * 1.5) as server:
        one = (_INPUT * server.cost[0] + _OUTPUT * server.cost[1]) / 1e6
        cap = one * chance.uniform(1.0, 30.0)
        words = [
            "label", f"run={folder}", "labeler=vlm", "label.about=segments", f"data={dataset}",
            "label.segments.length=3", "label.kind=pair", f"label.budget={QUESTIONS}", "task=Make the picture bright.",
            "labeler.judge.model=m", f"labeler.judge.base_url={server.url}", f"labeler.judge.timeout={WAIT}",
            f"labeler.judge.input_price={_INPUT}", f"labeler.judge.output_price={_OUTPUT}",
            f"labeler.judge.output={chance.choice(['native', 'auto'])}", "labeler.patience.wait=0.01",
            "labeler.patience.longest=0.05", "labeler.patience.attempts=3", "labeler.errors=4",
            f"labeler.workers={chance.choice([1, 4, 8])}", "labeler.manner.orders=given",
            f"labeler.manner.stages={chance.choice(['one_stage', 'two_stage'])}", f"labeler.budget.usd={cap}",
        ]  # fmt: skip
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            for _ in range(2):
                try:
                    main(words)
                except Exception:
                    traceback.print_exc(file=printed)
        billed = (_INPUT * server.bill[0] + _OUTPUT * server.bill[1]) / 1e6
        faults = dict(server.injected)
    given = _answers(folder)
    drafts = sum(answer.p != float(FINAL == "first") for answer in given)
    crashed = "Traceback" in printed.getvalue()
    kept = [printed.getvalue().encode(), *(path.read_bytes() for path in folder.rglob("*") if path.is_file())]
    leaked = any(form in text.lower() for text in kept for form in _forms(key))
    return {
        "seed": seed, "over": (billed - cap) / one, "faults": faults, "answers": len(given), "drafts": drafts,
        "crashed": crashed, "leaked": leaked,
    }  # fmt: skip


def mixture(seed: int) -> dict[str, float]:
    """Chances of faults: one alone for the first servers, then some together, of any weight."""
    if seed < len(FAULTS):
        return {FAULTS[seed]: 1.0}
    chance = random.Random(seed)
    chosen = chance.sample(FAULTS[1:], chance.randint(2, 8))
    weights = {name: chance.random() * (0.2 if name in _SLOW else 1.0) for name in chosen}
    scale = chance.uniform(0.2, 0.95) / sum(weights.values())
    return {name: weight * scale for name, weight in weights.items()}


def _answers(folder: Path) -> list[Preference]:
    if not (folder / "labels.sqlite").exists():
        return []
    with FeedbackStore(folder / "labels.sqlite") as store:
        return [one.answer for one in store.feedback() if isinstance(one.answer, Preference)]


def _forms(key: str) -> Iterator[bytes]:
    """A key in several ways of writing, and its parts; in small letters."""
    raw = key.encode()
    whole = [key, raw.hex(), quote(key, safe=""), base64.b64encode(raw).decode()]
    whole.append(base64.urlsafe_b64encode(b"user:" + raw).decode()[8:])
    for text in whole:
        for k in range(len(text) - 12):
            yield text[k : k + 12].lower().encode()


def _dataset(folder: Path) -> Path:
    """Two episodes of ten steps; step k is a picture of brightness 10 k."""
    store = EpisodeStore.create(folder / f"bright-{os.getpid()}.zarr", {})
    frames = np.broadcast_to(10 * np.arange(20)[:, None, None, None], (20, 16, 16, 3)).astype(np.uint8)
    for part in (slice(0, 10), slice(10, 20)):
        store.append({"image": frames[part], "action": np.zeros((10, 2), np.float32)})
    return store.path


if __name__ == "__main__":
    place = Path(sys.argv[1])
    shown = _dataset(place)
    for number in map(int, sys.argv[2:]):
        print(json.dumps(ask(number, place / f"run-{number}", shown)), flush=True)
