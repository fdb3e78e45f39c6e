"""Every setting of every command with a wrong type, a negative number, zero, nothing and null, by real calls."""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import random
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from benchmarks.records import Record, exactly
from benchmarks.worlds.settings import Setting, every_setting

VALUES = ("abc", "-5", "0", "", "null")
# Commands by their settings; those of a config take turns.
_COMMANDS = {
    "config": ("train policy", "label", "train reward", "evaluate", "report", "deploy", "export", "train", "collect"),
    "demo": ("demo",),
    "offline": ("offline", "offline label", "offline reward", "offline train", "offline evaluate", "relabel"),
    "online": ("online", "online collect"),
    "data": ("data inspect a", "data convert a b", "data merge a b c", "data split a b c", "data quality a"),
    "labels": ("labels quality", "labels import", "labels export"),
    "cameras": ("cameras a.json",),
}
# What is allowed is then done, on as little as possible.
_LITTLE = (
    "device=cpu", "workers=0", "collect.steps=1", "train.fit.steps=1", "train.batch_size=2", "label.states=1",
    "label.candidates=2", "rewards.explicit.fit.steps=1", "rewards.implicit.fit.steps=1", "evaluate.starts=1",
    "evaluate.candidates=2", "evaluate.episodes=1", "evaluate.steps=1", "policy.width=8",
)  # fmt: skip
_PROCESSES = 2


def measure(share: float) -> list[Record]:
    """Set everything to what it may not be.

    Args:
        share: Of the settings.

    Returns:
        What was found.
    """
    settings = every_setting()
    if share < 1:
        settings = random.Random(0).sample(settings, max(1, round(share * len(settings))))
    rows = list(enumerate(settings))
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(_PROCESSES, context) as pool:
        halves = [rows[start::_PROCESSES] for start in range(_PROCESSES)]
        found = sum(pool.map(_tried, halves, [folder] * _PROCESSES), Counter[str]())
    refused, calls = found["refused"], found["calls"]
    print(f"of {calls} calls {refused} were refused for a setting", flush=True)
    said = f"{len(settings)} settings of all commands as a word, -5, 0, empty and null ({refused} refused)"
    return [
        exactly(f"settings: {said}: ended by an exception", found["raised"], "calls", calls),
        exactly("settings: refused in more than one line", found["long"], "calls", refused),
        exactly("settings: files left by a refused setting", found["files"], "files", refused),
    ]


def _tried(rows: Sequence[tuple[int, Setting]], folder: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for index, setting in rows:
        for turn, value in enumerate(VALUES):
            commands = _COMMANDS[setting.config]
            command = commands[(index + turn) % len(commands)]
            place = Path(folder) / f"{index}-{turn}"
            place.mkdir()
            found["calls"] += 1
            found += _called(command, setting, value, place)
    return found


def _called(command: str, setting: Setting, value: str, place: Path) -> Counter[str]:
    from robopref.__main__ import main

    words = command.split()
    words += [setting.choice] if setting.choice else []
    if setting.config not in ("data", "cameras"):
        words.append(f"run={place / 'run'}")
    if setting.config in ("config", "demo"):
        words += [word for word in _LITTLE if word.split("=")[0] != setting.path]
    words.append(f"{setting.path}={value}")
    said = io.StringIO()
    try:
        with contextlib.chdir(place), contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            main(words)
    except Exception as error:  # what is counted
        print(f"{' '.join(words)}: {type(error).__name__}: {error}", flush=True)
        return Counter(raised=1)
    text = said.getvalue()
    if not any(f"{setting.path} {what}" in text for what in ("must be ", "is missing", "has to be given")):
        return Counter(raised=int("Traceback" in text))
    left = sum(path.is_file() for path in place.rglob("*"))
    if left:
        print(f"{' '.join(words)} leaves {left} files", flush=True)
    return Counter(refused=1, long=int(text.strip().count("\n") > 0), files=left)
