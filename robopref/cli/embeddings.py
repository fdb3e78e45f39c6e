"""The embedding of a run's items: untrained, and as `robopref train similarity` left it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from robopref.cli.building import build
from robopref.cli.context import Context
from robopref.cli.made_scorers import made_for_policy, observed
from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.segment_pairs import first_items
from robopref.errors import ConfigError, DataError
from robopref.evaluation.item_map import EMBEDDING
from robopref.learning.stored_models import load_embedding as stored_embedding
from robopref.rewards.embedding import EmbeddingReward
from robopref.rewards.item_embedding import ChunkEmbedding, Embedding, StepEmbedding
from robopref.rewards.mixture import MixtureReward
from robopref.rewards.reward_factory import new_reward

FOLDER, RECORD, PAGE = EMBEDDING, "embedding.json", "map.html"  # within a run folder, and within that


def weights_of(context: Context) -> Path:
    """Where the weights of the trained embedding are."""
    return context.folder / FOLDER / "weights.pt"


def new_embedding(context: Context) -> Embedding:
    """An untrained embedding of the chunks of the run's policy.

    Raises:
        ConfigError: A setting is wrong.
        PolicyError: The policy has no geometry and lends no encoder.
    """
    policy = context.policy()
    torch.manual_seed(context.seed)
    made = made_for_policy(lambda: policy, lambda: context.demonstrations, build(context.config.embedding.network))
    return _embedding(made.to(context.device))


def new_segment_embedding(context: Context, store: EpisodeStore) -> Embedding:
    """An untrained embedding of recorded steps.

    Args:
        context: Of the run.
        store: Recorded episodes.

    Raises:
        ConfigError: A setting is wrong, or an array is missing.
        DataError: What is called points or image is no cloud or no picture.
    """
    torch.manual_seed(context.seed)
    keys = observed(context.config, context.config.embedding)
    made = new_reward(build(context.config.embedding.network), lambda: first_items(store, keys))
    return _embedding(made.to(context.device))


def trained_embedding(context: Context, make: Callable[[], Embedding], command: str) -> Embedding:
    """The trained embedding of a run, in eval mode.

    Args:
        context: Of the run.
        make: Makes it untrained, if its file does not say what it is of.
        command: That trains it.

    Raises:
        DataError: It is not trained, or damaged.
        MismatchError: It was trained with other settings.
    """
    path = weights_of(context)
    if not path.exists():
        raise DataError(f"no trained embedding at {path}; run: robopref {command} run={context.folder}")
    return stored_embedding(path, make).to(context.device)


def candidate_embedding(context: Context) -> Embedding:
    """The trained embedding of the chunks of the run's policy; raises as `trained_embedding`."""
    return trained_embedding(context, lambda: new_embedding(context), "train similarity")


def begin_with_embedding(reward: nn.Module, embedding: Embedding) -> None:
    """Let a reward begin with a trained embedding.

    Raises:
        ConfigError: It takes none, or one of other arrays or another size.
    """
    if not isinstance(reward, EmbeddingReward | MixtureReward):
        raise ConfigError("begin_with=similarity is for rewards on an embedding only, such as reward=embedding")
    reward.begin_with(embedding)


def _embedding(made: nn.Module) -> Embedding:
    if not isinstance(made, ChunkEmbedding | StepEmbedding):
        raise ConfigError(f"embedding.network has to make an embedding of items, got {type(made).__name__}")
    return made
