"""What a run's answers say, for the rewards of a policy's chunks: about its candidates, or about recorded segments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from robopref.answers import Answers
from robopref.cli.building import build
from robopref.cli.context import Context
from robopref.cli.filters import answers_of_run
from robopref.data.episodes.candidate_store import CANDIDATES, open_candidates
from robopref.data.episodes.store import EpisodeStore
from robopref.data.label_formats.deployment_events import is_event_dataset
from robopref.data.labels.comparisons import candidate_comparisons, compared_alone, joined_candidates
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.data.labels.segment_decisions import decision_comparisons
from robopref.errors import DataError
from robopref.items import Comparisons
from robopref.labelers.asking import label_database
from robopref.learning.candidate_files import OUTCOMES, observed_outcomes
from robopref.policies.abilities import history_of, observed_by
from robopref.protocols import ChunkPolicy


def labelled(context: Context) -> str:
    """What is compared: what ``label.about`` says, or else segments of recordings, if some are named."""
    said, recorded = context.config.label.about, context.config.data is not None
    return str(said) if said is not None else "segments" if recorded else "candidates"


def load_preferences(context: Context, asked: Sequence[str] = (), *, after: Sequence[str] = ()) -> Comparisons:
    """The labelled candidates, or segments, of the run.

    Args:
        context: Of the run.
        asked: By which context of an answer they are told apart.
        after: Parts of an observation that are wanted of what came of them; candidates that were not carried out yet,
            are.

    Raises:
        DataError: Nothing is labelled, or what came of it is not known.
    """
    return _LOADED[labelled(context)](context, asked, after)


def carried_out_for(context: Context, after: Sequence[str]) -> int:
    """How many actions were executed so that a reward can see what comes of them; recordings show it anyway.

    Args:
        context: Of the run.
        after: Parts of an observation that the reward looks at after each decision.
    """
    if not after or labelled(context) != "candidates":
        return 0
    return EpisodeStore.open(context.folder / OUTCOMES).array("outcome").size


def answered_questions(context: Context, after: Sequence[str] = ()) -> int:
    """How many questions have answers that rewards learn from.

    Args:
        context: Of the run.
        after: As for `load_preferences`.

    Raises:
        DataError: Nothing is labelled.
    """
    answers, _ = _about_candidates(context, after) if labelled(context) == "candidates" else _about_segments(context)
    return len(np.unique(answers.query[answers.weight > 0]))


def _about_candidates(context: Context, after: Sequence[str]) -> tuple[Answers, str]:
    folder, path = context.folder, context.folder / f"{CANDIDATES}.zarr"
    events = {one.stem for one in folder.glob("*.zarr") if one != path and is_event_dataset(folder, one.stem)}
    events = set[str]() if after else events
    sources = {*events, *([CANDIDATES] if path.exists() else [])}
    return _answers(context, lambda source: source in sources, "candidates", there=bool(sources))


def _candidates(context: Context, asked: Sequence[str], after: Sequence[str]) -> Comparisons:
    """Of the run's own candidates, and, where nobody asks what came of them, of those that operators corrected."""
    folder = context.folder
    answers, where = _about_candidates(context, after)
    events = {str(source) for source in answers.source} - {CANDIDATES}
    demonstrations, policy = context.demonstrations, context.policy()
    parts, unfit = list[Comparisons](), list[str]()
    for source in (CANDIDATES, *sorted(events)):
        some, dataset = answers[answers.source == source], folder / f"{source}.zarr"
        if not some.weight.any():
            continue
        wrong = _misfit(dataset, demonstrations, policy)
        if wrong and source == CANDIDATES:
            raise DataError(f"{wrong}; choose another run folder, or remove it and {where}")
        if wrong:
            unfit.append(f"{wrong}; what operators did there is not learnt from")
            continue
        keys = observed_by(policy)
        drawn = open_candidates(dataset)
        came = None if not after else observed_outcomes(folder / OUTCOMES, context.pool, drawn, after, context.stage)
        found = candidate_comparisons(some, drawn, policy.geometry, keys=keys, context=asked, after=came)
        parts.append(found if source == CANDIDATES else compared_alone(found))
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


def _about_segments(context: Context) -> tuple[Answers, str]:
    store = context.recordings or context.demonstrations
    return _answers(context, lambda source: source == store.path.stem, f"segments of {store.path}")


def _segments(context: Context, asked: Sequence[str], after: Sequence[str]) -> Comparisons:
    store = context.recordings or context.demonstrations
    answers, _ = _about_segments(context)
    policy = context.policy()
    found = decision_comparisons(
        answers, store, observed_by(policy), horizon=policy.shape[0], history=history_of(policy), context=asked,
        after=after,
    )  # fmt: skip
    return replace(found, geometry=policy.geometry)


def _answers(context: Context, belongs: Callable[[str], bool], said: str, *, there: bool = True) -> tuple[Answers, str]:
    """The answers of the run to questions about a source, and where they are."""
    labeler = build(context.config.labeler)
    labels = label_database(context.folder, labeler)
    if not there or not ("://" in labels or Path(labels).exists()):
        raise DataError(f"no labels in {context.folder}; run: robopref label run={context.folder}")
    with FeedbackStore(labels) as database:
        queries = [query for query in database.queries() if belongs(query.items[0].source)]
        ids = {query.id for query in queries}
        feedback = [given for given in database.feedback() if given.query_id in ids]
        where = database.database.where
    answers = answers_of_run(context, labeler, Answers.of(queries, feedback), where)
    if not answers.weight.any():
        raise DataError(f"no answer in {where} compares {said}; run: robopref label run={context.folder}")
    return answers, where


_LOADED = {"candidates": _candidates, "segments": _segments}
