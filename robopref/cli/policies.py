"""A policy as the settings make it, checked before anything is done with it."""

from __future__ import annotations

from typing import Any

from torch import nn

from robopref.data.episodes.geometry import recorded_geometry
from robopref.data.episodes.policy_spec import recorded_spec, require_observed
from robopref.data.episodes.store import EpisodeStore
from robopref.errors import ConfigError
from robopref.factories import parameters_of, require_call
from robopref.policies.abilities import learns
from robopref.protocols import ChunkPolicy, TrainablePolicy, lacking

_OF_SPEC = "spec"
_SAID = "policy is made of a spec, or of a geometry and the size of proprioception, and of its settings"


def made_policy(factory: Any, store: EpisodeStore) -> Any:
    """An untrained policy for what was observed and done in recorded episodes.

    Args:
        factory: What ``policy`` of the settings makes: of a `PolicySpec` if its first parameter is called ``spec``,
            else of a geometry and the size of proprioception.
        store: The episodes.

    Returns:
        A torch module that is a `ChunkPolicy`.

    Raises:
        ConfigError: It makes no such thing.
        DataError: The data lack what it needs.
    """
    if isinstance(factory, nn.Module) or not callable(factory):
        raise ConfigError(
            f"policy makes {_kind(factory)} before geometry and proprioception are known; give policy._partial_=true"
        )
    spec = recorded_spec(store)
    if next(iter(parameters_of(factory, _SAID)), "") == _OF_SPEC:
        given: tuple[Any, ...] = (spec,)
    else:
        require_observed(store, ("points", "proprio"))
        given = (recorded_geometry(store), spec.shapes["proprio"][0])
    require_call(factory, _SAID, *given)
    policy = factory(*given)
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
    if not learns(policy):
        missing = lacking(policy, TrainablePolicy)
        raise ConfigError(
            f"policy: {_kind(policy)} lacks {', '.join(missing)}, needed for train policy; other commands use it as it "
            "is built; see robopref.protocols.TrainablePolicy"
        )


def _kind(made: object) -> str:
    return type(made).__name__
