"""Run folders of rounds: what comes of a round is a run of its own, which can be evaluated, deployed and improved."""

from __future__ import annotations

import shutil
from pathlib import Path

from robopref.cli.beginning import take_demonstrations
from robopref.cli.configuration import compose_config, memory
from robopref.cli.context import Context
from robopref.cli.remembered import kept, recall_all, write
from robopref.cli.reward_settings import folders_of
from robopref.cli.words import key_of
from robopref.errors import DataError
from robopref.evaluation.choice_needs import keep_learnt, load_learnt
from robopref.evaluation.round_record import ROUNDS
from robopref.files import replacing

DISTILLED = "distilled"  # the reward of actions that learns from the judge on the way
_APART = 10_000  # states between the first ones of two rounds
# What the rounds were made with does not hold of what comes of them.
_LEFT = ("improve.", "label.", "explore.", "base", "use", "method", "checkpoint", "evaluate.checkpoint")


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
    words = [f"run={folder}"]
    config = compose_config("config", words)
    made = Context(config, memory(config, words, "explore"), "explore")
    made.pool_ = context.pool
    return made


def finish_round(context: Context, made: Context) -> None:
    """End what `round_context` began; the command's own processes go on."""
    if made is not context:
        made.pool_ = None
        made.finish()


def begin_round(context: Context, folder: Path, index: int, judge: str) -> None:
    """Let a run folder have what its policy was cloned from, and the settings of the run that it comes of.

    Args:
        context: Of the command.
        folder: The run folder.
        index: Rounds after which its policy is what it is.
        judge: Name of the reward that judges; others of the run judge another policy's actions, and are left out.
    """
    take_demonstrations(folder, context.folder)
    earlier = [word for word in recall_all(context.folder, None) if not _left(word)]
    names = [str(name) for name in context.config.rewards if str(name) not in (judge, DISTILLED)]
    new = [*(f"reward@rewards.{name}=null" for name in names), f"explore.first={_APART * index}"]
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
