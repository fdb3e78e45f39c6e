"""Scores of candidates straight from a feature of what is observed and done: nothing is learnt, and nobody answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from robopref.explanation.candidate_feature import candidate_feature
from robopref.explanation.feature_table import evaluate
from robopref.explanation.grammar import Feature, Series
from robopref.items import ACTION
from robopref.records import ActionGeometry, Observation
from robopref.scores import NoiseDraw, Scores

PATH, _FELT = "path", "proprio"


class FeatureScore:
    """A feature of a candidate, such as how jerky its actions are, or minus that.

    The arrays are those that features of recorded candidates have: the parts of the observation, in one step, the
    ``action`` (H, A), and the ``path`` (H, L, 3) of the anchors where it is known what actions name.

    Args:
        said: ``more`` or ``less`` and a feature, such as ``less mean(jerk(action))``.
        parts: Of the observation, that there are.
        named: Names of series, see `robopref.explanation.grammar.parse_named`.
        geometry: What actions name in space; None where that is not known.
        history: How many observations the policy sees; the last one counts.

    Raises:
        ConfigError: It is no feature of these arrays, does not say which way is better, or is alike for all candidates.
    """

    def __init__(
        self,
        said: str,
        parts: Collection[str],
        *,
        named: Mapping[str, Series] | None = None,
        geometry: ActionGeometry | None = None,
        history: int = 1,
    ) -> None:
        self.geometry, self.history = geometry, history
        own = [ACTION] if geometry is None else [ACTION, PATH]
        self.feature: Feature
        self.sign, self.feature = candidate_feature(said, [*parts, *own], own, named)

    @property
    def observes(self) -> tuple[str, ...]:
        """Parts of an observation that it looks at."""
        wanted = self.feature.arrays - {ACTION, PATH}
        from_where = self.geometry is not None and self.geometry.origin is not None and PATH in self.feature.arrays
        return tuple(sorted(wanted | ({_FELT} if from_where else set())))

    def score(self, observation: Observation, actions: Tensor, *, draw: NoiseDraw | None = None) -> Scores:
        """Score candidates.

        Args:
            observation: (B, ...) of each part that it looks at, or (B, T, ...) with a history.
            actions: (B, N, H, A).
            draw: Ignored.

        Returns:
            (B, N), in the unit of the feature.

        Raises:
            DataError: The feature does not fit the arrays, such as a channel that there is not.
        """
        del draw
        seen = {name: _numbers(observation.parts[name]) for name in self.observes}
        seen = {name: part[:, -1] if self.history > 1 else part for name, part in seen.items()}
        chunks = _numbers(actions)
        values = [
            [evaluate(self.feature, self._arrays({name: part[row] for name, part in seen.items()}, chunk))
             for chunk in candidates]
            for row, candidates in enumerate(chunks)
        ]  # fmt: skip
        return Scores(self.sign * torch.tensor(values, dtype=actions.dtype, device=actions.device))

    def _arrays(self, seen: Mapping[str, NDArray[Any]], chunk: NDArray[Any]) -> dict[str, NDArray[Any]]:
        found = {name: part[None] for name, part in seen.items()} | {ACTION: chunk}
        if PATH in self.feature.arrays and self.geometry is not None:
            found[PATH] = self.geometry.anchors(chunk, seen.get(_FELT))
        return found


def _numbers(values: Tensor) -> NDArray[Any]:
    return values.detach().cpu().numpy()
