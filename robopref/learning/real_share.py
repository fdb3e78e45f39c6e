"""Demonstrations among what a policy imitates of itself, without which it forgets what it never samples."""

from __future__ import annotations

import torch
from torch import Tensor

from robopref.data.labels.comparisons import joined_candidates
from robopref.errors import ConfigError
from robopref.items import Comparisons
from robopref.records import Observation
from robopref.scores import SuccessTarget


def with_demonstrations(
    chosen: Comparisons, seen: Observation, chunks: Tensor, share: float, generator: torch.Generator
) -> Comparisons:
    """Add demonstrated chunks, which all succeed, to chosen candidates (Ferbach et al. 2024, "a share of real data").

    Args:
        chosen: Candidates of S states, and which of them succeed.
        seen: What was observed before D demonstrated chunks, (D, ...) of each part that the candidates have.
        chunks: (D, H, A).
        share: Of the states, in [0, 1), that are demonstrated in what comes of it.
        generator: Says which; each of them as often as any other, or once more.

    Returns:
        The candidates, and behind them ``share / (1 - share) * S`` demonstrated states with one chunk each.

    Raises:
        ConfigError: The share is out of range, or the candidates hold preferences.
    """
    if not 0 <= share < 1:
        raise ConfigError(f"the share of demonstrations must be in [0, 1), got {share}")
    if not isinstance(chosen.target, SuccessTarget):
        raise ConfigError("demonstrations say what succeeds, not which of two is better; add them to what is imitated")
    count = round(share / (1 - share) * len(chosen))
    if count == 0:
        return chosen
    order = torch.cat([torch.randperm(len(chunks), generator=generator) for _ in range(-(-count // len(chunks)))])
    rows = order[:count]
    real = Comparisons.of_successes(seen.map(lambda part: part[rows]), chunks[rows], chosen.geometry)
    return joined_candidates([chosen, real])
