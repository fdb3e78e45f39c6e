"""Chunks that were carried out, with the clouds before and after them: what a dynamics of clouds is learnt from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from robopref.data.episodes.candidate_store import open_candidates
from robopref.data.episodes.store import EpisodeStore
from robopref.data.episodes.time_gaps import stretch_ends
from robopref.learning.candidate_files import known_outcomes
from robopref.records import Observation
from robopref.seeding import derive

SEEN = ("points", "proprio")  # parts of an observation that are imagined
_MOST = 20_000  # of the recorded steps, evenly spaced, that are kept in memory


@dataclass(frozen=True)
class CloudTransitions:
    """Chunks of one source that were carried out.

    Attributes:
        name: Of the source.
        before: points (S, P, 3+C), proprio (S, D).
        actions: (S, K, H, A) what was carried out from each of the S states.
        after: points (S, K, P', 3+C), proprio (S, K, D).
        group: (S,) states with the same number belong together, and are held out together.
    """

    name: str
    before: Observation
    actions: Tensor
    after: Observation
    group: Tensor

    def __len__(self) -> int:
        """Transitions S K."""
        return self.actions.shape[0] * self.actions.shape[1]

    @property
    def compared(self) -> bool:
        """Whether several chunks were carried out from each state."""
        return self.actions.shape[1] > 1

    def __getitem__(self, rows: Tensor) -> CloudTransitions:
        """Those of some of the states."""
        return replace(
            self, before=self.before.map(lambda part: part[rows]), actions=self.actions[rows],
            after=self.after.map(lambda part: part[rows]), group=self.group[rows],
        )  # fmt: skip

    def to(self, device: torch.device) -> CloudTransitions:
        """The same on a device."""
        return replace(
            self, before=self.before.map(lambda part: part.to(device)), actions=self.actions.to(device),
            after=self.after.map(lambda part: part.to(device)), group=self.group.to(device),
        )  # fmt: skip

    def described(self) -> list[Tensor]:
        """What tells these from others."""
        return [self.actions, *self.after.parts.values()]


def candidate_transitions(candidates: Path, outcomes: Path, shape: tuple[int, int]) -> CloudTransitions | None:
    """Candidates of a run as far as they have been carried out.

    Args:
        candidates: See `robopref.data.episodes.candidate_store.open_candidates`.
        outcomes: What was observed after them.
        shape: Of a chunk, (H, A).

    Returns:
        The transitions; None if there are none with points and proprioception, or chunks are of another shape.

    Raises:
        DataError: A store is damaged, or the two do not belong together.
    """
    if not (candidates.exists() and outcomes.exists()):
        return None
    store = open_candidates(candidates)
    if not set(SEEN) <= set(store.keys) or store.array("candidates", 0, 1).shape[2:] != shape:
        return None
    after = known_outcomes(outcomes, store, SEEN)
    if after is None:
        return None
    states = len(after.points)
    before = Observation.of({name: _numbers(store, name, states) for name in SEEN})
    return CloudTransitions(candidates.stem, before, _numbers(store, "candidates", states), after, torch.arange(states))


def recorded_transitions(store: EpisodeStore, shape: tuple[int, int]) -> CloudTransitions | None:
    """Consecutive steps of recorded episodes: H actions, and what was observed before the first and after the last.

    None goes beyond the end of an episode, or a gap in time, see `stretch_ends`; of very many, 20,000 evenly spaced
    ones are taken.

    Args:
        store: Recorded episodes.
        shape: Of a chunk, (H, A).

    Returns:
        The transitions, one chunk each; None if there are none with points and proprioception, or actions are of
        another size.
    """
    horizon, size = shape
    if not store.steps or not {*SEEN, "action"} <= set(store.keys):
        return None
    if store.array("action", 0, 1).shape[1:] != (size,) or store.array("points", 0, 1).ndim != 3:
        return None
    ends = stretch_ends(store)
    last = np.repeat(ends, np.diff(ends, prepend=0))
    rows = np.arange(store.steps)
    rows = rows[rows + horizon < last]
    if not len(rows):
        return None
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), _MOST)).round().astype(np.int64))]
    actions = store.array("action").astype(np.float32)[rows[:, None] + np.arange(horizon)]
    parts = {name: np.asarray(store.array(name)) for name in SEEN}

    def seen(steps: np.ndarray) -> Observation:
        return Observation.of({name: torch.as_tensor(part[steps].astype(np.float32)) for name, part in parts.items()})

    after = seen(rows + horizon).map(lambda part: part[:, None])
    episode = np.searchsorted(store.episode_ends, rows, side="right")
    return CloudTransitions(
        store.path.stem, seen(rows), torch.as_tensor(actions)[:, None], after, torch.as_tensor(episode)
    )


def held_out(data: CloudTransitions, share: float, *, seed: int) -> tuple[CloudTransitions, CloudTransitions | None]:
    """Put whole groups of states aside.

    Args:
        data: All of a source.
        share: Of the groups to put aside, in [0, 1): at least one, unless it is 0 or there is no other.
        seed: Which ones.

    Returns:
        What is learnt from, and what is put aside, None if nothing is.
    """
    groups = data.group.unique()
    aside = min(len(groups) - 1, max(1, round(share * len(groups)))) if share > 0 else 0
    if not aside:
        return data, None
    generator = torch.Generator().manual_seed(derive(seed, f"held out of {data.name}") >> 1)
    chosen = torch.isin(data.group, groups[torch.randperm(len(groups), generator=generator)[:aside]])
    return data[(~chosen).nonzero()[:, 0]], data[chosen.nonzero()[:, 0]]


def _numbers(store: EpisodeStore, name: str, stop: int) -> Tensor:
    return torch.as_tensor(np.asarray(store.array(name, 0, stop), np.float32))
