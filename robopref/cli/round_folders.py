"""Run folders of rounds: what comes of a round is a run of its own, which can be evaluated, deployed and improved."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from torch import nn

from robopref.cli.beginning import take_demonstrations
from robopref.cli.configuration import compose_config, memory
from robopref.cli.context import Context
from robopref.cli.principles import principle_of, principled_in
from robopref.cli.remembered import FILE, kept, recall_all, write
from robopref.cli.reward_settings import folders_of
from robopref.cli.trained_rewards import load_members, version_of
from robopref.cli.words import key_of
from robopref.errors import DataError, MismatchError
from robopref.evaluation.choice_needs import keep_learnt, load_learnt
from robopref.evaluation.round_record import ROUNDS
from robopref.files import read_json, replacing, write_json

DISTILLED = "distilled"  # the reward of actions that learns from the judge on the way
_APART = 10_000  # states between the first ones of two rounds
# What the rounds were made with does not hold of what comes of them.
_LEFT = ("improve.", "label.", "explore.first", "base", "use", "method", "checkpoint", "evaluate.checkpoint")

_OF_STARTS = ("improve.starts", "evaluate.candidates", "seed", "policy")  # what the first policy was measured with


def rounds_of(context: Context) -> Path:
    """Where the rounds of a run by its present method are."""
    return context.folder / ROUNDS / str(context.config.improve.method)


def round_context(context: Context, index: int, judge: str) -> Context:
    """The run that a round begins with, which is the run itself in the first round.

    Args:
        context: Of the command.
        index: Rounds done before.
        judge: Name of the reward that judges.

    Returns:
        Its context, which simulates with the processes of the command.
    """
    if index == 0:
        return context
    folder = rounds_of(context) / str(index)
    begin_round(context, folder, index, judge)
    words = [f"run={folder}", f"device={context.config.device}"]
    config = compose_config("config", words)
    made = Context(config, memory(config, words, "improve"), "improve")
    made.pool_ = context.pool
    return made


def finish_round(context: Context, made: Context) -> None:
    """End what `round_context` began; the command's own processes go on."""
    if made is not context:
        made.pool_ = None
        made.finish()


def begin_round(context: Context, folder: Path, index: int, judge: str) -> None:
    """Let a run folder have what its policy was cloned from, and the settings of the run that it comes of, once.

    What it was used with since then it keeps.

    Args:
        context: Of the command.
        folder: The run folder.
        index: Rounds after which its policy is what it is.
        judge: Name of the reward that judges; others of the run judge another policy's actions, and are left out.
    """
    take_demonstrations(folder, context.folder)
    if (folder / FILE).exists():
        return
    explore = context.config.explore
    earlier = [word for word in recall_all(context.folder, None) if not _left(word)]
    names = [str(name) for name in context.config.rewards if str(name) not in (judge, DISTILLED)]
    new = [*(f"reward@rewards.{name}=null" for name in names), f"explore.warm_up={explore.warm_up}"]
    # Rounds may begin with a run that is itself what a round left.
    new += [f"explore.first={int(explore.first) + _APART * index}"]
    if context.config.improve.distil:
        new += [f"reward@rewards.{DISTILLED}={DISTILLED}", f"use={DISTILLED}"]
    else:
        new += [f"use={judge}"]
    write(folder, [*kept(earlier, new), *new])


def take_judge(context: Context, folder: Path, judge: str) -> None:
    """Copy the judge of a run into that of the next round, once.

    Raises:
        DataError: It cannot be copied.
    """
    for name in folders_of(judge, context.config.rewards[judge]).values():
        source, target = context.folder / "rewards" / name, folder / "rewards" / name
        if not target.exists():
            with replacing(target) as unfinished:
                try:
                    shutil.copytree(source, unfinished, ignore=shutil.ignore_patterns("events*", "*.jsonl"))
                except shutil.Error as error:  # a list of all files with their reasons
                    raise DataError(f"cannot copy {source} into {folder} ({error.args[0][0][2]})") from error
    if judge in (learnt := load_learnt(context.folder)):
        keep_learnt(folder, {judge: learnt[judge]})


def _left(word: str) -> bool:
    key = key_of(word)
    return key in _LEFT or key.startswith(tuple(one for one in _LEFT if one.endswith(".")))


def keep_settings_of_rounds(context: Context, judge: str, policy: nn.Module, folder: Path) -> None:
    """Keep what rounds are made with, and refuse to go on with them by other settings.

    Args:
        context: Of the command.
        judge: Name of the reward that judges.
        policy: That they begin with.
        folder: Of the rounds.

    Raises:
        MismatchError: They were made with others, by another judge, or begin with another policy.
    """
    said: Any = OmegaConf.to_container(context.config.improve, resolve=True)
    made = {f"improve.{key}": value for key, value in said.items() if key not in ("rounds", "stop", "judge", "own")}
    if said["own"]:  # folders of before know nothing of it
        made["improve.own"] = True
    judging = load_members(context, [judge])[judge]
    made |= {
        "judge": f"{judge} {version_of(judging)}", "policy": version_of([policy]), "seed": context.seed,
        "evaluate.candidates": int(context.config.evaluate.candidates),
    }  # fmt: skip
    if principled_in(judging):
        made["principle"] = principle_of(context.config)
    path = folder / "settings.json"
    before = read_json(path) if path.exists() else made
    # Before a round has begun, only what was carried out at the validation starts has to fit.
    binding = made if any((folder / name).exists() for name in ("1", "training")) else _OF_STARTS
    for name, value in made.items():
        if name in binding and before.get(name) != value:
            told = {"judge": "another judge", "policy": "another policy"}.get(name, f"{name}={before.get(name)}")
            raise MismatchError(
                f"{folder} was made with {told}, not {name}={value}; leave it as it was, or remove the folder to begin "
                "anew"
            )
    write_json(path, made)
