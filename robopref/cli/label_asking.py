"""Asking whoever `labeler` names about what a command has questions about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from robopref.cli.asking_belief import brief_of_run, goes_by_features, inquiry_of
from robopref.cli.building import build, target_of
from robopref.cli.context import Context
from robopref.cli.label_showing import shows_outcomes
from robopref.cli.reward_settings import folders_of
from robopref.cli.tables import print_table
from robopref.cli.trained_rewards import load_members, trained_names, untrained
from robopref.data.episodes.candidate_store import CANDIDATES, EXPLORED
from robopref.decisions import outcome_parts
from robopref.errors import ConfigError, DataError
from robopref.factories import parameters_of
from robopref.labelers.adapter import check_kind, check_labeler
from robopref.labelers.asking import ask, label_database
from robopref.labelers.subject import Session, Subject
from robopref.learning.candidate_files import OUTCOMES_OF, observed_outcomes
from robopref.protocols import Selector
from robopref.querying.judged import judged_candidates
from robopref.records import Item, Query, QueryKind
from robopref.rewards.ensemble import symmetric

_DEFAULT = "labeler=perfect"  # of the primary configs, which nobody has to type


def build_labeler(context: Context, *kinds: QueryKind) -> object:
    """Build who answers, before anything else is done.

    Args:
        context: Of the run.
        kinds: Of the questions; pairs, if none is named.

    Returns:
        A labeler, or what makes one of a subject.

    Raises:
        ConfigError: It is none, or answers no such questions.
    """
    kinds, said = kinds or ("pair",), _chosen(context)
    for kind in kinds:  # before what else it lacks, such as the name of a model
        check_kind(target_of(context.config.labeler), kind, said)
    try:
        labeler = build(context.config.labeler)
    except ConfigError as error:
        if "argument: 'subject'" in str(error):
            raise ConfigError(f"{error}; to be given what questions are about, add +labeler._partial_=true") from error
        raise
    for kind in kinds:
        check_labeler(labeler, kind, said)
    return labeler


def _chosen(context: Context) -> str | None:
    """The word that chooses the labeler, if it is one of those that come with robopref."""
    shipped = str(context.config.labeler.get("_target_")).startswith("robopref.")
    return (context.memory.word("labeler") or _DEFAULT) if shipped else None


def ask_labeler(context: Context, labeler: object, subject: Subject, *, more: bool = True) -> bool:
    """Have questions answered, see `robopref.labelers.asking.ask`; goes on where it stopped.

    Args:
        context: Of the run.
        labeler: That `build_labeler` built.
        subject: What the questions are about.
        more: Whether to choose further questions once those of before are answered.

    Returns:
        Whether the labeler was there to the end.
    """
    budget = context.config.label.budget
    tally = ask(
        labeler, subject, label_database(context.folder, labeler), selector=ConfiguredSelector(context, subject),
        budget=None if budget is None else int(budget), more=more,
        session=Session(
            say=lambda line: context.console.print(line, soft_wrap=True, highlight=False, markup=False),
            table=lambda title, rows: print_table(context.console, title, rows),
            stage=lambda name, unit: context.stage(name, unit, resumes=True),
            share=lambda: context.lock.release("labels"),
        ),
    )  # fmt: skip
    return not tally.failed


class ConfiguredSelector:
    """The selector that settings name, made once it has to choose, with the run's trained rewards if it goes by them.

    Args:
        context: Of the run.
        subject: What the questions are about.
    """

    def __init__(self, context: Context, subject: Subject) -> None:
        self.context, self.subject = context, subject

    def select(self, pool: Sequence[Query], budget: int) -> Sequence[Query]:
        """Choose at most `budget` queries of the pool.

        Raises:
            ConfigError: The selector does not fit the questions, or has too few rewards to go by.
            DataError: It needs rewards that are not trained.
        """
        made: Any = self.context.selector
        if isinstance(made, Selector):
            return made.select(pool, budget)
        more = {"embed": self.subject.embedding()} if goes_by_embedding(made) else {}
        by_features = bool(self.subject.described) and goes_by_features(self.context)
        known = inquiry_of(self.context, self.subject) if by_features else self._judgement()
        selector: Selector = made(known, **more)
        return selector.select(pool, budget)

    def _judgement(self) -> Callable[[Item], NDArray[np.float64]]:
        """What each member of the run's trained rewards makes of a candidate, (E,); see `_going_by`."""
        context, dataset = self.context, self.subject.dataset
        names = _going_by(context, self.subject.source)
        geometry = context.policy().geometry
        rewards = [
            symmetric(member, geometry).eval() for group in load_members(context, names).values() for member in group
        ]
        parts = sorted({part for reward in rewards for part in outcome_parts(reward)})
        after = None
        if parts:
            path, stage = context.folder / OUTCOMES_OF[self.subject.source], partial(context.stage, resumes=True)
            after = observed_outcomes(path, context.pool, dataset, parts, stage)
        with context.stage("Judge the candidates", "states") as bar:
            return judged_candidates(rewards, dataset, after=after, progress=bar)


def goes_by_embedding(selector: Any) -> bool:
    """Whether a selector cannot be made without an embedding of items.

    Args:
        selector: What makes it.
    """
    found = parameters_of(selector, "selector").get("embed")
    return found is not None and found.default is found.empty


def require_choice(context: Context, source: str, kinds: Sequence[QueryKind]) -> None:
    """Require, before any work, that the selector finds what it goes by: rewards, or named features and a brief.

    Args:
        context: Of the run.
        source: Name of the dataset that questions are about.
        kinds: Of the questions.

    Raises:
        ConfigError: The selector does not fit the questions, or has too few rewards to go by.
        DataError: They are not trained, or the brief is none.
    """
    brief_of_run(context)
    made: Any = context.selector
    if not isinstance(made, Selector) and not goes_by_features(context):
        _require_kinds(context, made, kinds)
        _going_by(context, source)


def _require_kinds(context: Context, made: Any, kinds: Sequence[QueryKind]) -> None:
    """Refuse questions that the selector, once it has something to go by, says that it does not choose among."""
    if not callable(made):
        return
    more = {"embed": _nothing} if goes_by_embedding(made) else {}
    able = getattr(made(_nothing, **more), "kinds", kinds)
    if others := [kind for kind in kinds if kind not in able]:
        raise ConfigError(
            f"{context.memory.word('selector') or 'this selector'} chooses among questions of kind "
            f"{' or '.join(able)}, not {others[0]}; ask those, with label.kind={able[0]}, or choose selector=random"
        )


def _nothing(item: Item) -> NDArray[np.float64]:
    return np.zeros(0)


def _going_by(context: Context, source: str) -> list[str]:
    """Rewards that say something of candidates, see `require_choice`.

    Those of outcomes do where whoever is asked sees outcomes too, for which all candidates are carried out.
    """
    if source not in (CANDIDATES, EXPLORED):
        raise ConfigError("trained rewards judge candidates; choose other items with selector=random")
    policy, rewards = context.policy(), context.config.rewards
    with torch.random.fork_rng(devices=[]):
        judged = {
            str(name): outcome_parts(untrained(lambda: deepcopy(policy), context, rewards[name])) for name in rewards
        }
    names = [name for name, after in judged.items() if not after or shows_outcomes(context)]
    if sum(len(folders_of(name, rewards[name])) for name in names) < 2:
        outcomes = [name for name in judged if name not in names]
        told = ", which judges what came of an action and is heard with label.show=outcome"
        beside = f" beside {', '.join(outcomes)}{told}" if outcomes else ""
        raise ConfigError(
            f"this selector goes by what several rewards say of actions, and this run has "
            f"{'one' if names else 'none'}{beside}; train more, such as with rewards.explicit.members=5, or choose "
            "selector=random"
        )
    if missing := [name for name in names if name not in trained_names(context)]:
        raise DataError(
            f"this selector goes by trained rewards, and {missing[0]} is not trained; run: robopref train reward "
            f"run={context.folder}, and begin with selector=random"
        )
    return names
