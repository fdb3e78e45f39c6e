"""What makes the scorer of a reward, and what of recorded steps it sees, as settings say."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from omegaconf import DictConfig
from torch import nn

from robopref.cli.building import build
from robopref.data.episodes.store import EpisodeStore
from robopref.errors import ConfigError
from robopref.factories import parameters_of
from robopref.items import Items
from robopref.policies.abilities import observed_by
from robopref.protocols import ChunkPolicy
from robopref.records import Observation
from robopref.rewards.reward_factory import new_reward

_EMBEDDING = "embedding"


def scorer_of(config: DictConfig, reward: DictConfig) -> Callable[..., Any]:
    """What makes the scorer of a reward; one that takes an ``embedding`` by name is given what makes the run's.

    Args:
        config: Settings of the command.
        reward: Settings of the reward.

    Raises:
        ConfigError: It cannot be built, or the command knows no embedding.
    """
    made: Any = build(reward.scorer)
    if not callable(made) or _EMBEDDING not in parameters_of(made, "scorer is made of its settings"):
        return made
    if _EMBEDDING not in config:
        raise ConfigError(
            "this reward learns on an embedding that is trained before, of what a run holds by then; here, choose one "
            "that learns by itself, such as reward=segment"
        )
    return partial(made, embedding=build(config.embedding.network))


def made_for_policy(
    policy: Callable[[], ChunkPolicy], demonstrations: Callable[[], EpisodeStore], factory: Callable[..., Any]
) -> nn.Module:
    """What a factory makes of a policy or of a candidate in the first demonstrated state, see `new_reward`.

    Args:
        policy: Makes the policy, once it is needed.
        demonstrations: Give what the policy was cloned from.
        factory: Makes a reward, or what is made as rewards are.
    """

    def candidate() -> Items:
        store = demonstrations()
        seen = {key: torch.as_tensor(store.array(key, 0, 1)) for key in observed_by(policy())}
        return Items.of_candidates(Observation.of(seen), torch.zeros(1, 1, *policy().shape))

    return new_reward(factory, candidate, policy)


def observed(config: DictConfig, part: DictConfig) -> list[str]:
    """Arrays of a step that a reward or an embedding is made for; what it makes of them, it says itself.

    Args:
        config: Settings of the command.
        part: Settings of the reward, which sees what the embedding sees if it begins with that, or of the embedding.
    """
    if part.get("begin_with") == "similarity" and _EMBEDDING in config:
        part = config.embedding
    seen, acted = part.get("observes"), part.get("action", True)
    return [*(config.observation if seen is None else seen), *(["action"] if acted else [])]
