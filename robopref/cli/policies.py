"""A policy as the settings make it, checked before anything is done with it."""

from __future__ import annotations

from typing import Any

from torch import nn

from robopref.errors import ConfigError
from robopref.factories import require_call
from robopref.protocols import ChunkPolicy, TrainablePolicy, lacking
from robopref.records import ActionGeometry


def made_policy(factory: Any, geometry: ActionGeometry, proprio: int) -> Any:
    """An untrained policy.

    Args:
        factory: What ``policy`` of the settings makes.
        geometry: How actions name anchor points.
        proprio: Proprioception size D.

    Returns:
        A torch module that is a `ChunkPolicy`.

    Raises:
        ConfigError: It makes no such thing.
    """
    if isinstance(factory, nn.Module) or not callable(factory):
        raise ConfigError(
            f"policy makes {_kind(factory)} before geometry and proprioception are known; give policy._partial_=true"
        )
    said = "policy is made of a geometry and the size of proprioception, and of its settings"
    require_call(factory, said, geometry, proprio)
    policy = factory(geometry, proprio)
    if missing := lacking(policy, ChunkPolicy):
        raise ConfigError(
            f"policy: {_kind(policy)} lacks {', '.join(missing)}, needed for every command that uses a policy; "
            "see robopref.protocols.ChunkPolicy"
        )
    if not isinstance(policy, nn.Module):
        raise ConfigError(f"policy: {_kind(policy)} is no torch module, which commands store, copy and move")
    return policy


def require_trainable(policy: object) -> None:
    """Demand a policy that can be trained.

    Raises:
        ConfigError: It cannot.
    """
    if missing := lacking(policy, TrainablePolicy):
        raise ConfigError(
            f"policy: {_kind(policy)} lacks {', '.join(missing)}, needed for train policy; other commands use it as it "
            "is built; see robopref.protocols.TrainablePolicy"
        )


def _kind(made: object) -> str:
    return type(made).__name__
