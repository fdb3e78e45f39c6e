"""`robopref train`, and its parts `robopref train policy` and `robopref train reward`."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from dataclasses import replace
from typing import NamedTuple

from robopref.cli.answered import TrainingAnswers, carried_out_for, load_training
from robopref.cli.building import build, settings
from robopref.cli.checkpoints import say_checkpoints, validation_note
from robopref.cli.context import Context
from robopref.cli.curves import say_curves
from robopref.cli.filters import built_filters
from robopref.cli.first_weights import begun, first_member
from robopref.cli.made_with import keep_settings, settings_told
from robopref.cli.persons import acquainted
from robopref.cli.policies import require_trainable
from robopref.cli.prototype_choice import chosen_prototypes
from robopref.cli.reward_margins import marginal, margins_of, require_margins
from robopref.cli.reward_settings import answer_source, folders_of, labelers_of, naming_reward, require_objective
from robopref.cli.reward_training import RewardTraining, keep_members, planned, trained
from robopref.cli.trained_rewards import untrained
from robopref.data.episodes.step_weights import StepWeighting
from robopref.data.labels.answer_context import require_contexts
from robopref.data.labels.self_made import AnswerSource
from robopref.decisions import outcome_parts
from robopref.errors import ConfigError, DataError, PolicyError
from robopref.evaluation.choice_needs import LearntFrom, keep_learnt, load_learnt
from robopref.labeler_kinds import SELF
from robopref.learning.agreement_watch import watching
from robopref.learning.checkpoint import save_checkpoint
from robopref.learning.chunk_batches import require_weights
from robopref.learning.clone import CloneBatches, WeighedSteps, clone_policy
from robopref.learning.fit import FitConfig
from robopref.learning.reward_record import keep_record
from robopref.learning.side_by_side import MemberTraining
from robopref.learning.topk_checkpoints import CheckpointConfig
from robopref.policies.abilities import history_of, learns
from robopref.protocols import ChunkPolicy, LiveFilter, lacking

_LONG = 16  # observations of a history, from which on it is said what they cost


def train(context: Context) -> None:
    """Train the policy if it is not trained yet, then the rewards."""
    built_filters(context)  # what is wrong with them is said before any long work
    if not (context.folder / "policy" / "weights.pt").exists():
        require_carried(context)
        if learns(context.new_policy()):
            train_policy(context)
    train_rewards(context)


def train_policy(context: Context) -> None:
    """Clone the demonstrations into a policy."""
    config = context.config.train
    if context.memory.gives("data") and (context.folder / "demos.zarr").exists():
        raise DataError(
            f"{context.folder} has demonstrations that were collected, of which its policy is cloned; train one of "
            "data= in another run folder"
        )
    fit, checkpoints = FitConfig(**settings(config.fit)), CheckpointConfig(**settings(config.checkpoints))
    weighed = _weighed(context)
    context.before_import(lambda store: require_weights(store, config.weights))
    if weighed is not None:
        context.before_import(weighed.rewards)
    policy = context.new_policy()
    require_trainable(policy)
    if weighed is not None:
        weighed.chances(context.demonstrations)  # what is wrong is said before anything is written
    if (seen := history_of(policy)) > _LONG:
        context.console.print(
            f"policy.history={seen}: every state of a batch is {seen} observations that are encoded anew, so a step "
            f"may take {seen} times as long as with one",
            soft_wrap=True,
        )
    batches = CloneBatches(config.batch_size, config.draws, config.points, config.weights, weighed)
    folder, made = context.folder / "policy", context.config.policy
    keep_settings(folder, "policy", made)
    with (
        context.stage("Train the policy", "steps", resumes=True) as bar,
        settings_told(folder, "policy", made),
    ):
        clone_policy(
            policy, context.demonstrations, fit, seed=context.seed, batches=batches, validation=config.validation,
            checkpoints=checkpoints, folder=folder,
            progress=lambda step, metrics: bar(step, fit.steps, validation_note(metrics)),
        )  # fmt: skip
    path = folder / "weights.pt"
    save_checkpoint(path, {"module": policy.state_dict()})
    context.console.print(f"policy: {path}")
    say_checkpoints(context, folder)
    say_curves(context, path.parent)


def _weighed(context: Context) -> WeighedSteps | None:
    """How the steps of the demonstrations are weighed; None if they all count alike."""
    if context.config.recipe is None:
        return None
    weighting = build(context.config.recipe)
    if lacking(weighting, StepWeighting):
        raise ConfigError(
            "this recipe scales the rewards that robopref offline learns from; robopref train policy takes "
            "recipe=reward_weighted, progress_weighted or null"
        )
    return WeighedSteps(str(context.config.train.reward), weighting)


def train_rewards(context: Context) -> None:
    """Train every reward of ``rewards`` on the labels."""
    if not context.config.rewards:
        raise ConfigError("no reward is left to be trained; rewards.<name>=null may leave out all but one")
    data: dict[Needs, TrainingAnswers] = {}
    filters = tuple(built_filters(context)[1].values())
    # Those that learn from what others say come after these.
    carried = sorted(
        require_carried(context, context.policy()).items(), key=lambda one: one[1].answer_source != "given"
    )
    # What is wrong with given answers, or with what came of candidates, is said before anything is trained.
    for _, needs in carried:
        if needs.answer_source == "given" and needs not in data:
            data[needs] = _load(context, needs)
    rewards = context.config.rewards
    alone = [one for one in carried if not margins_of(rewards[one[0]])]
    _train_some(context, alone, data, filters)
    # Those with margins learn from what others say by then.
    _train_some(context, [one for one in carried if margins_of(rewards[one[0]])], data, filters)
    say_curves(context, context.folder / "rewards")


def _load(context: Context, needs: Needs) -> TrainingAnswers:
    return load_training(
        context, needs.context, after=needs.after, answer_source=needs.answer_source, labelers=needs.labelers
    )


def _train_some(
    context: Context,
    carried: list[tuple[str, Needs]],
    data: dict[Needs, TrainingAnswers],
    filters: tuple[LiveFilter, ...],
) -> None:
    """Train some rewards, side by side where there are processors."""
    if not carried:
        return
    plans: list[tuple[str, RewardTraining, MemberTraining]] = []
    for name, needs in carried:
        if needs not in data:
            data[needs] = _load(context, needs)
        learnt = data[needs]
        training = RewardTraining(context.folder / "rewards", context.seed * 100, filters)
        if needs.answer_source != "given":
            training = _guarded(context, name, learnt, training)
        make = acquainted(
            lambda member, name=str(name): first_member(context, name, member), learnt.labelers, learnt.instructions
        )
        make = chosen_prototypes(context, name, learnt.comparisons, make, training)
        made = planned(context, name, marginal(context, name, learnt.comparisons), make, training)
        plans += [(name, training, plan) for plan in made]
    left = Counter(name for name, *_ in plans)
    for place, found in trained(context, [plan for *_, plan in plans]):
        name, training, plan = plans[place]
        keep_members(context, plan, found, training)
        left[name] -= 1
        # In the order of the rewards, as a later one may have learnt from what an earlier one said.
        while carried and left[carried[0][0]] == 0:
            name, needs = carried.pop(0)
            _keep_learnt_from(context, name, needs, data[needs])


def _keep_learnt_from(context: Context, name: str, needs: Needs, learnt: TrainingAnswers) -> None:
    """Keep what a reward learnt from, of which all members are trained."""
    came = carried_out_for(context, needs.after, needs.answer_source)
    keep_learnt(context.folder, {name: _learnt_from(context, learnt, came, needs.answer_source)})
    keep_record(context.folder / "rewards", list(folders_of(name, context.config.rewards[name]).values()), learnt.about)
    context.console.print(f"{name} reward: {context.folder / 'rewards'}")


def _learnt_from(context: Context, learnt: TrainingAnswers, came: int | None, source: AnswerSource) -> LearntFrom:
    """What a reward learnt from; what another one said for it, that one had to learn first."""
    if source == "self_made" and len(learnt.labelers) == 1:
        judge = load_learnt(context.folder).get(next(iter(learnt.labelers)).removeprefix(SELF), LearntFrom())
        both = None if came is None or judge.carried_out is None else came + judge.carried_out
        return LearntFrom(judge.answers, both)
    return LearntFrom(learnt.questions, came)


def _guarded(context: Context, name: str, learnt: TrainingAnswers, training: RewardTraining) -> RewardTraining:
    """A training on self-made answers over which given ones watch."""
    if f"{SELF}{name}" in learnt.labelers:
        raise ConfigError(
            f"rewards.{name}.learn_from: some of the answers are {name}'s own, of which it would learn nothing; have "
            "another reward answer, with labeler.reward="
        )
    given = watching(learnt.watching)
    if given is None:
        context.console.print(
            f"{name}: no held-out answers of people, teachers or models watch over what it learns from rewards",
            soft_wrap=True, highlight=False, markup=False,
        )  # fmt: skip
    return replace(training, given=given, watchers=learnt.watchers)


class Needs(NamedTuple):
    """What a reward has to know of answered questions beside the items themselves.

    Attributes:
        context: By which context of an answer it scores.
        after: Parts of an observation that it looks at after each decision.
        answer_source: Whose answers it learns from.
        labelers: Names of those who gave them; none for all that filters leave.
    """

    context: tuple[str, ...]
    after: tuple[str, ...]
    answer_source: AnswerSource
    labelers: tuple[str, ...] = ()


def require_carried(context: Context, policy: ChunkPolicy | None = None) -> dict[str, Needs]:
    """Demand that the policy can carry every reward of ``rewards``.

    Args:
        context: Of the command.
        policy: The policy; None makes an untrained one.

    Returns:
        Of each reward, what it has to know.

    Raises:
        PolicyError: It cannot; the line says which it can.
        ConfigError: A setting of a reward is wrong.
    """
    tried: ChunkPolicy = context.new_policy() if policy is None else policy
    carried, refused = dict[str, Needs](), dict[str, PolicyError]()
    for name, config in context.config.rewards.items():
        try:
            require_objective(str(name), config)
            with naming_reward(str(name)):
                made = untrained(lambda: deepcopy(tried), context, config)
                begun(context, config, made)
                asked = require_contexts(getattr(made, "context", ()))
                whose = labelers_of(config)
                carried[str(name)] = Needs(tuple(asked), outcome_parts(made), answer_source(config), whose)
            require_margins(
                context.config.rewards, str(name),
                lambda other: untrained(lambda: deepcopy(tried), context, context.config.rewards[other]),
            )  # fmt: skip
        except PolicyError as error:
            refused[str(name)] = error
    for name, error in refused.items():
        raise PolicyError(
            f"rewards.{name}: {error}; of the rewards of this run, the policy can carry "
            f"{', '.join(carried) or 'none'}; leave out others with rewards.{name}=null"
        ) from error
    return carried
