"""What rewards make of candidates: what selectors go by that look for what rewards do not know."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from robopref.data.episode_formats.dataset import observed
from robopref.data.episodes.store import EpisodeStore
from robopref.protocols import CandidateScorer
from robopref.records import Item, Observation

_STATES = 16  # scored at once


def judged_candidates(
    scorers: Sequence[CandidateScorer],
    candidates: EpisodeStore,
    *,
    device: torch.device | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Callable[[Item], NDArray[np.float64]]:
    """Score all candidates by every scorer.

    Args:
        scorers: E scorers.
        candidates: States with ``candidates`` (S, N, H, A) and what was observed.
        device: Of the scorers.
        progress: Called with how many states are done of how many.

    Returns:
        What each scorer makes of a candidate, (E,); the mean of a state is zero, for preferences leave it open.
    """
    chunks = np.asarray(candidates.array("candidates"), dtype=np.float32)
    parts = {name: candidates.array(name) for name in observed(candidates.keys, candidates.attrs)}
    scores = np.zeros((len(scorers), *chunks.shape[:2]))
    with torch.no_grad():
        for first in range(0, len(chunks), _STATES):
            rows = slice(first, first + _STATES)
            seen = Observation.of({name: torch.as_tensor(part[rows], device=device) for name, part in parts.items()})
            actions = torch.as_tensor(chunks[rows], device=device)
            for k, scorer in enumerate(scorers):
                scores[k, rows] = scorer.score(seen, actions).value.double().cpu().numpy()
            if progress is not None:
                progress(min(first + _STATES, len(chunks)), len(chunks))
    scores -= scores.mean(axis=2, keepdims=True)
    return lambda item: scores[:, item.start, int(item.candidate or 0)]
