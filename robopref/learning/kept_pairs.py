"""How much of each pair the filters of a training left, kept beside the weights of a reward."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from torch import nn

from robopref.errors import DataError
from robopref.files import read_json, write_json
from robopref.items import Comparisons
from robopref.learning.preference import Batches, kept_shares
from robopref.records import Item

FILE = "kept.json"


@dataclass(frozen=True)
class KeptPairs:
    """Pairs, and how much of each is left.

    Attributes:
        first: (R,) items.
        second: (R,) those that they were compared with.
        share: (R,) in [0, 1].
    """

    first: tuple[Item, ...]
    second: tuple[Item, ...]
    share: NDArray[np.float64]

    @classmethod
    def of(cls, reward: nn.Module, data: Comparisons, batches: Batches, *, seed: int) -> KeptPairs:
        """What the filters of a training leave of each pair when it has ended.

        Args:
            reward: The trained reward.
            data: Preferences that it was trained on.
            batches: What each step looked at.
            seed: Of the batches that are looked at.

        Returns:
            The pairs; none if it is not known what the items are called.
        """
        if data.called is None:
            return cls((), (), np.zeros(0))
        pairs, share = kept_shares(reward, data, batches, seed=seed)
        names, index = data.called.names, data.called.index
        first, second = ([names[int(index[row, column])] for row, column in pairs[:, [0, side]]] for side in (1, 2))
        return cls(tuple(first), tuple(second), share.clamp(0, 1).numpy().astype(np.float64))

    def save(self, folder: Path) -> None:
        """Write them into the folder of a reward.

        Args:
            folder: Of the reward.

        Raises:
            DataError: The disk refused.
        """
        sources = sorted({item.source for item in (*self.first, *self.second)})
        place = {name: number for number, name in enumerate(sources)}
        sides = [[[place[one.source], one.start, one.stop, one.candidate] for one in side]
                 for side in (self.first, self.second)]  # fmt: skip
        share = [round(float(one), 3) for one in self.share]
        write_json(folder / FILE, {"sources": sources, "first": sides[0], "second": sides[1], "share": share})

    def shares(self) -> dict[tuple[Item, Item], float]:
        """The share of each pair; of one that was answered several times, in whatever order, the mean."""
        told = dict[tuple[Item, Item], list[float]]()
        for first, second, share in zip(self.first, self.second, self.share.tolist(), strict=True):
            told.setdefault((second, first) if (second, first) in told else (first, second), []).append(share)
        return {pair: sum(some) / len(some) for pair, some in told.items()}

    @classmethod
    def load(cls, folder: Path) -> KeptPairs | None:
        """Those of a reward; None if it was trained without such filters.

        Args:
            folder: Of the reward.

        Raises:
            DataError: The file is damaged.
        """
        path = folder / FILE
        if not path.exists():
            return None
        found = read_json(path)
        try:
            return cls(*_parsed(found))
        except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
            raise DataError(f"{path} is damaged: {error!r}; train the reward again") from error


def _parsed(found: Any) -> tuple[tuple[Item, ...], tuple[Item, ...], NDArray[np.float64]]:
    told = cast(Mapping[str, Any], found)
    sources = told["sources"]
    if not isinstance(sources, list) or not all(isinstance(name, str) for name in cast(list[object], sources)):
        raise TypeError("sources are no list of names")
    sources = cast(list[str], sources)
    first, second = (tuple(_item(row, sources) for row in told[side]) for side in ("first", "second"))
    share = np.asarray(told["share"], np.float64)
    if share.shape != (len(first),) or len(first) != len(second) or not ((share >= 0) & (share <= 1)).all():
        raise ValueError("the columns do not fit each other")
    return first, second, share


def _item(row: Any, sources: list[str]) -> Item:
    source, start, stop, candidate = row
    if not all(type(one) is int for one in (source, start, stop)) or not (candidate is None or type(candidate) is int):
        raise TypeError(f"{row!r} is no item")
    if source < 0:
        raise IndexError(f"{row!r} is of no source")
    return Item(sources[source], start, stop, candidate)
