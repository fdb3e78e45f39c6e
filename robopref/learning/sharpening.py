"""What a reward of actions makes of fresh candidates of a policy, without anything being carried out."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from robopref.data.labels.target_operators import believe, operated
from robopref.errors import ConfigError
from robopref.items import Comparisons
from robopref.policies.chunk_diffusion import ChunkDiffusion
from robopref.protocols import CandidateScorer, Progress
from robopref.records import Observation
from robopref.scores import SuccessTarget

_AT_ONCE = 512  # candidates that are drawn and scored in one batch


@torch.no_grad()
def chosen_by_reward(
    policy: ChunkDiffusion,
    scorer: CandidateScorer,
    seen: Observation,
    operator: Callable[[Tensor], SuccessTarget],
    *,
    candidates: int,
    generator: torch.Generator,
    progress: Progress | None = None,
) -> Comparisons:
    """What an operator chooses by a reward of actions, of candidates that a policy draws in states.

    The best of N by a reward that is a smooth function of the state is easier to imitate than the best of a few by what
    came of them, which is half chance; and where nothing has to be carried out, there are as many states and candidates
    as one likes (best-of-K imitation with such a reward is RAFT, Dong et al. 2023).

    Args:
        policy: Draws candidates.
        scorer: The reward of actions.
        seen: What was observed in S states, (S, ...) of each part.
        operator: From the share of the other candidates that each is better than by the reward's own belief, (S, N), to
            what is to be imitated.
        candidates: N in each state, at least 2.
        generator: Source of the policy's noise, on its device.
        progress: Called with states done and states there are.

    Returns:
        The chosen candidates of each state.

    Raises:
        ConfigError: Fewer than two candidates have nothing to choose from.
    """
    if candidates < 2:
        raise ConfigError(f"a choice needs at least 2 candidates, got {candidates}")
    total, size = len(next(iter(seen.parts.values()))), max(1, _AT_ONCE // candidates)
    chunks, values = list[Tensor](), list[Tensor]()
    for begin in range(0, total, size):
        part = seen.map(lambda array, begin=begin: array[begin : begin + size].to(generator.device))
        drawn = policy.sample(part, candidates, generator=generator)
        chunks.append(drawn.cpu())
        values.append(scorer.score(part, drawn).value.cpu())
        if progress is not None:
            progress(min(begin + size, total), total)
    judged = Comparisons.of_candidates(seen, torch.cat(chunks), believe(torch.cat(values)), policy.geometry)
    return operated(judged, operator)
