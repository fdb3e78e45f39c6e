"""A trained reward of a run as a labeler: which one, what it makes of items, and whether it may say so."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import nn

from robopref.answers import Answers
from robopref.cli.building import build
from robopref.cli.context import Context
from robopref.cli.filters import built_filters
from robopref.cli.reward_settings import folders_of
from robopref.cli.reward_worth import RewardWorth
from robopref.cli.trained_rewards import load_members, together, trained_names, untrained, version_of
from robopref.data.episodes.candidate_store import open_candidates
from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.counted import counted
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.data.labels.self_made import asked_about, is_self_made
from robopref.decisions import outcome_parts
from robopref.errors import ConfigError, DataError, unknown_name
from robopref.evaluation.evidence import FEWEST, ordered_rightly
from robopref.labeler_kinds import SELF
from robopref.labelers.asking import label_database
from robopref.labelers.subject import Judgement
from robopref.learning.candidate_files import OUTCOMES_OF
from robopref.learning.reward_record import record_of
from robopref.rewards.ensemble import symmetric

# Objectives under which the difference of two items is the log-odds that one is preferred.
LOGISTIC = ("bradley_terry", "conservative", "robust", "davidson", "plackett_luce")


def judgement_of(context: Context, dataset: EpisodeStore, name: str | None) -> Judgement:
    """What a trained reward makes of the items of a dataset.

    Args:
        context: Of the run.
        dataset: Candidates of the run, or recorded episodes.
        name: Of the reward; None takes the only one that judges outcomes.

    Raises:
        ConfigError: There is no such reward, or there are several.
        DataError: It is not trained, or no better than chance by answers that it was not trained on.
    """
    wanted, members = _chosen(context, name)
    worth = RewardWorth(context, symmetric(together(members), context.policy().geometry).eval())
    _require_better_than_chance(context, worth, dataset, wanted)
    objective = str(context.config.rewards[wanted].objective.get("_target_", ""))
    return Judgement(
        wanted, version_of(members), lambda item: worth.of(dataset, item), worth.spread(dataset),
        log_odds=objective.rpartition(".")[2] in LOGISTIC,
    )  # fmt: skip


def _chosen(context: Context, name: str | None) -> tuple[str, Sequence[nn.Module]]:
    trained = trained_names(context)
    if name is not None:
        if name not in context.config.rewards:
            raise unknown_name("labeler.reward", name, [str(one) for one in context.config.rewards])
        return name, load_members(context, [name])[name]
    members = load_members(context, trained)
    judging = [one for one in trained if outcome_parts(members[one][0])]
    if not judging:
        rest = [config for one, config in context.config.rewards.items() if str(one) not in trained]
        there = any(outcome_parts(untrained(context.policy, context, config)) for config in rest)
        choice = "" if there else " reward=outcome"
        raise DataError(
            f"no trained reward in {context.folder} judges outcomes; run: robopref train reward run={context.folder}"
            f"{choice}"
        )
    if len(judging) > 1:
        raise ConfigError(f"several rewards judge outcomes; say which with labeler.reward= one of {', '.join(judging)}")
    return judging[0], members[judging[0]]


def _require_better_than_chance(context: Context, worth: RewardWorth, dataset: EpisodeStore, name: str) -> None:
    unseen = unseen_answers(context, name, {dataset.path.stem: dataset, **candidates_of(context)})
    if unseen is None:
        _say(
            context, f"{SELF}{name}: no answer is known that it was not trained on, so nothing says how well it judges"
        )
        return
    answers, datasets = unseen
    found = ordered_rightly(answers, lambda item: float(worth.of(datasets[item.source], item).sum()))
    if found is None or found.share.n < FEWEST:
        told = f"{0 if found is None else found.share.n} questions that it was not trained on are too few to say how "
        _say(context, f"{SELF}{name}: {told}well it judges; {FEWEST} at least could")
        return
    share, asked = found.share, f"{found.share.n} questions that it was not trained on"
    if not found.beyond_chance:
        raise DataError(
            f"the reward {name} of {context.folder} is not asked, as {asked} are no evidence that it judges better "
            f"than chance: of their pairs it orders {share.mean:.0%} rightly (95% interval {share.low:.0%} to "
            f"{share.high:.0%}, by {found.method}; chance is 50%); have more questions answered, train it on more "
            "answers, or ask others"
        )
    low = f"95% interval from {share.low:.0%}, by {found.method}"
    _say(context, f"{SELF}{name} orders {share.mean:.0%} of the pairs of {asked} rightly ({low})")


def unseen_answers(
    context: Context, name: str, datasets: dict[str, EpisodeStore]
) -> tuple[Answers, dict[str, EpisodeStore]] | None:
    """Given answers that a reward was not trained on.

    Args:
        context: Of the run.
        name: Of the reward.
        datasets: By name, those that the answers may be about.

    Returns:
        The answers, and the datasets; None if nobody knows of any.
    """
    folders = list(folders_of(name, context.config.rewards[name]).values())
    record = record_of(context.folder / "rewards", folders)
    labels = label_database(context.folder, build(context.config.labeler))
    if record is not None and ("://" in labels or Path(labels).exists()):
        with FeedbackStore(labels) as database:
            answers, where = database.answers(datasets.__contains__), database.database.where
        given = answers[~is_self_made(answers)]
        given = counted(given, built_filters(context)[0], where) if len(given) else given
        new = given[np.array([about not in record.about for about in asked_about(given).tolist()], bool)]
        if len(new):
            return new, datasets
    return None


def candidates_of(context: Context) -> dict[str, EpisodeStore]:
    """Datasets of candidates that a run has, by name."""
    paths = {name: context.folder / f"{name}.zarr" for name in OUTCOMES_OF}
    return {name: open_candidates(path) for name, path in paths.items() if path.exists()}


def _say(context: Context, line: str) -> None:
    context.console.print(line, soft_wrap=True, highlight=False, markup=False)
