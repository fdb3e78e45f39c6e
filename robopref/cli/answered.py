"""What a run's answers say, for the rewards of a policy's chunks: about its candidates, or about recorded segments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from robopref.answers import Answers
from robopref.cli.building import build
from robopref.cli.context import Context
from robopref.cli.filters import answers_of_run, built_filters
from robopref.cli.trained_rewards import load_members, trained_names, version_of
from robopref.data.episodes.candidate_store import EXPLORED, open_candidates
from robopref.data.episodes.store import EpisodeStore
from robopref.data.label_formats.deployment_events import is_event_dataset
from robopref.data.labels.comparisons import candidate_comparisons, compared_alone, joined_candidates
from robopref.data.labels.counted import counted
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.data.labels.segment_decisions import decision_comparisons
from robopref.data.labels.self_made import (
    AnswerSource,
    WatchedAnswers,
    asked_about,
    is_self_made,
    present,
    watched,
)
from robopref.errors import DataError
from robopref.items import Comparisons
from robopref.labeler_kinds import SELF, listed_names
from robopref.labelers.asking import label_database
from robopref.learning.candidate_files import EXPLORED_OUTCOMES, OUTCOMES, OUTCOMES_OF, observed_outcomes
from robopref.policies.abilities import history_of, observed_by
from robopref.protocols import ChunkPolicy


class Source(NamedTuple):
    """Whose answers are learnt from.

    Attributes:
        kind: Given ones, self-made ones or all.
        labelers: Names of those who gave them; none for all that filters leave.
    """

    kind: AnswerSource
    labelers: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrainingAnswers:
    """What answers say, for the training of a reward.

    Attributes:
        comparisons: To train on.
        about: States and questions of which it is learnt, or that watch, see `asked_about`.
        watching: What given answers say that watch over a training on self-made ones; None if there are none.
        watchers: Who gave these.
        labelers: Who gave those that are learnt from.
        instructions: By which they were given.
        questions: How many people, teachers or models answered that are learnt from; None if rewards answered some.
    """

    comparisons: Comparisons
    about: tuple[str, ...]
    labelers: frozenset[str]
    instructions: frozenset[str]
    questions: int | None = None
    watching: Comparisons | None = None
    watchers: str = ""


def labelled(context: Context) -> str:
    """What is compared: what ``label.about`` says, or else segments of recordings, if some are named."""
    said, recorded = context.config.label.about, context.config.data is not None
    return str(said) if said is not None else "segments" if recorded else "candidates"


def load_preferences(context: Context, asked: Sequence[str] = (), *, after: Sequence[str] = ()) -> Comparisons:
    """The labelled candidates, or segments, of the run, see `load_training`."""
    return load_training(context, asked, after=after).comparisons


def load_training(
    context: Context,
    asked: Sequence[str] = (),
    *,
    after: Sequence[str] = (),
    answer_source: AnswerSource = "given",
    labelers: Sequence[str] = (),
) -> TrainingAnswers:
    """The labelled candidates, or segments, of the run.

    Args:
        context: Of the run.
        asked: By which context of an answer they are told apart.
        after: Parts of an observation that are wanted of what came of them; candidates that were not carried out yet,
            are.
        answer_source: Whose answers are learnt from.
        labelers: Names of those among them that are; none for all.

    Raises:
        DataError: Nothing is labelled, or what came of it is not known.
    """
    about, compared = _LOADED[labelled(context)]
    answers, where = about(context, Source(answer_source, tuple(labelers)), bool(after))
    places = tuple(sorted({*asked_about(answers.learnt), *asked_about(answers.watching)}))
    found = compared(context, answers.learnt, where, asked, after)
    some = answers.learnt
    questions = len(np.unique(some.query[some.weight > 0])) if answer_source == "given" else None
    who, by = (frozenset(map(str, column)) for column in (some.labeler, some.instruction))
    learnt = TrainingAnswers(found, places, who, by, questions)
    if not answers.watching.weight.any():
        return learnt
    watching = compared(context, answers.watching, where, asked, after)
    return replace(learnt, watching=watching, watchers=listed_names(answers.watching.labeler.tolist()))


def carried_out_for(context: Context, after: Sequence[str], answer_source: AnswerSource = "given") -> int | None:
    """How many actions were executed for a reward; recordings show anyway what came of them.

    Args:
        context: Of the run.
        after: Parts of an observation that the reward looks at after each decision.
        answer_source: Whose answers it learns from: what rewards judged was explored for it.

    Returns:
        Their number; None if it is not known.
    """
    if labelled(context) == "segments" or (answer_source == "given" and not after):
        return 0
    path = context.folder / (OUTCOMES if answer_source == "given" else EXPLORED_OUTCOMES)
    return int(EpisodeStore.open(path).array("outcome").size) if path.exists() else None


def _of_candidates(context: Context, whose: Source, came: bool) -> tuple[WatchedAnswers, str]:
    """About candidates that the run drew, and, where nobody asks what came of them, those that operators corrected.

    Given answers about explored ones are for judging the rewards that label these, and only those who learn from all
    that is known learn from them.
    """
    folder = context.folder
    events = {one.stem for one in folder.glob("*.zarr") if is_event_dataset(folder, one.stem)} - OUTCOMES_OF.keys()
    events = set[str]() if came else events
    sources = {*events, *(name for name in OUTCOMES_OF if (folder / f"{name}.zarr").exists())}
    sources -= {EXPLORED} if whose.kind == "given" else set()
    return _answers(context, lambda source: source in sources, "candidates", whose, there=bool(sources))


def _candidates(
    context: Context, answers: Answers, where: str, asked: Sequence[str], after: Sequence[str]
) -> Comparisons:
    demonstrations, policy, folder = context.demonstrations, context.policy(), context.folder
    stage = partial(context.stage, resumes=True)
    parts, unfit = list[Comparisons](), list[str]()
    for source in (*OUTCOMES_OF, *sorted(set(answers.source.tolist()) - OUTCOMES_OF.keys())):
        some, dataset = answers[answers.source == source], folder / f"{source}.zarr"
        if not some.weight.any():
            continue
        wrong = _misfit(dataset, demonstrations, policy)
        if wrong and source in OUTCOMES_OF:
            raise DataError(f"{wrong}; choose another run folder, or remove it and {where}")
        if wrong:
            unfit.append(f"{wrong}; what operators did there is not learnt from")
            continue
        keys = observed_by(policy)
        drawn = open_candidates(dataset)
        came = None if not after else observed_outcomes(folder / OUTCOMES_OF[source], context.pool, drawn, after, stage)
        found = candidate_comparisons(some, drawn, policy.geometry, keys=keys, context=asked, after=came)
        parts.append(found if source in OUTCOMES_OF else compared_alone(found))
    if not parts:
        raise DataError(unfit[0])
    for line in unfit:
        context.console.print(line, highlight=False, markup=False, soft_wrap=True)
    return joined_candidates(parts)


def _misfit(path: Path, demonstrations: EpisodeStore, policy: ChunkPolicy) -> str:
    """Why candidates are none of a policy; empty if they are."""
    store = EpisodeStore.open(path)
    if (seen := history_of(policy)) > 1:
        return (
            f"{path} holds one observation of each state, and the policy sees the last {seen}: segments of episodes "
            "say more, such as those around take-overs (robopref labels import format=takeovers)"
        )
    if missing := [name for name in ("candidates", *observed_by(policy)) if name not in store.keys]:
        return f"{path} has no {missing[0]}, which the policy observes: it is of another task"
    store = open_candidates(path)
    forms = [("candidates", store.array("candidates", 0, 1).shape[2:], tuple(policy.shape))]
    for name in observed_by(policy):
        if name != "points":
            ours, theirs = (one.array(name, 0, 1).shape[1:] for one in (store, demonstrations))
            forms.append((name, ours, theirs))
    for name, got, wanted in forms:
        if got != wanted:
            return f"{path} holds {name} of {got}, the demonstrations and the policy are for {wanted}"
    return ""


def _of_segments(context: Context, whose: Source, came: bool) -> tuple[WatchedAnswers, str]:
    del came
    store = context.recordings or context.demonstrations
    return _answers(context, lambda source: source == store.path.stem, f"segments of {store.path}", whose)


def _segments(
    context: Context, answers: Answers, where: str, asked: Sequence[str], after: Sequence[str]
) -> Comparisons:
    del where
    store, policy = context.recordings or context.demonstrations, context.policy()
    found = decision_comparisons(
        answers, store, observed_by(policy), horizon=policy.shape[0], history=history_of(policy), context=asked,
        after=after,
    )  # fmt: skip
    return replace(found, geometry=policy.geometry)


def _answers(
    context: Context, belongs: Callable[[str], bool], said: str, whose: Source, *, there: bool = True
) -> tuple[WatchedAnswers, str]:
    """The answers of the run to questions about a source, and where they are."""
    labeler = build(context.config.labeler)
    labels = label_database(context.folder, labeler)
    if not there or not ("://" in labels or Path(labels).exists()):
        raise DataError(f"no labels in {context.folder}; run: robopref label run={context.folder}")
    with FeedbackStore(labels) as database:
        every, where = database.answers(belongs), database.database.where
    if whose.kind == "given":
        answers = answers_of_run(context, labeler, every, where, whose.labelers)
        found = WatchedAnswers(answers, answers[np.zeros(0, np.int64)])
    else:
        found = _self_made(context, every, where, whose.kind)
    if not found.learnt.weight.any():
        by = f" labeler=reward label.about={labelled(context)}" if whose.kind == "self_made" else ""
        of = "self-made answer" if whose.kind == "self_made" else "answer"
        raise DataError(f"no {of} in {where} compares {said}; run: robopref label run={context.folder}{by}")
    return found, where


def _self_made(context: Context, answers: Answers, where: str, answer_source: AnswerSource) -> WatchedAnswers:
    """What a reward that learns from self-made answers learns from, and what watches over it.

    Args:
        context: Of the run.
        answers: All about what is learnt from.
        where: They are, for messages.
        answer_source: ``self_made`` or ``all``.

    Raises:
        ConfigError: A term of ``filter`` is no filter.
        DataError: Given answers are of labelers of several kinds, or filters leave none.
    """
    mine = is_self_made(answers)
    own, stale = present(answers[mine], _versions(context, map(str, answers.labeler[mine])))
    for name, count in stale.items():
        context.console.print(
            f"{count} answers of {SELF}{name} are left out: the reward has other weights by now, or none; to have them "
            "given anew: robopref label labeler=reward",
            soft_wrap=True, highlight=False, markup=False,
        )  # fmt: skip
    given = answers[~mine]
    given = counted(given, built_filters(context)[0], where) if len(given) else given
    return watched(given, own, answer_source, seed=context.seed)


def _versions(context: Context, labelers: Iterable[str]) -> dict[str, str]:
    names = {name.removeprefix(SELF) for name in labelers} & set(trained_names(context))
    return {name: version_of(members) for name, members in load_members(context, names).items()} if names else {}


_LOADED = {
    "candidates": (_of_candidates, _candidates), "explored": (_of_candidates, _candidates),
    "segments": (_of_segments, _segments),
}  # fmt: skip
