"""The rewards of a run that are trained on answers about segments of a dataset, each in `reward/<name>`."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from pathlib import Path

import torch
from torch import nn

from robopref.answers import Answers
from robopref.cli.building import build
from robopref.cli.context import Context
from robopref.cli.embeddings import begin_with_embedding, new_segment_embedding, trained_embedding
from robopref.cli.filters import answers_of_run, built_filters
from robopref.cli.made_scorers import observed, scorer_of
from robopref.cli.persons import acquainted, choose_person, require_personal, shares_of
from robopref.cli.principles import choose_principle, require_principled
from robopref.cli.prototype_choice import chosen_prototypes
from robopref.cli.reward_settings import (
    FORMER,
    answer_source,
    folders_of,
    learns_from_ratings,
    naming_reward,
    require_objective,
)
from robopref.cli.reward_training import RewardTraining, train_members
from robopref.data.episodes.learnable import require_arrays
from robopref.data.episodes.recorded_views import steps_of
from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.answer_context import require_contexts
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.data.labels.rated_segments import known_grades, rating_answers, recorded_ratings
from robopref.data.labels.segment_pairs import first_items, recorded_comparisons, segment_answers
from robopref.decisions import as_reward
from robopref.errors import ConfigError, DataError, unknown_name
from robopref.evaluation.grade_metrics import grade_report
from robopref.items import Comparisons
from robopref.labelers.asking import label_database
from robopref.learning.held_out import item_scores
from robopref.learning.relabel import file_hash
from robopref.learning.reward_members import FittedReward, load_member, mean_of
from robopref.rewards.ensemble import Peers
from robopref.rewards.mixture import MixtureReward
from robopref.rewards.reward_factory import new_reward, require_no_policy
from robopref.scores import SuccessTarget


def require_rewards(context: Context, store: EpisodeStore) -> None:
    """Refuse rewards that cannot be made, or that look at arrays which the data lack.

    Args:
        context: Of the run.
        store: The data.

    Raises:
        ConfigError: No reward is left, one needs a policy, or an array is missing.
        DataError: What is called points or image is no clouds or no pictures.
    """
    require_any(context)
    for name in context.config.rewards:
        require_arrays(store, observed(context.config, context.config.rewards[name]))
        if len(store):
            steps_of(store, keys := _looked_at(context, store, str(name)), 0, 1)
            require_arrays(store, keys)


def recorded(context: Context) -> EpisodeStore:
    """The data of the run.

    Raises:
        ConfigError: None are named.
    """
    found = context.recordings
    if found is None:
        raise ConfigError("say which data to learn from: data=<path>, of any format that robopref data inspect reads")
    return found


def require_any(context: Context) -> None:
    """Require a reward, and that none needs a policy, which segments do not come with.

    Raises:
        ConfigError: There is none, or one does, or learns from self-made answers.
    """
    if not context.config.rewards:
        raise ConfigError("no reward is left to be trained; rewards.<name>=null may leave out all but one")
    for name, config in context.config.rewards.items():
        with naming_reward(str(name)):
            require_no_policy(scorer_of(context.config, config))
            if answer_source(config) != "given":
                raise ConfigError(
                    f"learn_from={answer_source(config)} is for robopref train reward; here rewards learn from given "
                    "answers"
                )
            ratings = learns_from_ratings(config)
        if not ratings:
            require_objective(str(name), config)


def fit_reward(
    context: Context, store: EpisodeStore, sources: Collection[str], name: str, stage: str = ""
) -> nn.Module:
    """Train a reward, and keep its weights.

    Args:
        context: Of the run.
        store: What the answers are about.
        sources: By which names questions call it.
        name: Of the reward.
        stage: Folder of its state and logs in that of the reward; empty for that one.

    Returns:
        The reward.

    Raises:
        DataError: There are no answers.
    """
    trial = new_segment_member(context, store, name, 0)
    asked = require_contexts(getattr(trial, "context", ()))
    rated = learns_from_ratings(context.config.rewards[name])
    answers = answered_segments(context, sources, rated=rated)
    gather = recorded_ratings if rated else recorded_comparisons
    data = gather(answers, store, keys=as_reward(trial).keys, context=asked)
    filters = tuple(built_filters(context)[1].values())
    training = RewardTraining(context.folder / "reward", context.seed, filters, stage)
    names = set(map(str, answers.labeler))
    _require_known(context, trial, names)
    by = set(map(str, answers.instruction))

    def member_of(member: int) -> nn.Module:
        return _begun(context, store, name, new_segment_member(context, store, name, member))

    make = acquainted(member_of, names, by)
    make = chosen_prototypes(context, name, data, make, training)
    trained = train_members(context, name, data, make, training)
    for title, fitted in trained.items():
        what = "ratings" if rated else "pairs"
        context.console.print(f"{title} reward of {fitted.questions} {what}{_watched(fitted)}")
    members = [member for fitted in trained.values() for member in fitted.members]
    choose_person(context.config, {name: members}, context.say)
    choose_principle(context.config, {name: members}, context.say)
    return mean_of(members)


def is_trained(context: Context, name: str) -> bool:
    """Whether a reward of the run is."""
    return all(_found(context, folder) is not None for folder in _folders(context, name))


def load_segment_reward(context: Context, store: EpisodeStore, name: str) -> tuple[nn.Module, str]:
    """A trained reward of the run.

    Args:
        context: Of the run.
        store: The data that it is to reward.
        name: Of the reward.

    Returns:
        The reward, the mean of its members; and a hash of their weights.

    Raises:
        DataError: It is not trained, or damaged.
    """
    made, told = list[nn.Module](), ""
    for member, folder in enumerate(_folders(context, name)):
        path = _found(context, folder)
        if path is None:
            raise DataError(
                f"no trained reward at {_weights(context, folder)}; run: robopref offline reward run={context.folder}"
            )
        made.append(load_member(path, lambda member=member: new_segment_member(context, store, name, member)))
        told += file_hash(path)
    choose_person(context.config, {name: made}, context.say)
    require_personal(context.config, name, Peers(made), typed=context.memory.gives("person"))
    choose_principle(context.config, {name: made}, context.say)
    require_principled(context.config, name, Peers(made), typed=context.memory.gives("principle"))
    return mean_of(made), told


def answered_segments(context: Context, sources: Collection[str], *, rated: bool = False) -> Answers:
    """The answers of a run about pairs of segments, or the ratings of segments.

    Args:
        context: Of the run.
        sources: By which names questions call their store.
        rated: Whether ratings are meant.

    Raises:
        DataError: There are none, or not of whom they are to be.
    """
    labeler = build(context.config.labeler)
    labels = label_database(context.folder, labeler)
    if not ("://" in labels or Path(labels).exists()):
        raise DataError(f"no labels in {context.folder}; run: robopref offline label run={context.folder}")
    with FeedbackStore(labels) as database:
        queries = [query for query in database.queries() if query.source in sources]
        answers = (rating_answers if rated else segment_answers)(queries, database.feedback())
        where = database.database.where
    return answers_of_run(context, labeler, answers, where)


def new_segment_member(context: Context, store: EpisodeStore, name: str, member: int) -> nn.Module:
    """A member of a reward of segments that is not trained.

    Args:
        context: Of the run.
        store: What is scored.
        name: Of the reward.
        member: Which one, on which its first weights depend.
    """
    torch.manual_seed(context.seed + member)
    with naming_reward(name):
        return new_reward(
            scorer_of(context.config, context.config.rewards[name]),
            lambda: first_items(store, observed(context.config, context.config.rewards[name])),
        )


def _begun(context: Context, store: EpisodeStore, name: str, reward: nn.Module) -> nn.Module:
    """A reward that is not trained, with the embedding that it is to begin with."""
    begin = context.config.rewards[name].get("begin_with")
    with naming_reward(name):
        if begin == "similarity":
            embedding = trained_embedding(context, lambda: new_segment_embedding(context, store), "offline similarity")
            begin_with_embedding(reward, embedding)
        elif begin is not None:
            raise ConfigError(f"begin_with={begin} is for the chunks of a policy; recorded steps come with none")
    return reward


def _looked_at(context: Context, store: EpisodeStore, name: str) -> Sequence[str]:
    return as_reward(new_segment_member(context, store, name, 0)).keys


def _require_known(context: Context, reward: nn.Module, names: set[str]) -> None:
    """Refuse a person who has not answered, before a reward that is to know them is trained."""
    for person in shares_of(context.config) or () if isinstance(reward, MixtureReward) else ():
        if person not in names:
            raise unknown_name("person among those who answered", person, names)


def segment_length(context: Context) -> int:
    """Steps of a segment of the run.

    Args:
        context: Of the run.

    Raises:
        ConfigError: Questions are about whole episodes.
    """
    said = context.config.label.segments.length
    if said is None:
        raise ConfigError("label.segments.length=null is for ratings of whole episodes; say how long segments are here")
    return int(said)


def member_folder(context: Context, folder: str) -> Path:
    """Where a member of a reward of segments is.

    Args:
        context: Of the run.
        folder: What it is called.
    """
    return context.folder / "reward" / folder


def _folders(context: Context, name: str) -> list[str]:
    return list(folders_of(name, context.config.rewards[name]).values())


def _weights(context: Context, folder: str) -> Path:
    return member_folder(context, folder) / "weights.pt"


def _found(context: Context, folder: str) -> Path | None:
    paths = [_weights(context, folder), *([context.folder / "reward" / "weights.pt"] if folder == FORMER else [])]
    return next((path for path in paths if path.exists()), None)


def _grades_told(members: Sequence[nn.Module], held_out: Comparisons) -> str:
    """How near the grades of held-out ratings come, in words; nothing of a reward that gives none."""
    count = len(held_out)
    with torch.no_grad():
        grades = item_scores(mean_of(members), held_out.items).grades
    if grades is None:
        return f"; {count} held-out ratings said when to stop"
    report = grade_report(known_grades(held_out, grades.shape[-1]), grades[:, 0].exp().cpu().numpy())
    return f"; of {count} held-out ratings {report.exact:.0%} exact, {report.error:.2f} grades away on average"


def _watched(fitted: FittedReward) -> str:
    if fitted.watched is None:
        return ""
    if isinstance(fitted.watched.data.target, SuccessTarget):
        return _grades_told(fitted.members, fitted.watched.data)
    accuracy = fitted.watched.accuracy
    right = "every one a tie" if math.isnan(accuracy) else f"{accuracy:.0%} ordered right"
    return f"; of {len(fitted.watched.data)} held-out pairs {right}"
