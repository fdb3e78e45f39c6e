"""Where episodes end in files that lay them end to end and mark the ends by flags."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.data.episode_formats.dataset import Episode
from robopref.errors import DataError


def find_ends(flags: Mapping[str, NDArray[Any]], steps: int, max_steps: int | None, path: Path) -> NDArray[np.int64]:
    """Ends of episodes.

    Args:
        flags: (steps,) ``terminated`` and ``truncated``, as far as there are.
        steps: Of all episodes together.
        max_steps: Steps of the longest episode, where being cut off is not marked; None trusts the flags.
        path: For errors.

    Returns:
        (episodes,) one past the last step of each; what follows the last flag is an episode without an end of its own.

    Raises:
        DataError: Nothing marks where episodes were cut off, or a flag has the wrong length.
    """
    for name, flag in flags.items():
        if flag.shape not in ((steps,), (steps, 1)):
            raise DataError(f"{path}: {name} must have one value for each of the {steps} steps, got {flag.shape}")
    if "truncated" not in flags and max_steps is None:
        raise DataError(
            f"{path}: nothing marks the steps at which episodes were cut off (timeouts); give max_steps=<steps of the "
            "longest episode>"
        )
    ended = np.zeros(steps, dtype=np.bool_)
    for flag in flags.values():
        ended |= flag.reshape(-1).astype(np.bool_)
    marks = np.flatnonzero(ended).tolist()
    marks += [steps - 1] if steps and not ended[-1] else []
    ends: list[int] = []
    start = 0
    for mark in marks:
        if max_steps is not None:
            ends += range(start + max_steps, mark + 1, max_steps)
        ends.append(mark + 1)
        start = mark + 1
    return np.array(ends, dtype=np.int64)


def check_flags(kind: str, number: int, episode: Episode) -> None:
    """See that flags alone tell where an episode ends.

    Args:
        kind: Name of the format, for errors.
        number: Of the episode.
        episode: With ``terminated`` and ``truncated``.

    Raises:
        DataError: Its last step has no flag, or another one has.
    """
    flags = [episode[key].reshape(len(episode[key]), -1) for key in ("terminated", "truncated")]
    ended = np.concatenate(flags, axis=1).astype(np.bool_).max(axis=1)
    if not ended[-1]:
        raise DataError(
            f"{kind} tells episodes apart by their last step being terminated or truncated, and that of episode "
            f"{number} is neither; fill=[truncated] marks it as cut off"
        )
    if ended[:-1].any():
        raise DataError(
            f"{kind} tells episodes apart by terminated and truncated, but step {int(np.argmax(ended))} of episode "
            f"{number}, which goes on to {len(ended)} steps, has such a flag"
        )


def with_cut(episode: Episode, max_steps: int | None) -> Episode:
    """Mark an episode that has the full length as cut off, where nothing else says so.

    Args:
        episode: Its arrays.
        max_steps: Steps of the longest episode; None changes nothing.

    Returns:
        The episode.
    """
    if max_steps is not None and "terminated" in episode and "truncated" not in episode:
        ended = episode["terminated"]
        episode["truncated"] = np.zeros_like(ended)
        episode["truncated"][-1] = len(ended) == max_steps and not ended[-1].any()
    return episode
