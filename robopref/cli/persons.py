"""Whom rewards of several persons score for: the setting ``person``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf
from torch import nn

from robopref.decisions import rewards_within
from robopref.errors import ConfigError
from robopref.rewards.mixture import MixtureReward
from robopref.rewards.principled import PrincipledReward
from robopref.runtime.served_person import ServedPerson

_HOW = "reward=mixture adds one that does, see docs/people.md"


def shares_of(config: DictConfig) -> dict[str, float] | None:
    """Shares of the persons who are to be scored for; None takes the mean of all.

    Args:
        config: Settings of a command.
    """
    said: Any = config.get("person")
    plain = OmegaConf.to_container(said) if OmegaConf.is_config(said) else said
    if plain is None:
        return None
    if isinstance(plain, Mapping):
        return {str(name): float(share) for name, share in plain.items()}
    names: list[Any] = plain if isinstance(plain, list) else [plain]
    return {str(name): 1 / len(names) for name in names}


def told(shares: Mapping[str, float] | None) -> str:
    """Whom is scored for, in words."""
    if shares is None:
        return "the mean of all persons"
    if len(shares) == 1:
        return next(iter(shares))
    whole = sum(shares.values())
    return ", ".join(f"{name} {share / whole:.0%}" for name, share in shares.items())


def mixtures_in(rewards: Iterable[object]) -> list[MixtureReward]:
    """The rewards of persons among some rewards and what these are made of."""
    return [part for reward in rewards for part in rewards_within(reward) if isinstance(part, MixtureReward)]


def choose_person(
    config: DictConfig,
    rewards: Mapping[str, Iterable[nn.Module]],
    say: Callable[[str], object],
    *,
    every: bool = False,
) -> None:
    """Let rewards score for the person that ``person`` names.

    Args:
        config: Settings of a command.
        rewards: Members by name.
        say: Is told whom each scores for.
        every: Whether these are all rewards of the run, of which one has to know persons if one is named.

    Raises:
        ConfigError: A reward does not know that person, or none knows any.
    """
    shares, found = shares_of(config), 0
    for name, members in rewards.items():
        mixtures = mixtures_in(members)
        for one in mixtures:
            one.choose(shares)
        if mixtures:
            found += 1
            say(f"{name} scores for {told(shares)}")
    if every and shares is not None and not found:
        raise ConfigError(f"person={told(shares)}: no reward of {config.run} knows persons; {_HOW}")


def scored_for(config: DictConfig, rewards: Mapping[str, object]) -> dict[str, str]:
    """Whom rewards score for, in words, by the name of each that tells persons apart.

    Args:
        config: Settings of a command.
        rewards: By name.
    """
    return {name: told(shares_of(config)) for name, reward in rewards.items() if mixtures_in([reward])}


def require_personal(config: DictConfig, name: str, reward: object, *, typed: bool) -> None:
    """Refuse a person that was typed for a reward which knows none.

    Args:
        config: Settings of a command.
        name: Of the reward.
        reward: That ranks, relabels or is explained.
        typed: Whether the command line names the person; what a run remembers may be for another reward.

    Raises:
        ConfigError: It knows none.
    """
    shares = shares_of(config)
    if typed and shares is not None and not mixtures_in([reward]):
        raise ConfigError(
            f"person={told(shares)}: {name} is the same for everybody; name a reward that knows persons, or leave "
            f"out person; {_HOW}"
        )


def served_person(config: DictConfig, rewards: Iterable[object]) -> ServedPerson | None:
    """Whom rewards score for, to be changed while a robot runs; None if they tell no persons apart.

    Args:
        config: Settings of the command.
        rewards: Those that rank.
    """
    mixtures = mixtures_in(rewards)
    if not mixtures:
        return None
    shares = shares_of(config)
    known: dict[str, Mapping[str, float] | None] = {told(shares): shares, told(None): None}
    every = set[str].intersection(*(set(one.names) for one in mixtures))
    known |= {name: {name: 1.0} for name in sorted(every)}

    def choose(name: str) -> None:
        for one in mixtures:
            one.choose(known[name])

    return ServedPerson(list(known), choose, told(shares))


def acquainted(
    make: Callable[[int], nn.Module], names: Collection[str], instructions: Collection[str] = ()
) -> Callable[[int], nn.Module]:
    """What makes members of a reward, which know those who answered, or what was judged by, if they tell them apart.

    Args:
        make: Makes a member that is not trained.
        names: Of those who answered.
        instructions: By which they did.
    """

    def made(member: int) -> nn.Module:
        reward = make(member)
        if isinstance(reward, MixtureReward):
            reward.meet(sorted(names))
        if isinstance(reward, PrincipledReward):
            reward.meet(sorted(instructions))
        return reward

    return made
