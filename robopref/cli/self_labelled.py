"""The answers that rewards of a run gave: which of them are those of the rewards as they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import nn

from robopref.answers import Answers
from robopref.cli.context import Context
from robopref.cli.filters import built_filters
from robopref.cli.reward_settings import folders_of
from robopref.cli.trained_rewards import load_members
from robopref.data.labels.counted import counted
from robopref.data.labels.self_made import AnswerSource, WatchedAnswers, is_self_made, present, watched
from robopref.labeler_kinds import SELF
from robopref.learning.loop import fingerprint

_LETTERS = 12


def trained_names(context: Context) -> list[str]:
    """Rewards of the run of which all members are trained."""
    folder = context.folder / "rewards"
    return [
        str(name)
        for name, config in context.config.rewards.items()
        if all((folder / member / "weights.pt").exists() for member in folders_of(str(name), config).values())
    ]


def version_of(members: Sequence[nn.Module]) -> str:
    """What tells the weights of a reward from others.

    Args:
        members: Of the reward.
    """
    return fingerprint(value for member in members for value in member.state_dict().values())[:_LETTERS]


def self_made_of_run(context: Context, answers: Answers, where: str, answer_source: AnswerSource) -> WatchedAnswers:
    """What a reward that learns from self-made answers learns from, and what watches over it.

    Args:
        context: Of the run.
        answers: All about what is learnt from.
        where: They are, for messages.
        answer_source: ``self_made`` or ``all``.

    Raises:
        ConfigError: A term of ``filter`` is no filter.
        DataError: Given answers are of labelers of several kinds, or filters leave none.
    """
    mine = is_self_made(answers)
    own, stale = present(answers[mine], _versions(context, map(str, answers.labeler[mine])))
    for name, count in stale.items():
        context.console.print(
            f"{count} answers of {SELF}{name} are left out: the reward has other weights by now, or none; to have them "
            "given anew: robopref label labeler=reward",
            soft_wrap=True, highlight=False, markup=False,
        )  # fmt: skip
    given = answers[~mine]
    given = counted(given, built_filters(context)[0], where) if len(given) else given
    return watched(given, own, answer_source, seed=context.seed)


def _versions(context: Context, labelers: Iterable[str]) -> dict[str, str]:
    names = {name.removeprefix(SELF) for name in labelers} & set(trained_names(context))
    return {name: version_of(members) for name, members in load_members(context, names).items()} if names else {}
