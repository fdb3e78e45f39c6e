"""Untrained rewards from what makes them: of items as they will be scored, or of the policy whose chunks they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from robopref.errors import ConfigError
from robopref.factories import parameters_of, require_call
from robopref.items import Items
from robopref.protocols import ChunkPolicy

_OF_ITEMS, _POLICY = "items", "policy"
_SAID = "scorer is made of items or of a policy, and of its settings"


def needs_policy(factory: Any) -> bool:
    """Whether a reward is made of a policy: its first parameter is not called ``items``.

    Args:
        factory: A class or function that makes a reward.

    Raises:
        ConfigError: It is none, or does not take its settings.
    """
    if isinstance(factory, nn.Module) or not callable(factory):
        raise ConfigError(
            f"scorer makes {type(factory).__name__} before it is known what is scored; give scorer._partial_=true"
        )
    return next(iter(parameters_of(factory, _SAID)), "") != _OF_ITEMS


def require_no_policy(factory: Callable[..., Any]) -> None:
    """Require that a reward can score recorded steps, with which no policy comes.

    Args:
        factory: What makes it.

    Raises:
        ConfigError: It cannot.
    """
    if needs_policy(factory):
        raise ConfigError(
            "this reward scores the chunks of a policy, and recorded steps come with none; choose one that is made of "
            "items, such as reward=segment"
        )


def new_reward(
    factory: Callable[..., Any], items: Callable[[], Items], policy: Callable[[], ChunkPolicy] | None = None
) -> nn.Module:
    """An untrained reward.

    Args:
        factory: Makes it of its first parameter: ``items``, or whatever it calls the policy. One of items that takes a
            ``policy`` by name is given that as well, where there is one.
        items: Gives items of the arrays that will be scored, whose values do not matter; a reward may take sizes of
            them.
        policy: Gives the policy whose chunks are to be scored, for the reward to keep; None where there is none.

    Raises:
        ConfigError: It needs a policy and there is none, does not take what it is given, or makes no torch module.
    """
    if policy is None:
        require_no_policy(factory)
    of_policy = policy is not None and needs_policy(factory)
    given = policy() if policy is not None and of_policy else items()
    require_call(factory, _SAID, given)
    beside = policy is not None and not of_policy and _POLICY in parameters_of(factory, _SAID)
    made = factory(given, **({_POLICY: policy()} if policy is not None and beside else {}))
    if not isinstance(made, nn.Module):
        raise ConfigError(f"rewards need a torch module, {type(made).__name__} is none")
    return made
