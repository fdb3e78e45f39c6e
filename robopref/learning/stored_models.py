"""Policies and rewards of offline learning on disk, each with the plain settings that it was made with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
from torch import nn

from robopref.errors import DataError
from robopref.learning.checkpoint import (
    UNREADABLE,
    load_checkpoint,
    load_weights,
    reason_of,
    require_alike,
    save_checkpoint,
)
from robopref.policies.behaviour import BehaviourPolicy
from robopref.policies.gaussian import GaussianPolicy
from robopref.rewards.critic import CriticScore
from robopref.rewards.embedding import EmbeddingReward
from robopref.rewards.implicit_process import ImplicitProcessReward
from robopref.rewards.item_embedding import Embedding, StepEmbedding
from robopref.rewards.mixture import MixtureReward
from robopref.rewards.principled import PrincipledReward
from robopref.rewards.segment import SegmentReward

_LARGEST = 1_000_000  # of any number among the settings of a model
_MOST = 1000  # copies and layers, each of which is an object
_COUNTS = {"members", "layers", "heads", "steps", "levels"}


class StoredModel(Protocol):
    """A module that can be made again from plain settings."""

    @property
    def settings(self) -> dict[str, Any]:
        """What it was made with: numbers, words, lists and dictionaries of these."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Its weights."""
        ...


# Nothing else is ever made of what a file says.
_KINDS: dict[str, Any] = {
    kind.__name__: kind
    for kind in (
        BehaviourPolicy,
        CriticScore,
        EmbeddingReward,
        GaussianPolicy,
        ImplicitProcessReward,
        MixtureReward,
        PrincipledReward,
        SegmentReward,
        StepEmbedding,
    )
}
_NEVER_OTHERWISE = {"EmbeddingReward", "ImplicitProcessReward", "PrincipledReward", "StepEmbedding"}  # without settings
Model = TypeVar("Model", bound=nn.Module)


def save_model(path: Path, model: StoredModel) -> None:
    """Write a model and what it was made with.

    Args:
        path: Where to.
        model: The model.

    Raises:
        DataError: The disk refused.
    """
    content = {"kind": type(model).__name__, "settings": model.settings, "module": model.state_dict()}
    save_checkpoint(path, content)


def load_policy(path: Path) -> GaussianPolicy | BehaviourPolicy:
    """Read a policy.

    Raises:
        DataError: There is none, or it is damaged.
    """
    return _model(path, GaussianPolicy, BehaviourPolicy)


def load_critics(path: Path) -> CriticScore:
    """Read critics that score candidates.

    Raises:
        DataError: There are none, or they are damaged.
    """
    return _model(path, CriticScore)


def load_reward(
    path: Path,
) -> SegmentReward | MixtureReward | PrincipledReward | EmbeddingReward | ImplicitProcessReward:
    """Read a reward of steps.

    Raises:
        DataError: There is none, or it is damaged.
    """
    return _model(path, SegmentReward, MixtureReward, PrincipledReward, EmbeddingReward, ImplicitProcessReward)


def save_embedding(path: Path, embedding: Embedding) -> None:
    """Write an embedding, with what it was made with if it is of recorded steps.

    Args:
        path: Where to.
        embedding: The embedding.

    Raises:
        DataError: The disk refused.
    """
    if isinstance(embedding, StepEmbedding):
        save_model(path, embedding)
    else:
        save_checkpoint(path, {"module": embedding.state_dict()})


def load_embedding(path: Path, make: Callable[[], Embedding]) -> Embedding:
    """Read an embedding.

    Args:
        path: Where it is.
        make: Makes it untrained, if the file does not say what it is of.

    Raises:
        DataError: There is none, or it is damaged.
        MismatchError: It is of another size.
    """
    if holds_model(path):
        return _model(path, StepEmbedding)
    embedding = make()
    load_weights(path, embedding)
    return embedding.eval()


def holds_model(path: Path) -> bool:
    """Whether a checkpoint says what its weights are of.

    Raises:
        DataError: There is none, or it is damaged.
    """
    return "kind" in load_checkpoint(path)


def _model(path: Path, *kinds: type[Model]) -> Model:
    content, names = load_checkpoint(path), [kind.__name__ for kind in kinds]
    held = str(content.get("kind", "checkpoint of another kind")).split("\n")[0]
    if held == "LearntReward" or (held in _KINDS and held not in _NEVER_OTHERWISE and "settings" not in content):
        raise DataError(f"{path} was written by an earlier version, in a form of its own; {_anew(path, held)}")
    if held not in names or held not in _KINDS:
        raise DataError(f"{path} holds a {held[:80]}, not a {' or '.join(names)}")
    try:
        settings, weights = content["settings"], content["module"]
        _require_small("", settings)
        with torch.device("meta"):
            require_alike(_KINDS[held].of(settings).state_dict(), weights)
        model: Model = _KINDS[held].of(settings)
        model.load_state_dict(weights)
    except UNREADABLE as error:
        raise DataError(
            f"{path} is damaged, or of another version ({reason_of(error)}); train again or restore a copy"
        ) from error
    return model.eval()


def _anew(path: Path, held: str) -> str:
    run = path.parent.parent
    if held == "LearntReward":
        return (
            f"train it again: robopref offline reward run={run}, or, if robopref online made it, in another run folder"
        )
    return (
        f"write it anew, without training: robopref offline train run={run}, with reward_key=reward_learnt if robopref "
        "offline made it from learnt rewards"
    )


def _require_small(name: str, value: Any) -> None:
    """Sizes are believed only so far, because a model is made of them before its weights are looked at."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == "keys":
                _require_names(inner)
            _require_small(str(key), inner)
    elif isinstance(value, list | tuple):
        if len(value) > (_LARGEST if name == "names" else _MOST):
            raise ValueError(f"{name} has {len(value)} entries")
        for inner in value:
            _require_small(name, inner)
    elif isinstance(value, int) and not isinstance(value, bool):
        if not 0 <= value <= (_MOST if name in _COUNTS else _LARGEST):
            raise ValueError(f"{name} is {value}")
    elif value is not None and not isinstance(value, str | float | bool):
        raise TypeError(f"{name} is a {type(value).__name__}")


def _require_names(keys: Any) -> None:
    if not isinstance(keys, list | tuple) or not keys or not all(isinstance(key, str) for key in keys):
        raise ValueError(f"keys are {str(keys)[:40]!r}, not names of arrays")
