"""Which questions `robopref label` asks next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from robopref.cli.context import Context, build
from robopref.cli.label_subject import CANDIDATES, Subject
from robopref.cli.train import load_members
from robopref.data.feedback import FeedbackStore
from robopref.errors import ConfigError, DataError
from robopref.protocols import Selector, as_scorer
from robopref.records import Item, Observation, Query
from robopref.rewards.ensemble import SymmetricReward

Values = NDArray[np.float64]
_STATES = 16  # scored at once


def next_questions(context: Context, store: FeedbackStore, subject: Subject, *, waiting: int) -> Sequence[Query]:
    """Choose what to ask: `label.budget` questions of the pool, once those chosen before are done with.

    Args:
        context: Of the run.
        store: Questions that were chosen before are never chosen again.
        subject: What could be asked.
        waiting: Questions chosen before that nobody has looked at.

    Returns:
        New questions; none if some of before still wait, unless there is no budget.

    Raises:
        ConfigError: The selector does not fit the questions, or has too few rewards to go by.
        DataError: It needs rewards that are not trained.
    """
    budget = context.config.label.budget
    known = {query.id for query in store.queries()}
    rest = [query for query in subject.pool if query.id not in known]
    if not rest or (waiting and budget is not None):
        return []
    made: Any = build(context.config.selector)
    # A selector that goes by rewards lacks these when it comes from its settings.
    selector: Selector = made if isinstance(made, Selector) else made(_judgement(context, subject))
    return selector.select(rest, len(rest) if budget is None else int(budget))


def _judgement(context: Context, subject: Subject) -> Callable[[Item], Values]:
    """What each member of the run's trained rewards makes of a candidate, (E,)."""
    if subject.source != CANDIDATES:
        raise ConfigError("trained rewards judge candidates; choose other items with selector=random")
    candidates = subject.dataset
    try:
        members = [member for group in load_members(context).values() for member in group]
    except DataError as error:
        raise DataError(
            f"this selector goes by trained rewards, but there is {error}; begin with selector=random"
        ) from (error)
    if len(members) < 2:
        raise ConfigError(
            "this selector goes by what several rewards say, and this run has one; train more, such as with "
            "rewards.explicit.members=5, or choose selector=random"
        )
    geometry = context.policy().geometry
    scorers = [as_scorer(SymmetricReward(member, geometry).eval()) for member in members]
    chunks = np.asarray(candidates.array("candidates"), dtype=np.float32)
    points, proprio = candidates.array("points"), candidates.array("proprio")
    scores = np.zeros((len(scorers), *chunks.shape[:2]))
    with context.stage("Judge the candidates", "states") as bar, torch.no_grad():
        for first in range(0, len(chunks), _STATES):
            rows = slice(first, first + _STATES)
            seen, actions = (
                Observation(*(torch.as_tensor(array[rows], device=context.device) for array in (points, proprio))),
                torch.as_tensor(chunks[rows], device=context.device),
            )
            for k, scorer in enumerate(scorers):
                scores[k, rows] = scorer.score(seen, actions).value.double().cpu().numpy()
            bar(min(first + _STATES, len(chunks)), len(chunks))
    scores -= scores.mean(axis=2, keepdims=True)  # preferences leave the offset of a state open
    return lambda item: scores[:, item.start, int(item.candidate or 0)]
