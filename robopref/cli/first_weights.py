"""The weights that the training of a reward begins with, where its settings name others than it is made with."""

from __future__ import annotations

from omegaconf import DictConfig
from torch import nn

from robopref.cli.context import Context
from robopref.cli.embeddings import begin_with_embedding, candidate_embedding
from robopref.cli.learnt_network import load_network
from robopref.cli.trained_rewards import new_member
from robopref.errors import PolicyError
from robopref.rewards.explicit import ExplicitReward


def first_member(context: Context, name: str, member: int) -> nn.Module:
    """A member of a reward as its training begins with it.

    Args:
        context: Of the run.
        name: Of the reward.
        member: Which one.

    Raises:
        PolicyError: It has no encoder that a learnt dynamics could lend.
        DataError: There is no learnt dynamics, or no trained embedding.
        ConfigError: The two are of unlike widths or sizes, or the reward takes no embedding.
    """
    config = context.config.rewards[name]
    return begun(context, config, new_member(context, config, member))


def begun(context: Context, config: DictConfig, reward: nn.Module) -> nn.Module:
    """A reward that is not trained, with what it is to begin with; raises as `first_member`.

    Args:
        context: Of the run, whose learnt dynamics lends its encoder.
        config: Settings of the reward.
        reward: As it was made.
    """
    begin = config.get("begin_with")
    if begin is None:
        return reward
    if begin == "similarity":
        begin_with_embedding(reward, candidate_embedding(context))
        return reward
    if not isinstance(reward, ExplicitReward):
        raise PolicyError("begin_with=dynamics is for explicit rewards only, such as reward=explicit")
    reward.begin_with(load_network(context))
    return reward
