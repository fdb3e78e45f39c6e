"""The rewards of a run whose settings say what they are: untrained, and as they were trained."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import contextmanager

import torch
from omegaconf import DictConfig
from torch import nn

from robopref.cli.context import Context
from robopref.cli.made_scorers import made_for_policy, scorer_of
from robopref.cli.persons import choose_person
from robopref.cli.principles import choose_principle
from robopref.cli.reward_settings import folders_of, made_with
from robopref.decisions import outcome_parts
from robopref.errors import MismatchError
from robopref.evaluation.round_record import ROUNDS
from robopref.learning.loop import fingerprint
from robopref.learning.origin import differences
from robopref.learning.reward_members import began_alike, parts_trained_with
from robopref.learning.reward_members import load_members as load_members_of
from robopref.learning.reward_record import require_all_members
from robopref.protocols import ChunkPolicy
from robopref.rewards.derived import with_derived
from robopref.rewards.ensemble import EnsembleReward, Peers

_LETTERS = 12  # of what tells weights from others


def load_rewards(context: Context) -> dict[str, nn.Module]:
    """The trained rewards by name and what follows from them, averaged over the task's symmetries.

    Args:
        context: Of the run.

    Returns:
        Modules that are scorers, or rewards of outcomes: each reward, which is the mean of its members, and those of
        `with_derived`.

    Raises:
        DataError: One is not trained.
    """
    rewards: dict[str, nn.Module] = {name: together(members) for name, members in load_members(context).items()}
    return with_derived(rewards, context.policy())


def together(members: Sequence[nn.Module]) -> nn.Module:
    """One reward of all members: the mean of what they say."""
    return Peers(members) if outcome_parts(members[0]) else EnsembleReward(members)


def load_members(context: Context, names: Collection[str] | None = None) -> dict[str, list[nn.Module]]:
    """The members of trained rewards, in eval mode.

    Says which began with weights that the policy has no longer, and which were trained with other settings.

    Args:
        context: Of the run.
        names: Of which rewards; None takes all.

    Raises:
        DataError: One is not trained.
        MismatchError: One was trained with settings that its weights do not fit, or with more members.
        ConfigError: ``person`` names somebody whom a reward does not know, or ``principle`` says nothing.
    """
    hint = f"robopref train reward run={context.folder}"
    found = dict[str, list[nn.Module]]()
    for name, config in context.config.rewards.items():
        if names is None or name in names:
            folders = list(folders_of(str(name), config).values())
            require_all_members(context.folder / "rewards", folders, str(name))
            with _other_settings_told(context, str(name), config):
                found[str(name)] = load_members_of(
                    context.folder / "rewards", folders,
                    lambda member, config=config: new_member(context, config, member), hint,
                )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        for name in found:
            _say_if_stale(context, name, hint)
    choose_person(context.config, found, context.say, every=names is None)
    choose_principle(context.config, found, context.say)
    return found


@contextmanager
def _other_settings_told(context: Context, name: str, config: DictConfig) -> Generator[None]:
    """Name the settings that a reward was trained with and has no longer, whether or not its weights show them."""
    folder = context.folder / "rewards" / next(iter(folders_of(name, config).values()))
    made = {key: value for key, value in made_with(name, config).items() if not key.endswith("._target_")}
    said = differences(parts_trained_with(folder), made)
    try:
        yield
    except MismatchError as error:
        if not said:
            raise
        raise MismatchError(
            f"{folder} was trained with other settings ({said}); give those of before, or choose another run folder"
        ) from error
    if said:
        context.console.print(
            f"the {name} reward was trained with other settings ({said}), and is used with these",
            soft_wrap=True, highlight=False, markup=False,
        )  # fmt: skip


def _say_if_stale(context: Context, name: str, hint: str) -> None:
    """Say that a reward which took over weights of the policy did so before they changed."""
    config = context.config.rewards[name]
    if config.get("begin_with") is not None:  # with other weights than those of the policy
        return
    # Rewards of a round were there before its policy, and began with the weights of the one before.
    if context.folder.parent.parent.name == ROUNDS:
        return
    folders = {member: context.folder / "rewards" / folder for member, folder in folders_of(name, config).items()}
    if not all(began_alike(folder, new_member(context, config, member)) for member, folder in folders.items()):
        context.console.print(
            f"the {name} reward began with other weights of the policy than these: the policy was trained on since, or "
            f"checkpoint= chooses others; it is trained again by: {hint}",
            soft_wrap=True, highlight=False, markup=False,
        )  # fmt: skip


def new_member(context: Context, config: DictConfig, member: int) -> nn.Module:
    """A member of a reward that is not trained.

    Args:
        context: Of the run.
        config: Settings of the reward.
        member: Which one, on which its first weights depend.
    """
    policy = context.policy()
    torch.manual_seed(context.seed * 100 + member)
    return untrained(lambda: policy, context, config)


def untrained(policy: Callable[[], ChunkPolicy], context: Context, config: DictConfig) -> nn.Module:
    """A reward that is not trained, of a policy or of a candidate in the first demonstrated state.

    Args:
        policy: Makes the policy, once it is needed.
        context: Of the run.
        config: Settings of the reward.
    """
    made = made_for_policy(policy, lambda: context.demonstrations, scorer_of(context.config, config))
    return made.to(context.device)


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
