"""What a trained reward of a run makes of candidates and of recorded steps."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from robopref.cli.context import Context
from robopref.data.episodes.store import EpisodeStore
from robopref.decisions import outcome_parts
from robopref.learning.candidate_files import OUTCOMES_OF, observed_outcomes
from robopref.records import Item
from robopref.rewards.worth import candidate_worth, step_worth

Values = NDArray[np.float64]


class RewardWorth:
    """What a reward makes of datasets, each scored once.

    Args:
        context: Of the run.
        reward: The reward.
    """

    def __init__(self, context: Context, reward: nn.Module) -> None:
        self.context, self.reward = context, reward
        self._known: dict[Path, Values] = {}

    def of(self, dataset: EpisodeStore, item: Item) -> Values:
        """(T,) of the steps of an item, a single one of a candidate."""
        worth = self._all(dataset)
        return worth[item.start : item.stop] if item.candidate is None else worth[item.start, [item.candidate]]

    def spread(self, dataset: EpisodeStore) -> float:
        """Standard deviation among candidates of a state, or of recorded steps."""
        return float(self._all(dataset).std(axis=-1).mean())

    def _all(self, dataset: EpisodeStore) -> Values:
        if dataset.path not in self._known:
            self._known[dataset.path] = self._judged(dataset)
        return self._known[dataset.path]

    def _judged(self, dataset: EpisodeStore) -> Values:
        of_candidates, context = dataset.path.stem in OUTCOMES_OF, self.context
        parts = outcome_parts(self.reward)
        after = None
        if parts and of_candidates:
            path = context.folder / OUTCOMES_OF[dataset.path.stem]
            after = observed_outcomes(path, context.pool, dataset, parts, partial(context.stage, resumes=True))
        with context.stage("Judge what came of it", "states" if of_candidates else "steps") as bar:
            if of_candidates:
                return candidate_worth(self.reward, dataset, after, progress=bar)
            return step_worth(self.reward, dataset, progress=bar)
