"""Training-time variation of observations: which points were seen, and the symmetries of the task."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from robopref.records import ActionGeometry, Observation


def augment(
    observation: Observation, actions: Tensor, geometry: ActionGeometry, points: int, generator: torch.Generator
) -> tuple[Observation, Tensor]:
    """Keep a random subset of points and apply a random symmetry to points and actions alike.

    Args:
        observation: points (B, P, 3+C), proprio (B, D); of the last T observations (B, T, P, 3+C), (B, T, D).
        actions: (B, ..., A).
        geometry: Holds the symmetries.
        points: Points to keep.
        generator: Source of randomness.

    Returns:
        The varied observation, points (B, points, 3+C), and actions.
    """
    cloud, device = observation.points, observation.points.device
    order = torch.rand(cloud.shape[:-1], generator=generator, device=device).argsort(dim=-1)[..., :points]
    cloud = cloud.gather(-2, order[..., None].expand(*order.shape, cloud.shape[-1]))
    choice = torch.randint(len(geometry.symmetry_points), (len(cloud),), generator=generator, device=device)
    return transform(replace(observation, points=cloud), actions, geometry, choice)


def transform(
    observation: Observation, actions: Tensor, geometry: ActionGeometry, choice: Tensor
) -> tuple[Observation, Tensor]:
    """Apply one symmetry to each state of a batch.

    Args:
        observation: points (B, P, 3+C), proprio (B, D); of the last T observations (B, T, P, 3+C), (B, T, D).
        actions: (B, ..., A).
        geometry: Holds the symmetries.
        choice: (B,) which symmetry.

    Returns:
        The transformed observation, of whose points the C further numbers stay, and actions.
    """
    turn_points = torch.as_tensor(geometry.symmetry_points, device=actions.device)[choice]
    turn_actions = torch.as_tensor(geometry.symmetry_actions, device=actions.device)[choice]
    proprio = observation.proprio
    if geometry.symmetry_proprio is not None:
        turn_proprio = torch.as_tensor(geometry.symmetry_proprio, device=actions.device)[choice]
        proprio = torch.einsum("bij,b...j->b...i", turn_proprio, proprio)
    points = torch.einsum("bij,b...j->b...i", turn_points, observation.points[..., :3])
    if observation.points.shape[-1] > 3:
        points = torch.cat([points, observation.points[..., 3:]], dim=-1)
    turned = torch.einsum("bij,b...j->b...i", turn_actions, actions)
    return replace(observation, points=points, proprio=proprio), turned
