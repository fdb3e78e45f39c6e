"""What a reward makes of all that a dataset holds: of candidates, or of recorded steps."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from robopref.data.episodes.store import EpisodeStore
from robopref.decisions import as_reward
from robopref.errors import DataError, TrainingError
from robopref.items import ACTION, Items
from robopref.protocols import Progress
from robopref.records import OUTCOME, Observation, is_outcome
from robopref.rewards.steps import as_step_reward, recorded_step_rewards

_STATES, _STEPS = 16, 256  # scored at once


@torch.no_grad()
def candidate_worth(
    reward: object, candidates: EpisodeStore, after: Observation | None = None, *, progress: Progress | None = None
) -> NDArray[np.float64]:
    """What a reward makes of candidates.

    Args:
        reward: A `Reward`, or a `CandidateScorer`.
        candidates: Of S states, see `robopref.data.episodes.candidate_store.open_candidates`.
        after: What was observed after each, parts (S, N, ...), for a reward that looks at outcomes.
        progress: Called with how many states are done of how many.

    Returns:
        (S, N), of which only differences within a state mean anything.

    Raises:
        DataError: It is not known what came of them.
        TrainingError: A score is not finite.
    """
    seen = {key: candidates.array(key) for key in as_reward(reward).keys if key != ACTION and not is_outcome(key)}
    chunks = np.asarray(candidates.array("candidates"), dtype=np.float32)
    return decision_worth(reward, Observation.of(seen), chunks=chunks, after=after, progress=progress)


@torch.no_grad()
def decision_worth(
    reward: object,
    seen: Observation,
    *,
    chunks: NDArray[np.float32] | None = None,
    after: Observation | None = None,
    progress: Progress | None = None,
) -> NDArray[np.float64]:
    """What a reward makes of candidates that were seen, see `candidate_worth`.

    Args:
        reward: A `Reward`, or a `CandidateScorer`.
        seen: What was observed in each state, parts (S, ...); those that the reward does not look at are left out.
        chunks: (S, N, H, A); may be left out for a reward that looks at no action.
        after: What was observed after each, parts (S, N, ...), for a reward that looks at outcomes.
        progress: Called with how many states are done of how many.

    Returns:
        (S, N).

    Raises:
        DataError: It is not known what was done, or what came of it.
        TrainingError: A score is not finite.
    """
    scoring, device = as_reward(reward), _device_of(reward)
    outcomes = {} if after is None else {f"{OUTCOME}{name}": part[:, :, None] for name, part in after.parts.items()}
    steps = {name: part[:, None, None] for name, part in seen.parts.items()} | outcomes
    arrays = {key: torch.as_tensor(part) for key, part in steps.items() if key in scoring.keys}
    if chunks is not None:
        arrays[ACTION] = torch.as_tensor(chunks)[:, :, None]
    shape = next((part.shape[:2] for key, part in arrays.items() if key == ACTION or is_outcome(key)), None)
    if shape is None:
        raise DataError(f"it is not known what was done, nor {', '.join(scoring.keys)}: nothing is there to be judged")
    found, states = np.zeros(shape), shape[0]
    for first in range(0, states, _STATES):
        rows = slice(first, first + _STATES)
        parts = {key: part[rows].to(device) for key, part in arrays.items()}
        weight = torch.ones((*found[rows].shape, 1), device=device)
        found[rows] = scoring.score(Items(parts, weight)).value.double().cpu().numpy()
        if progress is not None:
            progress(min(first + _STATES, states), states)
    return _finite(found)


def step_worth(reward: object, store: EpisodeStore, *, progress: Progress | None = None) -> NDArray[np.float64]:
    """What a reward makes of recorded steps; one of outcomes judges a step by the next.

    Args:
        reward: Whatever `as_step_reward` takes.
        store: Recorded episodes.
        progress: Called with how many steps are done of how many.

    Returns:
        (T,) of all steps of the store.

    Raises:
        ConfigError: The store lacks an array that the reward looks at.
        TrainingError: A reward is not finite.
    """
    stepwise, found = as_step_reward(reward), np.zeros(store.steps)
    for start in range(0, store.steps, _STEPS):
        stop = min(start + _STEPS, store.steps)
        found[start:stop] = recorded_step_rewards(stepwise, store, start, stop).double().cpu().numpy()
        if progress is not None:
            progress(stop, store.steps)
    return _finite(found)


def _device_of(reward: object) -> torch.device:
    parameter = next(reward.parameters(), None) if isinstance(reward, nn.Module) else None
    return torch.device("cpu") if parameter is None else parameter.device


def _finite(found: NDArray[np.float64]) -> NDArray[np.float64]:
    if not np.isfinite(found).all():
        raise TrainingError("what a reward says is not finite; train the reward again")
    return found
