"""The network of a run's learnt dynamics: untrained, and as it was trained."""

from __future__ import annotations

from pathlib import Path

import torch

from robopref.cli.context import Context
from robopref.errors import ConfigError, DataError, PolicyError
from robopref.learning.checkpoint import load_weights
from robopref.learning.cloud_transitions import SEEN
from robopref.nets.cloud_dynamics import CloudDynamics
from robopref.policies.abilities import history_of, observed_by
from robopref.protocols import ChunkPolicy

FOLDER = "dynamics"  # within a run folder


def weights_of(context: Context) -> Path:
    """Where the weights are that were trained on what became of actions."""
    return context.folder / FOLDER / "weights.pt"


def require_imaginable(policy: ChunkPolicy) -> None:
    """Demand a policy of which outcomes can be imagined.

    Raises:
        PolicyError: Its actions name no points, or it sees something that is not imagined.
    """
    others = [part for part in observed_by(policy) if part not in SEEN]
    seen = history_of(policy)
    if policy.geometry is not None and not others and seen == 1:
        return
    reason = (
        f"sees {others[0]}" if others else f"sees the last {seen} observations" if seen > 1 else "has no such geometry"
    )
    raise PolicyError(
        "a learnt dynamics moves the points of one cloud under actions that name points in space, and imagines points "
        f"and proprio alone; this policy {reason}"
    )


def new_network(context: Context) -> CloudDynamics:
    """A network that is not trained, of the sizes that the settings say; its first weights depend on the seed.

    Args:
        context: Of the run.

    Raises:
        PolicyError: See `require_imaginable`.
        ConfigError: There are more nodes than points.
    """
    policy, config = context.policy(), context.config.imagine
    if config.nodes > config.points:
        raise ConfigError(f"imagine.nodes must be at most imagine.points={config.points}, got {config.nodes}")
    require_imaginable(policy)
    assert policy.geometry is not None
    torch.manual_seed(context.seed)
    network = CloudDynamics(
        policy.geometry, len(policy.proprio_mean), horizon=policy.shape[0], width=int(config.width),
        points=int(config.points), nodes=int(config.nodes),
    )  # fmt: skip
    network.encoder.proprio_mean.copy_(policy.proprio_mean)
    network.encoder.proprio_std.copy_(policy.proprio_std)
    return network.to(context.device)


def load_network(context: Context) -> CloudDynamics:
    """The network that was trained on what became of actions, in eval mode.

    Args:
        context: Of the run.

    Raises:
        DataError: It is not trained.
        MismatchError: It was trained with other sizes, or for another policy.
    """
    path = weights_of(context)
    if not path.exists():
        raise DataError(f"no learnt dynamics at {path}; run: robopref train dynamics run={context.folder}")
    network = new_network(context)
    load_weights(path, network)
    return network.eval()
