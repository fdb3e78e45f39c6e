"""Run folders of somebody else, used by real commands started in them: what they remember is hostile or damaged."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

from benchmarks.records import Record, exactly

LONGEST = 10.0  # seconds that a command may take to refuse, beside what a command that has nothing to do takes
_GIVEN_UP = 120.0
# Imported or called, it leaves a file.
_CANARY = """\
import os, pathlib
pathlib.Path(os.environ["CANARY"]).touch()
def run(*args, **kwargs):
    pathlib.Path(os.environ["CANARY"]).touch()
def __getattr__(name):
    return run
"""
_TOUCH = "{_target_: os.system, command: 'touch $CANARY'}"
_CHAIN = [(n, f"env.options.a{n - 1 or ''}") for n in range(1, 60)]

# What a folder remembers, and the command that is given it.
_WORDS: dict[str, tuple[str, list[str]]] = {
    "torch.hub of the folder": (
        "collect", ["env._target_=torch.hub.load", "+env.repo_or_dir=.", "+env.model=run", "+env.source=local"],
    ),
    "a shell command": ("collect", ["env._target_=os.system", "+env.command='touch $CANARY'"]),
    "an added target": ("collect", ["++env._target_=evil.run"]),
    "a target in a dictionary": ("label", [f"labeler={_TOUCH}"]),
    "a target in lists": ("deploy", [f"safety.keep_out=[{_TOUCH}]"]),
    "a target among options": ("collect", [f"+env.options.policy={_TOUCH}"]),
    "an import of one of our modules": (
        "train policy", ["policy._target_=robopref.files.os.system", "+policy.command='touch $CANARY'"],
    ),
    "our own command line": (
        "collect", ["env._target_=robopref.__main__.main", "+env.arguments=[collect,'env.id=evil:X-v0']"],
    ),
    "our own private functions": ("collect", ["env._target_=robopref.files._remove", "+env.path=precious"]),
    "a program among our modules": (
        "deploy", ["robot._target_=robopref.robots.lerobot_server.main", "+robot.words=['--robot','evil:run']"],
    ),
    "a referred target": ("collect", ["task=evil.run", "env._target_=${task}"]),
    "an environment's id": ("collect", ["env.id=evil:X-v0"]),
    "an id with blanks": ("collect", ["env.id='e vil:X-v0'"]),
    "a wrapped environment": ("collect", ["env=gym", "env.options.name=evil:X-v0"]),
    "an environment as a robot": ("deploy", ["robot._target_=gymnasium.make", "+robot.id=evil:X-v0"]),
    "an environment for agents": ("online", ["environment=evil:X-v0"]),
    "the id of what is made": ("online", ["environment=Pendulum-v1", "make.id=evil:X-v0"]),
    "another maker": ("online", ["environment=Pendulum-v1", "make._target_=evil.run"]),
    "an agent of its own environment": (
        "online", ["environment=Pendulum-v1", "agent._partial_=false", "+agent.env=evil:X-v0"],
    ),
    "an evaluation": ("offline evaluate", ["evaluate.env=evil:X-v0"]),
    "a search path": ("collect", ["hydra.searchpath=[file://.]", "env=evil"]),
    "a path for a choice": ("collect", ["env=../../../../../../../../tmp/evil"]),
    "callbacks of Hydra": ("collect", ["+hydra.callbacks.a._target_=evil.run"]),
    "a robot to be moved": ("deploy", ["deploy.send=true", "deploy.operator=me", "robot._target_=evil.run"]),
    "variables of the environment": ("collect", ["env.options.target=${oc.env:CANARY}"]),
    "copies of copies": (
        "collect", [
            "+env.options.a={x: [1,2,3]}",
            *(f"+env.options.a{n}=[${{{before}}},${{{before}}}]" for n, before in _CHAIN),
        ],
    ),
    "endless brackets": ("collect", ["seed=" + "[" * 490 + "]" * 490]),
    "a long list": ("collect", ["observation=[" + ",".join(["a"] * 490) + "]"] * 15),
    "settings in a circle": ("collect", ["task=x", "base=${data}", "+data=${base}"]),
}  # fmt: skip


def _levels(count: int) -> str:
    return "- &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"- &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, count)
    )


_FILES: dict[str, Callable[[Path], object]] = {
    "YAML aliases": lambda path: path.write_text(_levels(12)),
    "YAML merge keys": lambda path: path.write_text("- &a {b: c}\n- {<<: *a}\n"),
    "YAML that holds itself": lambda path: path.write_text("&a [*a]\n"),
    "YAML tags of Python": lambda path: path.write_text("- !!python/object/apply:os.system ['touch $CANARY']\n"),
    "endless YAML": lambda path: path.write_text("[" * 30_000),
    "no list": lambda path: path.write_text("env: {_target_: evil.run}\n"),
    "numbers and dictionaries": lambda path: path.write_text("- 1\n- {a: b}\n- null\n"),
    "no text": lambda path: path.write_bytes(os.urandom(4000)),
    "a hundred megabytes": lambda path: path.write_bytes(b"- seed=1\n" * 11_000_000),
    "a pipe": os.mkfifo,
    "a folder": lambda path: path.mkdir(),
    "a link to an endless file": lambda path: path.symlink_to("/dev/zero"),
}


def measure(share: float) -> list[Record]:
    """Use all folders, two at a time.

    Args:
        share: Of the folders.

    Returns:
        What was found.
    """
    with tempfile.TemporaryDirectory() as place:
        cases = [
            (name, command, lambda path, words=words: path.write_text(yaml.safe_dump(words), encoding="utf-8"))
            for name, (command, words) in _WORDS.items()
        ] + [(name, "collect", write) for name, write in _FILES.items()]
        kept = cases[: max(1, round(share * len(cases)))]
        usual = _use(Path(place) / "usual", "settings", lambda path: path.write_text("[]\n"))[1]
        with ThreadPoolExecutor(2) as pool:
            found = list(pool.map(lambda case: _use(Path(place) / case[0].replace(" ", "_"), case[1], case[2]), kept))
    ran = [name for (name, *_), one in zip(kept, found, strict=True) if one[0]]
    slow = [name for (name, *_), one in zip(kept, found, strict=True) if one[1] > LONGEST + usual]
    traced = [name for (name, *_), one in zip(kept, found, strict=True) if "Traceback" in one[2]]
    wordy = [name for (name, *_), one in zip(kept, found, strict=True) if one[2].count("\n") != 1]
    for what, names in (("ran code", ran), ("hung", slow), ("traceback", traced), ("not one line", wordy)):
        if names:
            print(f"{what}: {', '.join(names)}", flush=True)
    what, count = "hostile or damaged run folders, used in place", len(kept)
    return [
        exactly(f"run_folders: {what}: code of the folder run", len(ran), "folders", count),
        exactly(f"run_folders: {what}: longer than {LONGEST:g} s to refuse", len(slow), "folders", count),
        exactly(f"run_folders: {what}: tracebacks", len(traced), "folders", count),
        exactly(f"run_folders: {what}: refused with anything but one line", len(wordy), "folders", count),
    ]


def _use(folder: Path, command: str, write: Callable[[Path], object]) -> tuple[bool, float, str]:
    """Run a command in a folder: whether code of the folder ran or a file of it went, seconds, and what was said."""
    folder.mkdir()
    for name in ("evil", "e vil", "hubconf", "openai", "multiprocessing", "my_robot"):
        (folder / f"{name}.py").write_text(_CANARY)
    (folder / "evil.yaml").write_text("_target_: evil.run\n")
    (folder / "precious").touch()
    write(folder / "overrides.yaml")
    canary = folder.with_name(f"{folder.name}.ran")
    environment = {**os.environ, "CANARY": str(canary), "HYDRA_FULL_ERROR": "0"}
    begun = time.monotonic()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "robopref", *command.split(), "run=."], cwd=folder, env=environment,
            capture_output=True, text=True, errors="replace", timeout=_GIVEN_UP, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        said = done.stderr
    except subprocess.TimeoutExpired:
        said = "it was given up\n"
    return canary.exists() or not (folder / "precious").exists(), time.monotonic() - begun, said
