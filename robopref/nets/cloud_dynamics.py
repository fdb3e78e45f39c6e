"""A dynamics of clouds: where every node of a point cloud goes under an action, and what is felt afterwards."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from robopref.nets.points import ActionFrame, StateEncoder, thin
from robopref.records import ActionGeometry, Observation

_REACH = 0.5  # of the radius, by which an output of one moves a node


class Imagined(NamedTuple):
    """What is expected after chunks.

    Attributes:
        points: (B, N, P, 3+C) the nodes, in the order of the cloud that they were taken from, m; the C further numbers
            of each stay.
        proprio: (B, N, D).
    """

    points: Tensor
    proprio: Tensor


class CloudDynamics(nn.Module):
    """Displaces the nodes of a cloud, each by what it looks like from the anchors of an action and by the whole cloud.

    A displacement needs no correspondence to be learnt, since the Chamfer distance to the cloud that was observed
    afterwards has none, and begins at "nothing moves". The proprioception afterwards is that before and a change, which
    the same description of the action gives: where a chunk ends is in its anchors, whether it grasped in the nodes
    around them.

    Args:
        geometry: How actions name anchor points.
        proprio: Proprioception size D.
        horizon: Chunk horizon H.
        width: Token size C.
        points: Points that are looked at; an observation with more is thinned evenly.
        nodes: Points that are displaced, at most `points`.
    """

    def __init__(
        self,
        geometry: ActionGeometry,
        proprio: int,
        *,
        horizon: int = 1,
        width: int = 64,
        points: int = 96,
        nodes: int = 96,
    ) -> None:
        super().__init__()
        given = horizon * geometry.matrix.shape[2] + proprio
        self.radius = geometry.radius
        self.encoder = StateEncoder(geometry, proprio, width=width, points=points, nodes=nodes)
        self.frame = ActionFrame(geometry, horizon=horizon, width=width, condition=given)
        self.context = nn.Sequential(nn.Linear(self.frame.size + given, width), nn.SiLU(), nn.Linear(width, width))
        displaced, felt = nn.Linear(width, 3), nn.Linear(width, proprio)
        self.move = nn.Sequential(
            nn.Linear(2 * width, width), nn.LayerNorm(width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), displaced
        )  # fmt: skip
        self.feel = nn.Sequential(nn.SiLU(), felt)
        for last in (displaced, felt):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(self, observation: Observation, actions: Tensor) -> Imagined:
        """Imagine what comes of chunks; each state is encoded once.

        Args:
            observation: points (B, P', 3+C), the first three columns in metres, proprio (B, D).
            actions: (B, N, H, A).
        """
        state = self.encoder(observation)
        given = torch.cat([actions.flatten(2), state.proprio[:, None].expand(-1, actions.shape[1], -1)], dim=-1)
        hidden, pooled = self.frame.related(state, actions, given)
        whole = self.context(torch.cat([pooled, given], dim=-1))
        known = torch.cat([hidden, whole[:, :, None].expand(-1, -1, hidden.shape[2], -1)], dim=-1)
        points = state.nodes[:, None] + _REACH * self.radius * self.move(known)
        if observation.points.shape[-1] > 3:
            rest = thin(thin(observation.points[..., 3:], self.encoder.points), self.encoder.nodes)
            points = torch.cat([points, rest[:, None].expand(*points.shape[:3], -1)], dim=-1)
        return Imagined(points, observation.proprio[:, None] + self.encoder.proprio_std * self.feel(whole))


def chamfer(first: Tensor, second: Tensor) -> Tensor:
    """Chamfer distance of clouds: how far the nearest point of the other one is, on average, of both directions.

    Args:
        first: (..., P, 3), m.
        second: (..., Q, 3), m.

    Returns:
        (...), m: half the sum that is often given (Fan et al. 2017, there of squares), so that it is a
        distance.
    """
    apart = torch.cdist(first, second)
    return 0.5 * (apart.amin(dim=-1).mean(dim=-1) + apart.amin(dim=-2).mean(dim=-1))
