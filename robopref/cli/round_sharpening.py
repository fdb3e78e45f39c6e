"""What a policy imitates in a round where a reward of actions chooses it, from candidates that nobody carries out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from robopref.cli.context import Context
from robopref.cli.round_folders import rounds_of
from robopref.decisions import as_scorer
from robopref.evaluation.compare import write_arrays
from robopref.evaluation.stored_arrays import load_arrays, require_form
from robopref.items import ACTION, Comparisons
from robopref.learning.sharpening import chosen_by_reward
from robopref.policies.chunk_diffusion import ChunkDiffusion
from robopref.records import Observation
from robopref.seeding import derive


def sharpened(
    context: Context,
    index: int,
    states: Callable[[int, torch.Generator], Observation],
    policy: ChunkDiffusion,
    reward: nn.Module,
    operator: Any,
) -> Comparisons:
    """What a reward of actions chooses of fresh candidates, in states of all rounds and others that they led to.

    Args:
        context: Of the command.
        index: Of the round that learns from it.
        states: What was observed in the states of all rounds, and in so many others, which the generator draws.
        policy: Draws candidates.
        reward: Of actions.
        operator: From the share of others that each candidate is better than to what is imitated.

    Returns:
        One candidate of each state; read back if it was chosen before.

    Raises:
        DataError: What was chosen before is damaged.
    """
    config = context.config.improve.sharpen
    path = rounds_of(context) / str(index) / "imitated.npz"
    generator = torch.Generator(context.device).manual_seed(derive(context.seed, "sharpening", index))
    seen = states(int(config.states), generator)
    if path.exists():
        return _chosen_before(path, seen, policy)
    with context.stage("Choose what is imitated", "states") as bar:
        found = chosen_by_reward(
            policy, as_scorer(reward), seen, operator, candidates=int(config.candidates), generator=generator,
            progress=bar,
        )  # fmt: skip
    write_arrays(path, {"chunks": found.items.part(ACTION)[:, 0, 0].numpy()})
    return found


def _chosen_before(path: Path, seen: Observation, policy: ChunkDiffusion) -> Comparisons:
    stored = load_arrays(path, f"remove it, so that it is chosen again: {path}")
    count = len(next(iter(seen.parts.values())))
    require_form(path, "chunks", stored.get("chunks", np.zeros(0)), (count, *policy.shape))
    return Comparisons.of_successes(seen, torch.as_tensor(stored["chunks"].astype(np.float32)), policy.geometry)
