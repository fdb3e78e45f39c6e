"""By which principle rewards score: the setting ``principle``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from omegaconf import DictConfig
from torch import nn

from robopref.decisions import rewards_within
from robopref.errors import ConfigError
from robopref.principles import plain_principle, principle_in
from robopref.rewards.principled import PrincipledReward
from robopref.runtime.served_principle import ServedPrinciple

_HOW = "reward=principled adds one that does, see docs/words.md"
_OFFERED = 50  # of the principles that were learnt from, on a page


def principle_of(config: DictConfig) -> str | None:
    """The principle of a command, in one line; None if it names none.

    Args:
        config: Settings of the command.

    Raises:
        ConfigError: It says nothing, or too much.
    """
    said = config.get("principle")
    return None if said is None else plain_principle(str(said))


def principled_in(rewards: Iterable[object]) -> list[PrincipledReward]:
    """The rewards that go by principles among some rewards and what these are made of."""
    return [part for reward in rewards for part in rewards_within(reward) if isinstance(part, PrincipledReward)]


def choose_principle(
    config: DictConfig, rewards: Mapping[str, Iterable[nn.Module]], say: Callable[[str], object]
) -> None:
    """Let rewards that go by principles score by the one that ``principle`` says.

    Args:
        config: Settings of a command.
        rewards: Members by name.
        say: Is told by what each scores.
    """
    said = principle_of(config)
    for name, members in rewards.items():
        found = principled_in(members)
        for one in found:
            one.choose(said)
        if found:
            say(f"{name} scores by {_told(said)}")


def require_principled(config: DictConfig, name: str, reward: object, *, typed: bool) -> None:
    """Refuse a principle that was typed for a reward that goes by none.

    Args:
        config: Settings of a command.
        name: Of the reward.
        reward: That ranks.
        typed: Whether the command line says the principle; what a run remembers may be for another reward.

    Raises:
        ConfigError: It goes by none.
    """
    if typed and principle_of(config) is not None and not principled_in([reward]):
        raise ConfigError(
            f"principle={principle_of(config)}: {name} is the same whatever is wanted; name a reward that goes by "
            f"principles, or leave out principle; {_HOW}"
        )


def served_principle(config: DictConfig, rewards: Iterable[object]) -> ServedPrinciple | None:
    """By what rewards score, to be changed while a robot runs; None if they go by no principle.

    Args:
        config: Settings of the command.
        rewards: Those that rank.
    """
    found = principled_in(rewards)
    if not found:
        return None

    def choose(said: str | None) -> None:
        for one in found:
            one.choose(said)

    offered = dict.fromkeys(principle_in(name) for one in found for name in one.names)
    return ServedPrinciple(list(offered)[:_OFFERED], choose, principle_of(config))


def _told(principle: str | None) -> str:
    return "the mean of all principles" if principle is None else f"“{principle}”"
