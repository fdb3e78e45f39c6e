"""`robopref train`, and its parts `robopref train policy` and `robopref train reward`."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path

from robopref.answers import Answers
from robopref.cli.building import build, settings
from robopref.cli.checkpoints import say_checkpoints, validation_note
from robopref.cli.context import Context
from robopref.cli.curves import say_curves
from robopref.cli.filters import answers_of_run, built_filters
from robopref.cli.made_with import keep_settings, settings_told
from robopref.cli.policies import require_trainable
from robopref.cli.reward_settings import naming_reward, require_objective
from robopref.cli.reward_training import RewardTraining, train_members
from robopref.cli.trained_rewards import new_member, untrained
from robopref.data.episodes.candidate_store import CANDIDATES, open_candidates
from robopref.data.episodes.geometry import recorded_geometry
from robopref.data.labels.answer_context import require_contexts
from robopref.data.labels.comparisons import candidate_comparisons
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.errors import ConfigError, DataError, PolicyError
from robopref.items import Comparisons
from robopref.labelers.asking import label_database
from robopref.learning.checkpoint import save_checkpoint
from robopref.learning.clone import clone_policy
from robopref.learning.fit import FitConfig
from robopref.learning.topk_checkpoints import CheckpointConfig
from robopref.policies.abilities import is_trainable
from robopref.protocols import ChunkPolicy


def train(context: Context) -> None:
    """Train the policy if it is not trained yet, then the rewards."""
    built_filters(context)  # what is wrong with them is said before any long work
    if not (context.folder / "policy" / "weights.pt").exists():
        require_carried(context)
        if is_trainable(context.new_policy()):
            train_policy(context)
    train_rewards(context)


def train_policy(context: Context) -> None:
    """Clone the demonstrations into a policy."""
    config = context.config.train
    policy = context.new_policy()
    require_trainable(policy)
    fit, checkpoints = FitConfig(**settings(config.fit)), CheckpointConfig(**settings(config.checkpoints))
    folder, made = context.folder / "policy", context.config.policy
    keep_settings(folder, "policy", made)
    with (
        context.stage("Train the policy", "steps", resumes=True) as bar,
        settings_told(folder, "policy", made),
    ):
        clone_policy(
            policy, context.demonstrations, fit, seed=context.seed, batch_size=config.batch_size, draws=config.draws,
            points=config.points, validation=config.validation, checkpoints=checkpoints, folder=folder,
            progress=lambda step, metrics: bar(step, fit.steps, validation_note(metrics)),
        )  # fmt: skip
    path = folder / "weights.pt"
    save_checkpoint(path, {"module": policy.state_dict()})
    context.console.print(f"policy: {path}")
    say_checkpoints(context, folder)
    say_curves(context, path.parent)


def train_rewards(context: Context) -> None:
    """Train every reward of ``rewards`` on the labels."""
    if not context.config.rewards:
        raise ConfigError("no reward is left to be trained; rewards.<name>=null may leave out all but one")
    data: dict[tuple[str, ...], Comparisons] = {(): load_preferences(context)}
    filters = tuple(built_filters(context)[1].values())
    training = RewardTraining(context.folder / "rewards", context.seed * 100, filters)
    for name, asked in require_carried(context, context.policy()).items():
        if asked not in data:
            data[asked] = load_preferences(context, asked)
        config = context.config.rewards[name]
        train_members(
            context, name, data[asked], lambda member, config=config: new_member(context, config, member), training
        )  # fmt: skip
        context.console.print(f"{name} reward: {context.folder / 'rewards'}")
    say_curves(context, context.folder / "rewards")


def require_carried(context: Context, policy: ChunkPolicy | None = None) -> dict[str, tuple[str, ...]]:
    """Demand that the policy can carry every reward of ``rewards``.

    Args:
        context: Of the command.
        policy: The policy; None makes an untrained one.

    Returns:
        Of each reward, by which context of an answer it scores.

    Raises:
        PolicyError: It cannot; the line says which it can.
        ConfigError: A setting of a reward is wrong.
    """
    tried: ChunkPolicy = context.new_policy() if policy is None else policy
    carried, refused = dict[str, tuple[str, ...]](), dict[str, PolicyError]()
    for name, config in context.config.rewards.items():
        try:
            require_objective(str(name), config)
            with naming_reward(str(name)):
                made = untrained(lambda: deepcopy(tried), context, config)
                carried[str(name)] = require_contexts(getattr(made, "context", ()))
        except PolicyError as error:
            refused[str(name)] = error
    for name, error in refused.items():
        raise PolicyError(
            f"rewards.{name}: {error}; of the rewards of this run, the policy can carry "
            f"{', '.join(carried) or 'none'}; leave out others with rewards.{name}=null"
        ) from error
    return carried


def load_preferences(context: Context, asked: Sequence[str] = ()) -> Comparisons:
    """The labelled candidates of the run.

    Args:
        context: Of the run.
        asked: By which context of an answer they are told apart.

    Raises:
        DataError: Nothing is labelled.
    """
    labeler = build(context.config.labeler)
    path, labels = context.folder / "candidates.zarr", label_database(context.folder, labeler)
    if not path.exists() or not ("://" in labels or Path(labels).exists()):
        raise DataError(f"no labels in {context.folder}; run: robopref label run={context.folder}")
    store = open_candidates(path)
    candidates = store.array("candidates")
    with FeedbackStore(labels) as database:
        queries = [query for query in database.queries() if query.items[0].source == CANDIDATES]
        ids = {query.id for query in queries}
        feedback = [given for given in database.feedback() if given.query_id in ids]
        where = database.database.where
    answers = answers_of_run(context, labeler, Answers.of(queries, feedback), where)
    if not answers.weight.any():
        raise DataError(f"no answer in {where} compares candidates; run: robopref label run={context.folder}")
    demonstrations = context.demonstrations
    chunk = context.policy().shape
    forms = (
        ("candidates", candidates.shape[2:], tuple(chunk)),
        ("proprio", store.array("proprio", 0, 1).shape[1:], demonstrations.array("proprio", 0, 1).shape[1:]),
    )
    for name, got, wanted in forms:
        if got != wanted:
            raise DataError(
                f"{path} holds {name} of {got}, the demonstrations and the policy are for {wanted}; choose another run "
                f"folder, or remove it and {where}"
            )
    return candidate_comparisons(answers, store, recorded_geometry(demonstrations), context=asked)
