"""Rounds of sampling, judging and tuning: a policy that learns from its own candidates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from robopref.errors import ConfigError
from robopref.items import Comparisons
from robopref.labelers.subject import Session
from robopref.learning.candidate_files import Stage
from robopref.learning.fit import FitConfig
from robopref.learning.preference import Batches, train_reward
from robopref.policies.chunk_diffusion import ChunkDiffusion
from robopref.policies.draws import UniformDraw
from robopref.protocols import LiveFilter, Objective
from robopref.rewards.implicit import ImplicitReward

Gather = Callable[[ChunkDiffusion, torch.Generator], Comparisons]


def improve(
    reward: ImplicitReward,
    gather: Gather,
    objective: Objective,
    config: FitConfig,
    *,
    rounds: int,
    seed: int,
    batch_size: int = 32,
    points: int = 96,
    draws: UniformDraw | None = None,
    filters: Sequence[LiveFilter] = (),
    folder: Path | None = None,
    stage: Stage = Session.stage,
    after: Callable[[int, ChunkDiffusion], object] | None = None,
) -> ImplicitReward:
    """Let a policy draw candidates, have them judged, tune it on the answers, and start again.

    With a reference, every round's policy becomes the next one's reference: the previous iterate of iREPO (Le et al.
    2024), the behaviour policy of PACS (Li et al. 2025). Without one and with the objective `imitate`, it is RAFT (Dong
    et al. 2023) or self-consuming curation (Ferbach et al. 2024), by how `gather` chooses.

    Args:
        reward: Holds the policy that is tuned.
        gather: Draws candidates of the policy and has them judged; all its randomness comes from the generator.
        objective: Turns scores and answers into a loss.
        config: How to train in each round.
        rounds: Number of rounds.
        seed: Seed of everything.
        batch_size: States a step.
        points: Points kept of a training observation.
        draws: Noise draws of training; None leaves them to the reward.
        filters: Weigh, or smooth, what was judged by what the policy makes of it.
        folder: Where the state and logs of every round go; a run that was killed goes on from the last one.
        stage: Shows a bar of the training of a round.
        after: Called with the number of rounds done and the policy; what it gives is a reason to stop, if it is true.

    Returns:
        The reward.

    Raises:
        ConfigError: No rounds.
    """
    if rounds < 1:
        raise ConfigError(f"rounds must be at least 1, got {rounds}")
    device = reward.level_weight.device
    for index in range(rounds):
        # Training seeds its steps from multiples of a million; a negative seed meets none of them.
        generator = torch.Generator(device).manual_seed(-1 - seed * 10_007 - index)
        data = gather(reward.policy.eval(), generator)
        with stage(f"Round {index + 1}: train the policy", "steps") as bar:
            train_reward(
                reward, data, objective, config, seed=seed * 10_007 + index,
                folder=None if folder is None else folder / f"round-{index + 1}",
                batches=Batches(size=batch_size, points=points, draws=draws, filters=filters),
                progress=lambda step, _, bar=bar: bar(step, config.steps),
            )  # fmt: skip
        if reward.reference is not None:
            reward.refresh()
        if after is not None and after(index + 1, reward.policy):
            break
    return reward
