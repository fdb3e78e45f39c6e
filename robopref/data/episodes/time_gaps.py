"""Gaps in the time of recorded steps, which what is learnt of consecutive steps does not go beyond."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robopref.data.episodes.store import EpisodeStore

TIME = "time"
GAP = 2.0  # multiple of the usual time between steps
_MOST = 0.1  # share of the steps after which time is no clock that ticks, such as that of actions of any length


def after_gaps(time: NDArray[np.float64], multiple: float = GAP) -> NDArray[np.bool_]:
    """Which steps of an episode come after a gap, or after a step back in time.

    Args:
        time: (T,) s.
        multiple: Of the median time between steps, above which it is a gap.

    Returns:
        (T - 1,) for each step but the first.
    """
    passed = np.diff(time)
    if not len(passed):
        return np.zeros(0, np.bool_)
    return (passed > multiple * np.median(passed)) | (passed <= 0)


def broken_at(time: NDArray[np.float64]) -> NDArray[np.int64]:
    """Numbers of the steps of an episode that do not follow the one before.

    Args:
        time: (T,) s.

    Returns:
        In order; none if several are and they are a tenth of the steps or more, as then steps do not come at a steady
        rate, or if times are not finite.
    """
    if not np.isfinite(time).all():
        return np.empty(0, np.int64)
    found = np.flatnonzero(after_gaps(time)) + 1
    return found if len(found) < max(2, _MOST * len(time)) else found[:0]


def stretch_ends(store: EpisodeStore) -> NDArray[np.int64]:
    """One past the last step of every stretch of consecutive steps: the ends of episodes, and where time has gaps.

    Args:
        store: Episodes, perhaps with ``time``, one number a step.
    """
    ends = store.episode_ends
    time = store.array(TIME) if TIME in store.keys else None
    if time is None or time.size != store.steps or time.dtype.kind not in "fiu":
        return ends
    found, begin = list[NDArray[np.int64]](), 0
    for end in ends.tolist():
        found.append(begin + broken_at(time[begin:end].reshape(-1).astype(np.float64)))
        begin = end
    return np.unique(np.concatenate([ends, *found]))
