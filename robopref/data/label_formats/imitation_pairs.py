"""The preference datasets of imitation (Gleave et al. 2022): what its ``PreferenceDataset.save`` pickles.

Two lists of fragments of trajectories and the probability that the first one of each pair is better. A fragment has one
observation more than actions.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.data.label_formats.exchanged_labels import Labels, Naming, Segment
from robopref.data.label_formats.safe_pickle import load_plain
from robopref.errors import DataError
from robopref.records import Feedback, Item, Preference, Query

_RECORDS = (
    ("imitation.algorithms.preference_comparisons", "PreferenceDataset"),
    ("imitation.data.types", "TrajectoryWithRew"),
    ("imitation.data.types", "DictObs"),
)
_EXPECTED = "expected what PreferenceDataset.save of imitation writes"


def read(path: Path, naming: Naming) -> Labels:
    """Read a file; the dataset is named after it unless `naming` names it.

    Args:
        path: The file. Nothing that it names is imported or run, and ``infos`` are not kept.
        naming: What the file does not say.

    Returns:
        One query and one answer a pair, and the fragments: ``state``, or each part of an observation by its name, with
        ``next_<name>``, ``action``, ``reward``, and ``done`` at the last step of a trajectory.

    Raises:
        DataError: The file is missing, damaged, empty, or of something else.
    """
    held = load_plain(path, _RECORDS)
    if not isinstance(held, dict) or not {"fragments1", "fragments2", "preferences"} <= set(held):
        raise DataError(f"{path}: {_EXPECTED}")
    pairs = [held["fragments1"], held["fragments2"]]
    preferences = _numbers(held["preferences"], f"{path}: preferences").reshape(-1)
    if any(not isinstance(one, list) or len(one) != len(preferences) for one in pairs) or not len(preferences):
        raise DataError(f"{path}: it must hold as many first and second fragments as preferences, one or more")
    source, stop = naming.source or path.stem, 0
    queries, feedback, segments = list[Query](), list[Feedback](), list[Segment]()
    for row, p in enumerate(preferences.tolist()):
        if not 0 <= p <= 1:
            raise DataError(f"{path}: preference {row} must be in [0, 1] with 0.5 for a tie, got {p}")
        items = list[Item]()
        for number, fragments in enumerate(pairs):
            segment = _segment(fragments[row], f"{path}: fragment {number + 1} of pair {row}")
            start, stop = stop, stop + len(segment["action"])
            items.append(Item(source, start, stop))
            segments.append(segment)
        queries.append(Query(f"{source}/{row}", "pair", tuple(items)))
        feedback.append(Feedback(queries[-1].id, Preference(p), naming.labeler))
    _check_alike(segments, path)
    return Labels(queries, feedback, {source: segments})


def _segment(fragment: Any, where: str) -> Segment:
    if not isinstance(fragment, dict) or not {"obs", "acts", "rews", "terminal"} <= set(fragment):
        raise DataError(f"{where}: {_EXPECTED}")
    action, reward = _numbers(fragment["acts"], f"{where}: acts"), _numbers(fragment["rews"], f"{where}: rews")
    steps = len(action)
    seen = fragment["obs"]
    parts = seen["_d"] if isinstance(seen, dict) and isinstance(seen.get("_d"), dict) else {"state": seen}
    segment: Segment = {"action": action.reshape(steps, -1), "reward": reward}
    for name, value in parts.items():
        array = _numbers(value, f"{where}: obs")
        if not steps or len(array) != steps + 1 or reward.shape != (steps,):
            raise DataError(
                f"{where}: it must have one observation more than actions and one reward an action, got {len(array)}, "
                f"{steps} and {len(reward)}"
            )
        segment |= {str(name): array[:-1], f"next_{name}": array[1:]}
    done = np.zeros(steps, np.bool_)
    done[-1] = bool(fragment["terminal"])
    return {**segment, "done": done}


def _numbers(value: Any, where: str) -> NDArray[Any]:
    if not isinstance(value, np.ndarray) or not value.ndim:
        raise DataError(f"{where} must be an array of numbers, got {type(value).__name__}")
    if not np.isfinite(value).all():
        raise DataError(f"{where} must be finite")
    return value


def _check_alike(segments: Sequence[Segment], path: Path) -> None:
    kinds = {tuple(sorted((key, array.dtype.str, array.shape[1:]) for key, array in one.items())) for one in segments}
    if len(kinds) > 1:
        raise DataError(f"{path}: fragments must be of one kind, got arrays of {len(kinds)} types and shapes")
