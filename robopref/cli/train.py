"""`robopref train`, and its parts `robopref train policy` and `robopref train reward`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig, OmegaConf
from torch import nn

from robopref.answers import Answers
from robopref.cli.context import Context, build, settings
from robopref.cli.curves import say_curves
from robopref.cli.filters import answers_of_run, built_filters
from robopref.cli.label_subject import CANDIDATES, label_database
from robopref.cli.made_with import keep_settings, settings_of, settings_told
from robopref.cli.other_labels import on_these_labels
from robopref.cli.policies import require_trainable
from robopref.data.episodes.candidate_store import open_candidates
from robopref.data.episodes.geometry import recorded_geometry
from robopref.data.labels.comparisons import candidate_target
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.errors import ConfigError, DataError, PolicyError
from robopref.items import Comparisons
from robopref.labelers.subject import Bar
from robopref.learning.checkpoint import load_weights, save_checkpoint
from robopref.learning.clone import clone_policy
from robopref.learning.fit import FitConfig
from robopref.learning.preference import Batches, train_reward
from robopref.policies.abilities import is_trainable
from robopref.protocols import ChunkPolicy, LiveFilter
from robopref.records import Observation
from robopref.rewards.derived import with_derived
from robopref.rewards.ensemble import EnsembleReward, Peers
from robopref.scores import PairTarget


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
    fit = FitConfig(**settings(config.fit))
    folder, made = context.folder / "policy", context.config.policy
    keep_settings(folder, "policy", made)
    with (
        context.stage("Train the policy", "steps", resumes=True) as bar,
        settings_told(folder, "policy", made),
    ):
        clone_policy(
            policy, context.demonstrations, fit, seed=context.seed, batch_size=config.batch_size, draws=config.draws,
            points=config.points, folder=folder, progress=lambda step, _: bar(step, fit.steps),
        )  # fmt: skip
    path = folder / "weights.pt"
    save_checkpoint(path, {"module": policy.state_dict()})
    context.console.print(f"policy: {path}")
    say_curves(context, path.parent)


def train_rewards(context: Context) -> None:
    """Train every reward of ``rewards`` on the labels."""
    if not context.config.rewards:
        raise ConfigError("no reward is left to be trained; rewards.<name>=null may leave out all but one")
    data, filters = load_preferences(context), tuple(built_filters(context)[1].values())
    require_carried(context, context.policy())
    for name, config in context.config.rewards.items():
        labels = member_names(str(name), config)
        # Members that filters compare train at once, all others one by one.
        groups = [labels] if filters else [{member: label} for member, label in labels.items()]
        for group in groups:
            title = next(iter(group.values())) if len(group) == 1 else f"{name}-peers"
            with context.stage(f"Train the {title} reward", "steps", resumes=True) as bar:
                _train_members(context, context.folder / "rewards" / title, str(name), data, group, bar, filters)
        context.console.print(f"{name} reward: {context.folder / 'rewards'}")
    say_curves(context, context.folder / "rewards")


def require_carried(context: Context, policy: ChunkPolicy | None = None) -> None:
    """Demand that the policy can carry every reward of ``rewards``.

    Args:
        context: Of the command.
        policy: The policy; None makes an untrained one.

    Raises:
        PolicyError: It cannot; the line says which it can.
        ConfigError: A setting of a reward is wrong.
    """
    tried: ChunkPolicy = context.new_policy() if policy is None else policy
    carried, refused = list[str](), dict[str, PolicyError]()
    for name, config in context.config.rewards.items():
        try:
            _scorer_for(deepcopy(tried), context, config)
            carried.append(str(name))
        except PolicyError as error:
            refused[str(name)] = error
    for name, error in refused.items():
        raise PolicyError(
            f"rewards.{name}: {error}; of the rewards of this run, the policy can carry "
            f"{', '.join(carried) or 'none'}; leave out others with rewards.{name}=null"
        ) from error


def member_names(name: str, config: DictConfig) -> dict[int, str]:
    """What the folder of each member of a reward is called."""
    count = int(config.members)
    return {member: name if count == 1 else f"{name}-{member + 1}" for member in range(count)}


def _train_members(
    context: Context, folder: Path, name: str, data: Comparisons, members: Mapping[int, str], bar: Bar,
    filters: tuple[LiveFilter, ...],
) -> None:  # fmt: skip
    config = context.config.rewards[name]
    fit = FitConfig(**settings(config.fit))
    draws = None if config.train_draws is None else build(config.train_draws)
    batches = Batches(int(config.batch_size), int(config.points), draws, filters=filters)

    def trained() -> list[nn.Module]:
        made = [_new_member(context, config, member) for member in members]
        train_reward(
            made[0] if len(made) == 1 else Peers(made), judged(data, config), build(config.objective), fit,
            seed=context.seed * 100 + min(members), batches=batches, folder=folder,
            made_with=_made_with(name, config), progress=lambda step, _: bar(step, fit.steps),
        )  # fmt: skip
        return made

    made = on_these_labels(context, folder, trained)
    for label, reward in zip(members.values(), made, strict=True):
        save_checkpoint(context.folder / "rewards" / label / "weights.pt", {"module": reward.state_dict()})


def _made_with(name: str, config: DictConfig) -> dict[str, str]:
    """What a reward is trained with that neither its weights nor the numbers of its labels say."""
    made = settings_of(f"rewards.{name}", OmegaConf.masked_copy(config, ["scorer", "operator"]))
    # With draws of its own, training does not depend on those that candidates are ranked by.
    ranked_by = f"rewards.{name}.scorer.draws."
    return {key: value for key, value in made.items() if config.train_draws is None or not key.startswith(ranked_by)}


def judged(data: Comparisons, config: DictConfig) -> Comparisons:
    """What the operator of a reward, if it has one, makes of the labels.

    Args:
        data: Candidates and preferences among them.
        config: Of the reward.

    Returns:
        The data with a target that the reward's objective takes.
    """
    if config.operator is None or not isinstance(data.target, PairTarget):
        return data
    # A candidate that was never compared has no share of comparisons won.
    share = torch.where(data.target.asked > 0, data.target.share, torch.nan)
    return data.chosen(build(config.operator)(share))


def load_rewards(context: Context) -> dict[str, nn.Module]:
    """The trained rewards by name and what follows from them, averaged over the task's symmetries.

    Args:
        context: Of the run.

    Returns:
        Modules that are scorers: each reward, which is the mean of its members, and those of `with_derived`.

    Raises:
        DataError: One is not trained.
    """
    rewards: dict[str, nn.Module] = {name: EnsembleReward(members) for name, members in load_members(context).items()}
    return with_derived(rewards, context.policy())


def load_members(context: Context, names: Collection[str] | None = None) -> dict[str, list[nn.Module]]:
    """The members of trained rewards, in eval mode.

    Args:
        context: Of the run.
        names: Of which rewards; None takes all.

    Raises:
        DataError: One is not trained.
    """
    rewards: dict[str, list[nn.Module]] = {}
    for name, config in context.config.rewards.items():
        if names is not None and name not in names:
            continue
        members = rewards.setdefault(str(name), [])
        for member, label in member_names(str(name), config).items():
            path = context.folder / "rewards" / label / "weights.pt"
            if not path.exists():
                raise DataError(f"no trained reward at {path}; run: robopref train reward run={context.folder}")
            scorer = _new_member(context, config, member)
            load_weights(path, scorer)
            members.append(scorer.eval())
    return rewards


def load_preferences(context: Context) -> Comparisons:
    """The labelled candidates of the run.

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
    target = candidate_target(answers, states=store.steps, candidates=candidates.shape[1])
    if not target.weight.any():
        raise DataError(f"no answer in {where} compares candidates; run: robopref label run={context.folder}")
    demonstrations = context.demonstrations
    geometry, chunk = recorded_geometry(demonstrations), context.policy().shape
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
    return Comparisons.of_candidates(
        Observation(torch.as_tensor(store.array("points")), torch.as_tensor(store.array("proprio"))),
        torch.as_tensor(np.asarray(candidates, dtype=np.float32)),
        target,
        geometry,
    )


def _new_member(context: Context, config: DictConfig, member: int) -> nn.Module:
    policy = context.policy()
    torch.manual_seed(context.seed * 100 + member)
    return _scorer_for(policy, context, config)


def _scorer_for(policy: ChunkPolicy, context: Context, config: DictConfig) -> nn.Module:
    factory: Any = build(config.scorer)
    scorer = factory(policy)
    if not isinstance(scorer, nn.Module):
        raise ConfigError(f"rewards need a torch module, {type(scorer).__name__} is none")
    return scorer.to(context.device)
