"""Policies and rewards of offline learning on disk; their sizes are read off their weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor, nn

from robopref.errors import DataError
from robopref.learning.checkpoint import load_checkpoint, save_checkpoint
from robopref.nets.state import StateNetwork, StateNormalizer
from robopref.policies.behaviour import BehaviourPolicy, DiffusionActor
from robopref.policies.gaussian import GaussianActor, GaussianPolicy
from robopref.rewards.critic import CriticScore
from robopref.rewards.labelled import LabelledSteps
from robopref.rewards.segment import LearntReward, SegmentReward

Model = TypeVar("Model", bound=nn.Module)


def save_model(path: Path, model: GaussianPolicy | BehaviourPolicy | CriticScore | LearntReward) -> None:
    """Write a model and what it looks at.

    Args:
        path: Where to.
        model: The model.

    Raises:
        DataError: The disk refused.
    """
    looks = model.network if isinstance(model, LearntReward) else model.normalizer
    keys = model.keys if isinstance(model, LearntReward) else model.normalizer.keys
    content = {"kind": type(model).__name__, "module": model.state_dict(), "keys": list(keys), "points": looks.points}
    if isinstance(model, BehaviourPolicy):
        content["steps"] = model.steps
    save_checkpoint(path, content)


def load_policy(path: Path) -> GaussianPolicy | BehaviourPolicy:
    """Read a policy.

    Raises:
        DataError: There is none, or it is damaged.
    """
    normalizer, content = _opened(path, "GaussianPolicy", "BehaviourPolicy")
    weights = content["module"]
    hidden, encoder = _sizes(weights, "actor.network.head"), _sizes(weights, "actor.network.encoder.network")
    sizes: dict[str, Any] = {"hidden": hidden[1:-1], "encoder": encoder[1:]}
    if content["kind"] == "GaussianPolicy":
        return _filled(path, GaussianPolicy(normalizer, GaussianActor(normalizer.size, hidden[-1], **sizes)), weights)
    actor = DiffusionActor(normalizer.size, hidden[-1], **sizes, levels=len(weights["actor.alphas"]))
    return _filled(path, BehaviourPolicy(normalizer, actor, steps=int(content["steps"])), weights)


def load_critics(path: Path) -> CriticScore:
    """Read critics that score candidates.

    Raises:
        DataError: There are none, or they are damaged.
    """
    normalizer, content = _opened(path, "CriticScore")
    weights = content["module"]
    hidden, encoder = _sizes(weights, "critic.head"), _sizes(weights, "critic.encoder.network")
    extra = hidden[0] - normalizer.size - (encoder[-1] if encoder else 0)
    heads = len(weights["critic.head.weights.0"])
    critic = StateNetwork(normalizer.size, 1, extra=extra, heads=heads, hidden=hidden[1:-1], encoder=encoder[1:])
    return _filled(path, CriticScore(normalizer, critic), weights)


def load_reward(path: Path, *, pessimism: float = 0.0) -> LearntReward:
    """Read a reward of steps.

    Args:
        path: Where from.
        pessimism: See `LearntReward`.

    Raises:
        DataError: There is none, or it is damaged.
    """
    content = _content(path, "LearntReward")
    weights = content["module"]
    hidden, encoder = _sizes(weights, "network.network"), _sizes(weights, "network.encoder.network")
    reward = SegmentReward(
        len(weights["network.mean"]), width=hidden[1], members=len(weights["network.network.weights.0"]),
        encoder=encoder[1:], points=int(content["points"]),
    )  # fmt: skip
    kept = weights.get("labelled.kept")
    labelled = None if kept is None else LabelledSteps(*kept.shape)
    return _filled(path, LearntReward(reward, content["keys"], pessimism=pessimism, labelled=labelled), weights)


def _opened(path: Path, *kinds: str) -> tuple[StateNormalizer, dict[str, Any]]:
    content = _content(path, *kinds)
    size = len(content["module"]["normalizer.mean"])
    return StateNormalizer(content["keys"], size, int(content["points"])), content


def _content(path: Path, *kinds: str) -> dict[str, Any]:
    content = load_checkpoint(path)
    if content.get("kind") not in kinds:
        held = content.get("kind", "checkpoint of another kind")
        raise DataError(f"{path} holds a {held}, not a {' or '.join(kinds)}")
    return content


def _sizes(weights: dict[str, Tensor], prefix: str) -> list[int]:
    """Sizes of a stacked perceptron, empty if there is none of that name."""
    layers = [weights[f"{prefix}.weights.{k}"] for k in range(len(weights)) if f"{prefix}.weights.{k}" in weights]
    return [layers[0].shape[1], *(layer.shape[2] for layer in layers)] if layers else []


def _filled(path: Path, model: Model, weights: dict[str, Tensor]) -> Model:
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise DataError(f"{path} is damaged ({str(error).splitlines()[-1].strip()}); train again") from error
    return model.eval()
