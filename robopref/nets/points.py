"""Point encoders, distances along an object, and the layer that describes points in an action's own frame."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from robopref.errors import ConfigError
from robopref.records import ActionGeometry, Observation

# Nodes times candidates that are related at once: what lies in between then stays within a processor's cache.
_BLOCK = 12288
_PATHS = 65536  # distances between nodes that are shortened at once, for the same reason


class Encoding(NamedTuple):
    """A state, encoded once and then related to any number of actions.

    Attributes:
        nodes: (B, P, 3) metres.
        tokens: (B, P, C).
        geodesic: (B, P, P) distance between nodes along the object, m.
        proprio: (B, D) normalised.
        origin: (B, L, 3) from where actions move the robot on, m; zeros where they name points by themselves.
    """

    nodes: Tensor
    tokens: Tensor
    geodesic: Tensor
    proprio: Tensor
    origin: Tensor

    @property
    def batch(self) -> int:
        """States B."""
        return len(self.nodes)

    @property
    def vector(self) -> Tensor:
        """(B, C + D) mean of the tokens, and proprioception."""
        return torch.cat([self.tokens.mean(1), self.proprio], dim=1)


class StateEncoder(nn.Module):
    """PointNet with global context and intrinsic features, run once per state.

    Every point goes through an MLP; the maximum and mean over the cloud go back to each node (Qi et al. 2017,
    segmentation form; the first stage is DP3's encoder, Ze et al. 2024). A node also knows its mean and largest
    distance to the others *along* the object, which tells the end of a rope from its middle however it is bent.

    Args:
        geometry: Its radius is the unit of length.
        proprio: Proprioception size D.
        width: Token size C.
        points: Points that are looked at; an observation with more is thinned evenly.
        nodes: Points that become tokens, at most `points`.

    Raises:
        ConfigError: A count is out of range, or the geometry is for another proprioception.
    """

    origin: Tensor
    proprio_mean: Tensor
    proprio_std: Tensor

    def __init__(self, geometry: ActionGeometry, proprio: int, *, width: int, points: int, nodes: int) -> None:
        super().__init__()
        if not 1 <= nodes <= points:
            raise ConfigError(f"need 1 <= nodes <= points, got nodes={nodes} and points={points}")
        origin = (
            np.zeros((len(geometry.labels), 3, proprio), np.float32) if geometry.origin is None else geometry.origin
        )
        if origin.shape[2] != proprio:
            raise ConfigError(f"geometry.origin is for a proprioception of {origin.shape[2]} numbers, got {proprio}")
        self.radius, self.width, self.points, self.nodes = geometry.radius, width, points, nodes
        self.register_buffer("origin", torch.as_tensor(origin), persistent=False)
        self.register_buffer("proprio_mean", torch.zeros(proprio))
        self.register_buffer("proprio_std", torch.ones(proprio))
        self.local = nn.Sequential(
            nn.Linear(3, width), nn.LayerNorm(width), nn.SiLU(), nn.Linear(width, width), nn.SiLU()
        )
        self.context = nn.Sequential(
            nn.Linear(3 * width + 2, width), nn.LayerNorm(width), nn.SiLU(), nn.Linear(width, width)
        )

    def normalize(self, proprio: Tensor) -> None:
        """Set proprioception statistics from data; they are saved with the weights.

        Args:
            proprio: (S, D) every step of the training data.
        """
        self.proprio_mean.copy_(proprio.mean(dim=0))
        std = proprio.std(dim=0, unbiased=False)
        # A constant reading carries nothing; dividing by its zero spread would.
        self.proprio_std.copy_(torch.where(std > 1e-4, std, torch.ones_like(std)))

    def forward(self, observation: Observation, known: Encoding | None = None) -> Encoding:
        """Encode a batch of observations.

        Args:
            observation: points (B, P', 3+C), the first three columns in metres, proprio (B, D).
            known: What an encoder that looks at as many points made of the same observation; distances along the
                object, which no weights go into, are taken from it.

        Returns:
            The encoding, for any number of calls with any number of chunks.
        """
        points = thin(observation.points[..., :3], self.points)
        nodes = thin(points, self.nodes)
        geodesic = geodesic_distances(nodes) if known is None else known.geodesic
        cloud = self.local(points / self.radius)
        # The nodes are among the points, so their features are among the points' features.
        local = thin(cloud, self.nodes)
        pooled = torch.cat([cloud.amax(dim=1), cloud.mean(dim=1)], dim=-1)[:, None].expand(-1, nodes.shape[1], -1)
        intrinsic = torch.stack([geodesic.amax(dim=2), geodesic.mean(dim=2)], dim=-1)
        tokens = self.context(torch.cat([local, pooled, intrinsic], dim=-1))
        proprio = (observation.proprio - self.proprio_mean) / self.proprio_std
        origin = torch.einsum("lxd,bd->blx", self.origin, observation.proprio)
        return Encoding(nodes, tokens, geodesic, proprio, origin)


def encoded_beside(encoder: Any, observation: Observation, other: object, known: object) -> Any:
    """Encode what another encoder, such as one of the same build with other weights, encoded before.

    Args:
        encoder: Of a policy.
        observation: What it observes, (B, ...) of each part.
        other: The other encoder.
        known: What that one made of the same observation; on a processor, a `StateEncoder` that looks at as many points
            need not look for distances along the object again, which takes most of its time.
    """
    if (
        isinstance(encoder, StateEncoder) and isinstance(other, StateEncoder) and isinstance(known, Encoding)
        and (encoder.points, encoder.nodes) == (other.points, other.nodes) and known.nodes.device.type == "cpu"
    ):  # fmt: skip
        return encoder(observation, known)
    return encoder(observation)


def thin(points: Tensor, count: int) -> Tensor:
    """Keep `count` of (B, P, C) points, evenly spaced in their order; fewer are kept as they are."""
    if points.shape[1] <= count:
        return points
    return points[:, torch.linspace(0, points.shape[1] - 1, count, device=points.device).long()]


class ActionFrame(nn.Module):
    """Describes every node relative to the anchors of an action, then pools over nodes.

    A global feature that is pooled before it meets the action cannot tell two nearby actions apart. Offsets to each
    anchor, soft nearness at several scales and the distance along the object from where the first anchor touches it
    can, for one light batched layer a candidate.

    Args:
        geometry: How actions name anchor points.
        horizon: Chunk horizon H; at most four evenly spaced steps of a chunk lend their anchors.
        width: Token size C.
        condition: Size F of the condition.
        scales: Standard deviations of the nearness features, m; the first one also says where an anchor touches the
            object, the middle one weighs the neighbourhood of an anchor.
    """

    steps: Tensor
    matrix: Tensor
    offset: Tensor
    precision: Tensor

    def __init__(
        self,
        geometry: ActionGeometry,
        *,
        horizon: int,
        width: int,
        condition: int,
        scales: tuple[float, float, float] = (0.02, 0.06, 0.2),
    ) -> None:
        super().__init__()
        steps = torch.linspace(0, horizon - 1, min(horizon, 4)).round().long()
        anchors = len(steps) * len(geometry.labels)
        self.radius = geometry.radius
        self.relative = geometry.origin is not None
        self.size = (2 + anchors) * width
        self.register_buffer("steps", steps, persistent=False)
        self.register_buffer("matrix", torch.as_tensor(geometry.matrix), persistent=False)
        self.register_buffer("offset", torch.as_tensor(geometry.offset), persistent=False)
        self.register_buffer("precision", 0.5 / torch.tensor(scales).square(), persistent=False)
        self.relate = nn.Linear(anchors * (3 + len(scales)) + 1 + len(scales), width)
        self.condition = nn.Linear(condition, width)
        self.mix = nn.Sequential(nn.SiLU(), nn.Linear(width, width), nn.SiLU())

    def forward(self, state: Encoding, actions: Tensor, condition: Tensor) -> Tensor:
        """Pool what the cloud looks like from each action.

        Args:
            state: Encoded states.
            actions: (B, N, H, A).
            condition: (B, N, F) anything else that the layer should know, such as the diffusion time.

        Returns:
            (B, N, (2 + L) C): mean, maximum, and the neighbourhood of each of L anchors.
        """
        count = max(1, _BLOCK // (state.nodes.shape[0] * state.nodes.shape[1]))
        if self.training or actions.device.type != "cpu" or actions.shape[1] <= count:
            return self.related(state, actions, condition)[1]
        blocks = zip(actions.split(count, dim=1), condition.split(count, dim=1), strict=True)
        return torch.cat([self.related(state, *block)[1] for block in blocks], dim=1)

    def related(self, state: Encoding, actions: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """What each node looks like from each action, before it is pooled.

        Args:
            state: Encoded states.
            actions: (B, N, H, A).
            condition: (B, N, F) as of `forward`.

        Returns:
            (B, N, P, C) nodes, and what `forward` pools of them, (B, N, (2 + L) C).
        """
        reached = actions.cumsum(dim=2) if self.relative else actions
        anchors = torch.einsum("lxa,bnha->bnhlx", self.matrix, reached[:, :, self.steps]) + self.offset
        anchors = anchors + state.origin[:, None, None]
        offsets = state.nodes[:, None, :, None] - anchors.flatten(2, 3)[:, :, None]  # (B, N, P, L, 3)
        squared = offsets.square().sum(-1, keepdim=True)
        nearness = torch.exp(-squared * self.precision)  # (B, N, P, L, 3)
        touch = torch.softmax(-squared[:, :, :, 0, 0] * self.precision[0], dim=2)  # (B, N, P)
        along = (touch @ state.geodesic)[..., None]  # (B, N, P, 1)
        parts = [
            (offsets / self.radius).flatten(-2),
            nearness.flatten(-2),
            along,
            torch.exp(-along.square() * self.precision),
        ]
        hidden = state.tokens[:, None] + self.relate(torch.cat(parts, dim=-1))
        hidden = self.mix(hidden + self.condition(condition)[:, :, None])
        weight = nearness[..., 1] / (nearness[..., 1].sum(dim=2, keepdim=True) + 1.0)
        around = weight.transpose(2, 3) @ hidden  # (B, N, L, C)
        return hidden, torch.cat([hidden.mean(dim=2), hidden.amax(dim=2), around.flatten(-2)], dim=-1)


@torch.no_grad()
def geodesic_distances(nodes: Tensor, *, largest: float = 2.0) -> Tensor:
    """Distances along an object that is only known by points on it.

    Shortest paths over the complete graph whose edges cost their length, times the square of how much longer than
    five median nearest-neighbour distances they are: paths follow the object where it is, and jump only where the
    camera left a gap (a density-weighted distance; Floyd 1962 for the paths).

    Args:
        nodes: (B, P, 3) metres.
        largest: Distances are cut off here, m.

    Returns:
        (B, P, P) metres.
    """
    distance = torch.cdist(nodes, nodes)
    count = nodes.shape[1]
    apart = distance + torch.eye(count, device=nodes.device) * largest
    spacing = apart.amin(dim=2).median(dim=1).values[:, None, None].clamp(min=1e-3)
    path = distance * (distance / (5 * spacing)).clamp(min=1).square()
    for part in path.split(max(1, _PATHS // count**2) if path.device.type == "cpu" else len(path)):
        for k in range(count):
            torch.minimum(part, part[:, :, k, None] + part[:, k, None, :], out=part)
    return path.clamp(max=largest)
