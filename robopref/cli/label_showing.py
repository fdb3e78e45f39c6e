"""What whoever compares is shown of items: what is done, or what came of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from robopref.cli.context import Context
from robopref.data.episodes.recorded_views import named_otherwise, steps_of
from robopref.data.episodes.store import EpisodeStore
from robopref.errors import ConfigError, unknown_name
from robopref.learning.candidate_files import observed_outcomes
from robopref.records import OUTCOME, Array, Item

_SHOWS = ("action", "outcome")


def shows_outcomes(context: Context) -> bool:
    """Whether ``label.show`` asks for what came of items.

    Raises:
        ConfigError: It is neither word.
    """
    shown = str(context.config.label.show)
    if shown not in _SHOWS:
        raise unknown_name("label.show", shown, _SHOWS)
    return shown == "outcome"


def after_candidates(context: Context, candidates: EpisodeStore, outcomes: Path) -> Callable[[Item], Array] | None:
    """The clouds that were seen after candidates, which are carried out first; None if actions are to be shown.

    Args:
        context: Of the run.
        candidates: With ``snapshot``.
        outcomes: Episode store of what came of them, to create or continue.

    Raises:
        ConfigError: Nobody sees clouds of them.
        DataError: What came of them is damaged.
    """
    if not shows_outcomes(context):
        return None
    _require_points(candidates)
    if "snapshot" not in candidates.keys:
        raise ConfigError(
            f"label.show=outcome carries candidates out in simulation, and {candidates.path} holds no state to start "
            "from; choose label.show=action"
        )
    many = candidates.array("candidates", 0, 1).shape[1] * candidates.steps
    if not (outcomes.exists() and _is_seen(EpisodeStore.open(outcomes), candidates.steps)):
        context.console.print(
            f"label.show=outcome: what came of {many:,} candidates is shown, so each is carried out in simulation",
            highlight=False, markup=False, soft_wrap=True,
        )  # fmt: skip
    seen = observed_outcomes(outcomes, context.pool, candidates, ("points",), partial(context.stage, resumes=True))
    points = seen.part("points").numpy()
    return lambda item: points[item.start, 0 if item.candidate is None else item.candidate]


def after_segments(context: Context, dataset: EpisodeStore) -> Callable[[Item], Array] | None:
    """The cloud that was recorded after each segment: at its next step, or at its last one where its episode ends.

    Args:
        context: Of the run.
        dataset: Recorded steps.

    Returns:
        Gives the cloud of a segment; None if actions are to be shown.

    Raises:
        ConfigError: There are no clouds.
    """
    if not shows_outcomes(context):
        return None
    _require_points(dataset)
    came = f"{OUTCOME}points"
    return lambda item: np.asarray(steps_of(dataset, [came], item.stop - 1, item.stop)[came][0])


def _is_seen(outcomes: EpisodeStore, states: int) -> bool:
    """Whether nothing has to be carried out any more."""
    return outcomes.steps == states and "next_points" in outcomes.keys


def _require_points(dataset: EpisodeStore) -> None:
    if "points" not in dataset.keys:
        raise ConfigError(
            f"label.show=outcome shows clouds of before and after, and {dataset.path} has no points"
            f"{named_otherwise(dataset)}; choose label.show=action"
        )
