"""A learnt dynamics of clouds in place of a simulator; its states are observations."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from robopref.data.episodes.augment import transform
from robopref.interaction import Outcome
from robopref.nets.cloud_dynamics import CloudDynamics
from robopref.records import ActionGeometry, Observation


class LearntDynamics:
    """Imagines what is observed after chunks: points and proprioception, nothing else.

    Args:
        network: Displaces the points.
        geometry: Holds the symmetries of the task; None where none are known.
        symmetric: Whether what is imagined of a state and of its mirror images is averaged, so that equivalent chunks
            lead to equivalent outcomes; it takes as many times as long as there are symmetries.
    """

    observes = imagines = ("points", "proprio")

    def __init__(self, network: CloudDynamics, geometry: ActionGeometry | None, *, symmetric: bool = True) -> None:
        self.network = network.eval()
        self.geometry = geometry if symmetric else None

    @property
    def device(self) -> torch.device:
        """Where it is computed."""
        return next(self.network.parameters()).device

    @torch.no_grad()
    def imagine(self, observation: Observation, chunks: Tensor) -> Observation:
        """Imagine what is observed after chunks.

        Args:
            observation: points (B, P, 3+C), proprio (B, D).
            chunks: (B, N, H, A).

        Returns:
            points (B, N, P', 3+C) of the P' nodes, of which the C further numbers stay; proprio (B, N, D).
        """
        seen = Observation(observation.points, observation.proprio)
        if self.geometry is None:
            return Observation(*self.network(seen, chunks))
        turns = [self._turned(seen, chunks, self.geometry, turn) for turn in range(len(self.geometry.symmetry_points))]
        points, proprio = (torch.stack([one.part(name) for one in turns]).mean(0) for name in ("points", "proprio"))
        return Observation(points, proprio)

    def advance(self, states: Sequence[Observation], chunks: Tensor) -> Outcome:
        """Imagine (N, H, A) chunks, one from each of N states; what is one object is encoded once.

        Args:
            states: Observations of one state each, points (P, 3+C), proprio (D,).
            chunks: What is carried out.

        Returns:
            What is imagined. Nothing says what the task would reward, nor whether it is over: 0, and never.
        """
        runs = _runs(states)
        each = len(states) // len(runs)
        alike = all(count == each for _, count in runs)
        first = [state for state, _ in runs] if alike else list(states)
        seen = Observation.of(
            {
                name: torch.stack([torch.as_tensor(state.part(name), device=chunks.device) for state in first])
                for name in ("points", "proprio")
            }
        )
        came = self.imagine(seen, chunks.unflatten(0, (len(first), -1))).map(lambda part: part.flatten(0, 1))
        after = [came.map(lambda part, k=k: part[k]) for k in range(len(chunks))]
        over = torch.zeros(len(chunks), dtype=torch.bool)
        return Outcome(after, came, torch.zeros(len(chunks)), over)

    def _turned(self, seen: Observation, chunks: Tensor, geometry: ActionGeometry, turn: int) -> Observation:
        """What is imagined of a mirror image, mirrored back."""
        choice = torch.full((len(chunks),), turn, device=chunks.device)
        after = Observation(*self.network(*transform(seen, chunks, geometry, choice)))
        back = torch.as_tensor(geometry.symmetry_points[turn], device=chunks.device)  # orthogonal
        points = torch.cat([after.points[..., :3] @ back, after.points[..., 3:]], dim=-1)
        if geometry.symmetry_proprio is None:
            return Observation(points, after.proprio)
        mirror = torch.as_tensor(geometry.symmetry_proprio[turn], device=chunks.device)
        return Observation(points, after.proprio @ torch.linalg.inv(mirror).T)


def _runs(states: Sequence[Observation]) -> list[tuple[Observation, int]]:
    """Each object in a row, and how many times it comes."""
    found: list[tuple[Observation, int]] = []
    for state in states:
        if found and found[-1][0] is state:
            found[-1] = (state, found[-1][1] + 1)
        else:
            found.append((state, 1))
    return found
