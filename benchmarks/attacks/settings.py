"""Every setting of every command with a wrong type, a negative number, zero, nothing and null, by real calls."""

from __future__ import annotations

import contextlib
import copy
import io
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hydra
from hydra._internal.config_loader_impl import ConfigLoaderImpl

from benchmarks.records import Record, exactly
from benchmarks.worlds.settings import Setting, every_setting, put, shipped
from robopref.cli.words import group_of, parsed
from robopref.errors import ConfigError
from robopref.processes import process_pool

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
# What is allowed is then done, on as little as possible; a demo goes on with one that was finished, once a setting.
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
    with tempfile.TemporaryDirectory() as folder, process_pool(_PROCESSES, _prepare) as pool:
        if pool.submit(_finish, folder).result() != 0:
            raise RuntimeError("the demo that others go on with failed")
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


def _prepare() -> None:
    """Serve no pages, and compose the choices of groups once; the other words are put in by Hydra itself each time."""
    from robopref.cli import configuration
    from robopref.web import serving

    composed: dict[tuple[str, ...], Any] = {}

    def compose(name: str, overrides: Sequence[str] = ()) -> Any:
        chosen = [word for word in overrides if group_of(word) is not None]
        key = (name, *chosen)
        if key not in composed:
            composed[key] = hydra.compose(name, overrides=chosen)
        config = copy.deepcopy(composed[key])
        others = [parsed(word) for word in overrides if word not in chosen]
        ConfigLoaderImpl._apply_overrides_to_config(others, config)
        return config

    configuration.compose = compose  # type: ignore[assignment]
    serving.serve = lambda *_: None  # type: ignore[assignment]


def _finish(folder: str) -> int:
    from robopref.__main__ import main

    with contextlib.redirect_stdout(io.StringIO()):
        return main(["demo", f"run={folder}/finished", *_LITTLE])


def _tried(rows: Sequence[tuple[int, Setting]], folder: str) -> Counter[str]:
    found: Counter[str] = Counter()
    _draw_nothing()
    for index, setting in rows:
        gone_on = False
        for turn, value in enumerate(VALUES):
            commands = _COMMANDS[setting.config]
            command = commands[(index + turn) % len(commands)]
            if command == "demo" and _allowed(setting, value):
                if gone_on:
                    continue  # its steps are the commands of "config", which go on with every value
                gone_on = True
            place = Path(folder) / f"{index}-{turn}"
            place.mkdir()
            if command == "demo":
                shutil.copytree(Path(folder) / "finished", place / "run")
            found["calls"] += 1
            found += _called(command, setting, value, place)
            shutil.rmtree(place)
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
    said, before = io.StringIO(), _files(place)
    try:
        with contextlib.chdir(place), contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            main(words)
    except Exception as error:  # what is counted
        print(f"{' '.join(words)}: {type(error).__name__}: {error}", flush=True)
        return Counter(raised=1)
    text = said.getvalue()
    if not any(f"{setting.path} {what}" in text for what in ("must be ", "is missing", "has to be given")):
        return Counter(raised=int("Traceback" in text))
    left = len(_files(place) ^ before)
    if left:
        print(f"{' '.join(words)} leaves {left} files", flush=True)
    return Counter(refused=1, long=int(text.strip().count("\n") > 0), files=left)


def _allowed(setting: Setting, value: str) -> bool:
    from robopref.cli.schema import checked

    try:
        checked(put(shipped(setting.config)[setting.choice], setting.path, parsed(f"it={value}").value()), "config")
    except ConfigError:
        return False
    return True


def _draw_nothing() -> None:
    """Leave a report that is there as it is: drawing reads no setting."""
    from robopref.cli import report

    draw = report.write_report
    report.write_report = lambda folder: folder / "report.html" if (folder / "report.html").exists() else draw(folder)


def _files(place: Path) -> set[tuple[Path, int]]:
    return {(path, path.stat().st_mtime_ns) for path in place.rglob("*") if path.is_file()}
