"""Random batches of what was observed and of the chunks of actions that followed, from memory-mapped episodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robopref.data.episode_formats.importing import DATASET
from robopref.data.episodes.recorded_views import is_picture
from robopref.data.episodes.store import EpisodeStore
from robopref.data.episodes.training_cache import ReplayCache
from robopref.errors import ConfigError, DataError
from robopref.records import Observation

_BYTE = 255
_LOOKED_AT = 64  # pictures that tell in which unit they are stored


class ChunkBatches:
    """Random (observation, action chunk) batches from a cache of episodes.

    A chunk that would run past the end of its episode, or beyond a gap in time, repeats the last action, as
    diffusion_policy does; before the beginning the first observation stands for those before it.

    Args:
        cache: Episodes with ``action`` and what is observed.
        horizon: Chunk horizon H.
        device: Where batches go.
        keys: Arrays that make an observation.
        history: Observations T, the newest last; with one, parts have no dimension T.
        steps: Which steps are drawn; None draws all.
        weights: How often each of the datasets that the cache was made of is drawn, in any unit; None draws every step
            as often.
        stretches: One past the last step of each stretch of consecutive steps, see `stretch_ends`; None takes episodes.
        chances: (S,) how often each step of the cache is drawn, in any unit; with `weights`, among those of its
            dataset. None draws all as often.

    Raises:
        DataError: There is nothing in the cache, it was not made of several datasets, or no step is ever drawn.
        ConfigError: The weights are not one a dataset, or not positive.
    """

    def __init__(
        self,
        cache: ReplayCache,
        horizon: int,
        device: torch.device,
        *,
        keys: Sequence[str] = ("points", "proprio"),
        history: int = 1,
        steps: NDArray[np.int64] | None = None,
        weights: Sequence[float] | None = None,
        chances: NDArray[np.float64] | None = None,
        stretches: NDArray[np.int64] | None = None,
    ) -> None:
        if len(cache) == 0:
            raise DataError("the dataset has no steps; collect demonstrations first")
        self.cache, self.device, self.keys, self.history = cache, device, tuple(keys), history
        self.steps = np.arange(len(cache)) if steps is None else steps
        stops = cache.episode_ends if stretches is None else stretches
        lengths = np.diff(stops, prepend=0)
        ends = np.repeat(stops, lengths)
        self._begins = np.repeat(stops - lengths, lengths)
        self._rows = np.minimum(np.arange(len(cache))[:, None] + np.arange(horizon), ends[:, None] - 1)
        self._actions = torch.as_tensor(np.array(cache["action"]), device=device)[self._rows]
        # Pictures that were stored as floats, in [0, 1] or from 0 to 255, are seen as bytes like all others.
        floats = [key for key in self.keys if is_picture(cache[key]) and cache[key].dtype != np.uint8]
        self._scales = {key: _BYTE if cache[key][:_LOOKED_AT].max() <= 1 else 1 for key in floats}
        require_weights(cache, weights)
        self._shares = None if weights is None and chances is None else self._drawn_up_to(weights, chances)

    def __call__(self, size: int, generator: torch.Generator) -> tuple[Observation, Tensor]:
        """Draw a batch.

        Args:
            size: Batch size B.
            generator: Source of randomness.

        Returns:
            Observations and (B, H, A) chunks.
        """
        return self.at(self._drawn(size, generator))

    def at(self, steps: NDArray[np.int64]) -> tuple[Observation, Tensor]:
        """Observations and (B, H, A) chunks of chosen steps.

        Args:
            steps: (B,) numbers of steps.

        Raises:
            DataError: What has the shape of pictures is none.
        """
        rows = steps
        if self.history > 1:
            back = np.arange(1 - self.history, 1)
            rows = np.maximum(rows[:, None] + back, self._begins[rows][:, None])
        found = {key: self._formed(key, value) for key, value in self.cache.rows(rows, self.keys).items()}
        seen = {key: torch.as_tensor(value).to(self.device, non_blocking=True) for key, value in found.items()}
        return Observation.of(seen), self._actions[torch.as_tensor(steps, device=self.device)]

    def pictured(self, steps: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Clouds and pictures of chosen steps (S, ...), by name; what are vectors is left out."""
        keys = [key for key in self.keys if self.cache[key].ndim > 2]
        return {key: self._formed(key, value) for key, value in self.cache.rows(steps, keys).items()}

    def _formed(self, key: str, value: NDArray[Any]) -> NDArray[Any]:
        if key not in self._scales:
            return value
        low, high = float(value.min(initial=0)), float(value.max(initial=0))
        if low < 0 or high * self._scales[key] > _BYTE:
            raise DataError(
                f"{key} of the data must hold bytes, or floats in [0, 1] or from 0 to 255, got {value.dtype} from "
                f"{low:g} to {high:g}; leave it out with read.drop=[{key}], or record it as bytes"
            )
        return (value * self._scales[key]).round().astype(np.uint8)

    def _drawn(self, size: int, generator: torch.Generator) -> NDArray[np.int64]:
        device = generator.device
        if self._shares is None:
            return self.steps[torch.randint(len(self.steps), (size,), generator=generator, device=device).cpu().numpy()]
        place = torch.rand(size, generator=generator, device=device, dtype=torch.float64).cpu().numpy()
        last = int(np.searchsorted(self._shares, self._shares[-1]))  # rounding never takes one that is not drawn
        return self.steps[np.minimum(np.searchsorted(self._shares, place, side="right"), last)]

    def _drawn_up_to(self, weights: Sequence[float] | None, chances: NDArray[np.float64] | None) -> NDArray[np.float64]:
        """Share of the draws up to each of the steps."""
        each = np.ones(len(self.steps)) if chances is None else np.array(chances[self.steps], np.float64)
        codes = np.zeros(len(self.steps), np.int64) if weights is None else self._datasets(weights)
        for code, weight in enumerate([1.0] if weights is None else weights):
            its = codes == code
            total = each[its].sum() if its.any() else 0.0
            if not np.isfinite(each[its]).all() or (each[its] < 0).any() or not total > 0:
                raise DataError(
                    "weights of steps must be finite, not negative and not all zero, in every dataset; choose another "
                    "train.reward, or recipe=null"
                )
            each[its] *= weight / total
        return np.cumsum(each) / each.sum()

    def _datasets(self, weights: Sequence[float]) -> NDArray[np.int64]:
        """Which dataset each of the steps is from."""
        code = np.asarray(self.cache[DATASET]).astype(np.int64)
        if empty := sorted(set(range(int(code.max()) + 1)) - set(code[self.steps].tolist())):
            raise ConfigError(f"nothing is left of dataset {empty[0]} after train.validation; hold out fewer episodes")
        return code[self.steps]


def require_weights(data: EpisodeStore | ReplayCache, weights: Sequence[float] | None) -> None:
    """Demand that weights of datasets are one for each.

    Args:
        data: Episodes of one dataset or of several.
        weights: How often each dataset is drawn; None fits any.

    Raises:
        DataError: There is one dataset alone.
        ConfigError: The weights are not one a dataset, or not positive.
    """
    if weights is None:
        return
    if DATASET not in data.keys:
        raise DataError(
            "train.weights is for several datasets; name them, such as data=[a.zarr,b.zarr], or train.weights=null"
        )
    codes = data.array(DATASET) if isinstance(data, EpisodeStore) else np.asarray(data[DATASET])
    count = int(codes.max()) + 1
    if len(weights) != count or not all(0 < weight < np.inf for weight in weights):
        raise ConfigError(f"train.weights must be {count} positive numbers, one a dataset, got {list(weights)}")
