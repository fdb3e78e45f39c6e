"""The symmetries of a task, applied to what came of decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from robopref.items import Items
from robopref.records import OUTCOME, ActionGeometry

_CHANGED = {"points", "proprio"}  # what a symmetry is known to do something to


def varied_outcomes(items: Items, geometry: ActionGeometry | None, points: int, generator: torch.Generator) -> Items:
    """What training sees of decisions and what came of them: some of the points, turned by a random symmetry.

    Each decision is turned by itself, since a state is as good as its mirror image; what was before it is turned alike.

    Args:
        items: With ``after.<part>`` arrays, and perhaps what was before, but no actions.
        geometry: Of the task; None turns nothing.
        points: Points kept of each cloud.
        generator: Source of randomness.
    """
    steps = {name: value.expand(*items.weight.shape, *value.shape[3:]) for name, value in items.steps.items()}
    for name in (key for key in steps if key.removeprefix(OUTCOME) == "points"):
        cloud = steps[name]
        if cloud.shape[3] > points:
            order = torch.rand(cloud.shape[:4], generator=generator, device=generator.device)
            kept = order.topk(points, dim=3, sorted=False).indices.to(cloud.device)
            steps[name] = cloud.gather(3, kept[..., None].expand(*kept.shape, cloud.shape[4]))
    if geometry is None or not _turnable(steps):
        return replace(items, steps=steps)
    size, device = items.weight.shape, items.weight.device
    choice = torch.randint(len(geometry.symmetry_points), size, generator=generator, device=generator.device)
    return replace(items, steps=_turned(steps, geometry, choice.to(device)))


def turned_outcomes(items: Items, geometry: ActionGeometry, turn: int) -> Items:
    """The same items as one symmetry of the task maps them; as they are, if it is not known what it does to a part.

    Args:
        items: With ``after.<part>`` arrays, and perhaps what was before, but no actions.
        geometry: Of the task.
        turn: Which symmetry.
    """
    if not _turnable(items.steps):
        return items
    steps = {name: value.expand(*items.weight.shape, *value.shape[3:]) for name, value in items.steps.items()}
    choice = torch.full(items.weight.shape, turn, device=items.weight.device)
    return replace(items, steps=_turned(steps, geometry, choice))


def _turnable(steps: Mapping[str, Tensor]) -> bool:
    return {name.removeprefix(OUTCOME) for name in steps} <= _CHANGED


def _turned(steps: Mapping[str, Tensor], geometry: ActionGeometry, choice: Tensor) -> dict[str, Tensor]:
    """Each (B, K, T, ...) array, turned by the symmetry that (B, K, T) says."""
    turned = dict(steps)
    for name, value in steps.items():
        if name.removeprefix(OUTCOME) == "points":
            turns = torch.as_tensor(geometry.symmetry_points, device=choice.device)[choice]
            turned[name] = torch.cat([value[..., :3] @ turns.mT, value[..., 3:]], dim=-1)
        elif geometry.symmetry_proprio is not None:
            turns = torch.as_tensor(geometry.symmetry_proprio, device=choice.device)[choice]
            turned[name] = torch.einsum("bktij,bktj->bkti", turns, value)
    return turned
