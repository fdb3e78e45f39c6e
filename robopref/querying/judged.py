"""What rewards make of candidates: what selectors go by that look for what rewards do not know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from robopref.data.episode_formats.dataset import observed
from robopref.data.episodes.store import EpisodeStore
from robopref.records import Item, Observation
from robopref.rewards.worth import decision_worth


def judged_candidates(
    rewards: Sequence[object],
    candidates: EpisodeStore,
    *,
    after: Observation | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Callable[[Item], NDArray[np.float64]]:
    """Score all candidates by every reward.

    Args:
        rewards: E rewards, or scorers of candidates.
        candidates: States with ``candidates`` (S, N, H, A) and what was observed.
        after: What was observed after each, parts (S, N, ...), for rewards of outcomes.
        progress: Called with how many states are done of how many, those of each reward counted.

    Returns:
        What each reward makes of a candidate, (E,); the mean of a state is zero, for preferences leave it open.

    Raises:
        DataError: A reward looks at what is not known.
    """
    chunks = np.asarray(candidates.array("candidates"), dtype=np.float32)
    names = observed(candidates.keys, candidates.attrs)
    seen = Observation.of({name: torch.as_tensor(candidates.array(name)) for name in names})
    scores = np.zeros((len(rewards), *chunks.shape[:2]))
    with torch.no_grad():
        for k, reward in enumerate(rewards):
            told = None if progress is None else partial(_told, progress, k, len(rewards))
            scores[k] = decision_worth(reward, seen, chunks=chunks, after=after, progress=told)
    scores -= scores.mean(axis=2, keepdims=True)
    return lambda item: scores[:, item.start, int(item.candidate or 0)]


def _told(progress: Callable[[int, int], None], before: int, rewards: int, done: int, states: int) -> None:
    progress(before * states + done, rewards * states)
