"""Policies and rewards of offline learning on disk; their sizes are read off their weights."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor, nn

from robopref.errors import DataError
from robopref.learning.checkpoint import UNREADABLE, load_checkpoint, reason_of, save_checkpoint
from robopref.nets.clouds import CloudEncoder
from robopref.nets.history import CausalTransformer
from robopref.nets.images import ImageEncoder
from robopref.nets.state import StateNetwork, StateNormalizer
from robopref.policies.behaviour import BehaviourPolicy, DiffusionActor
from robopref.policies.gaussian import GaussianActor, GaussianPolicy
from robopref.rewards.critic import CriticScore
from robopref.rewards.labelled import LabelledSteps
from robopref.rewards.segment import LearntReward, SegmentReward

_ENCODERS = {kind.__name__: kind for kind in (CloudEncoder, ImageEncoder)}
Model = TypeVar("Model", bound=nn.Module)


def save_model(path: Path, model: GaussianPolicy | BehaviourPolicy | CriticScore | LearntReward) -> None:
    """Write a model and what it looks at.

    Args:
        path: Where to.
        model: The model.

    Raises:
        DataError: The disk refused.
    """
    content: dict[str, Any] = {"kind": type(model).__name__, "module": model.state_dict()}
    if isinstance(model, LearntReward):
        content["keys"] = list(model.keys)
        for name, made in (("encoder", model.network.encoder), ("history", model.network.history)):
            content[name] = None if made is None else {"kind": type(made).__name__, **made.settings}
    else:
        content |= {"keys": list(model.normalizer.keys), "points": model.normalizer.points}
    if isinstance(model, BehaviourPolicy):
        content["steps"] = model.steps
    save_checkpoint(path, content)


def load_policy(path: Path) -> GaussianPolicy | BehaviourPolicy:
    """Read a policy.

    Raises:
        DataError: There is none, or it is damaged.
    """
    content = _content(path, "GaussianPolicy", "BehaviourPolicy")
    with _described(path):
        return _policy(content)


def _policy(content: dict[str, Any]) -> GaussianPolicy | BehaviourPolicy:
    normalizer = _normalizer(content)
    weights = content["module"]
    hidden, encoder = _sizes(weights, "actor.network.head"), _sizes(weights, "actor.network.encoder.network")
    sizes: dict[str, Any] = {"hidden": hidden[1:-1], "encoder": encoder[1:]}
    if content["kind"] == "GaussianPolicy":
        return _filled(GaussianPolicy(normalizer, GaussianActor(normalizer.size, hidden[-1], **sizes)), weights)
    actor = DiffusionActor(normalizer.size, hidden[-1], **sizes, levels=len(weights["actor.alphas"]))
    return _filled(BehaviourPolicy(normalizer, actor, steps=int(content["steps"])), weights)


def load_critics(path: Path) -> CriticScore:
    """Read critics that score candidates.

    Raises:
        DataError: There are none, or they are damaged.
    """
    content = _content(path, "CriticScore")
    with _described(path):
        return _critics(content)


def _critics(content: dict[str, Any]) -> CriticScore:
    normalizer = _normalizer(content)
    weights = content["module"]
    hidden, encoder = _sizes(weights, "critic.head"), _sizes(weights, "critic.encoder.network")
    extra = hidden[0] - normalizer.size - (encoder[-1] if encoder else 0)
    heads = len(weights["critic.head.weights.0"])
    critic = StateNetwork(normalizer.size, 1, extra=extra, heads=heads, hidden=hidden[1:-1], encoder=encoder[1:])
    return _filled(CriticScore(normalizer, critic), weights)


def load_reward(path: Path, *, pessimism: float = 0.0) -> LearntReward:
    """Read a reward of steps.

    Args:
        path: Where from.
        pessimism: See `LearntReward`.

    Raises:
        DataError: There is none, or it is damaged.
    """
    content = _content(path, "LearntReward")
    with _described(path):
        return _reward(content, pessimism)


def _reward(content: dict[str, Any], pessimism: float) -> LearntReward:
    weights, members = content["module"], len(content["module"]["network.network.weights.0"])
    channels = len(weights["network.mean"])
    encoder = None
    if content["encoder"] is not None:
        given = dict(content["encoder"])
        encoder = _ENCODERS[given.pop("kind")](members, **given)
    history = None
    if content["history"] is not None:
        given = {name: value for name, value in content["history"].items() if name != "kind"}
        history = CausalTransformer(members, channels + (0 if encoder is None else encoder.size), **given)
    width = _sizes(weights, "network.network")[1]
    reward = SegmentReward(channels, width=width, members=members, encoder=encoder, history=history)
    kept = weights.get("labelled.kept")
    labelled = None if kept is None else LabelledSteps(*kept.shape)
    return _filled(LearntReward(reward, content["keys"], pessimism=pessimism, labelled=labelled), weights)


def _normalizer(content: dict[str, Any]) -> StateNormalizer:
    return StateNormalizer(content["keys"], len(content["module"]["normalizer.mean"]), int(content["points"]))


@contextmanager
def _described(path: Path) -> Generator[None]:
    """What is stored of a model's sizes may be of another form, or not belong to its weights."""
    try:
        yield
    except UNREADABLE as error:
        raise DataError(f"{path} is damaged ({reason_of(error)}); train again or restore a copy") from error


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


def _filled(model: Model, weights: dict[str, Tensor]) -> Model:
    model.load_state_dict(weights)
    return model.eval()
