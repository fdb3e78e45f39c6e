"""`robopref offline`: from recorded episodes to policies, by way of preferences among segments of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from robopref.cli.building import build, settings
from robopref.cli.context import Context
from robopref.cli.curves import say_curves
from robopref.cli.filters import built_filters
from robopref.cli.label_asking import ask_labeler, build_labeler
from robopref.cli.label_showing import after_segments, shows_outcomes
from robopref.cli.looking_ahead import require_no_dynamics
from robopref.cli.persons import mixtures_in, require_personal, shares_of
from robopref.cli.reward_settings import learns_from_ratings
from robopref.cli.run_rewards import reward_of_run
from robopref.cli.segment_rewards import (
    fit_reward,
    is_trained,
    load_segment_reward,
    recorded,
    require_any,
    require_rewards,
    segment_length,
)
from robopref.cli.tables import print_table
from robopref.cli.weighing import require_no_weights
from robopref.data.episodes.learnable import recorded_rewards, require_arrays, require_learnable, sizes_of
from robopref.data.episodes.reward_recipes import Recipe, unchanged
from robopref.data.episodes.step_weights import StepWeighting
from robopref.data.episodes.store import EpisodeStore
from robopref.data.episodes.transitions import ActionBounds, Transitions
from robopref.data.labels.scaled_features import segment_features
from robopref.errors import ConfigError, DataError, unknown_name
from robopref.evaluation.recorded_shift import recorded_shift
from robopref.evaluation.returns import episode_outcomes, first_start
from robopref.evaluation.reward_shift import LARGEST_LOSS, MEAN_LOSS, shift_rows
from robopref.evaluation.statistics import bootstrap_mean
from robopref.evaluation.task_fit import require_task
from robopref.files import write_json
from robopref.folder_lock import locked
from robopref.labelers.subject import Subject
from robopref.learning.imitate import needs_reward
from robopref.learning.offline import CriticLearner, OfflineConfig, train_offline
from robopref.learning.relabel import file_hash
from robopref.learning.relabel import relabel as relabel_store
from robopref.learning.stored_models import load_critics, load_policy, load_reward, save_model
from robopref.protocols import lacking
from robopref.querying.segment_queries import episode_queries, segment_queries
from robopref.ranking.best_of_n import BestOfN
from robopref.rewards.segment import SegmentReward
from robopref.rewards.steps import as_step_reward


def run(context: Context) -> None:
    """Label, train a reward, relabel, learn from the learnt reward, and evaluate; what is done already is kept."""
    built_filters(context)  # what is wrong with them is said before any long work
    require_no_dynamics(context)
    require_no_weights(context)
    context.before_import(lambda store: _require_learnable(context, store))
    store = recorded(context)
    require_rewards(context, store)
    _require_fitting_questions(context)
    _require_learnable(context, store)
    _require_relabelling(context)
    if context.config.evaluate.env is not None:
        keys = list(context.config.observation)
        require_task(env := build(context.config.evaluate.make), keys, sizes_of(store, keys))
        env.close()
    if not label(context, more=context.config.label.budget is None):
        raise DataError(
            "whoever labels is out of reach; the same command goes on from here, and robopref offline reward trains on "
            "the answers there are"
        )
    _train_rewards(context, [name for name in context.config.rewards if not is_trained(context, name)])
    relabel(context)
    if _learnt(context) not in EpisodeStore.open(store.path).keys:
        raise DataError(f"{store.path} has no {_learnt(context)} after relabelling")
    _train(context, _learnt(context))
    if context.config.evaluate.env is None:
        context.console.print("not evaluated: name a task with evaluate.env=<gymnasium id>")
    else:
        evaluate(context)


def _require_fitting_questions(context: Context) -> None:
    """Require that what is asked is what rewards learn from, unless they are trained already."""
    kind = str(context.config.label.kind)
    for name, config in context.config.rewards.items():
        rated = learns_from_ratings(config)
        if rated != (kind == "rating") and not is_trained(context, str(name)):
            wanted = "label.kind=rating" if rated else "label.kind=pair"
            raise ConfigError(
                f"rewards.{name} learns from {'ratings' if rated else 'pairs'}, which label.kind={kind} does not ask "
                f"for; give {wanted}, or train it on answers that there are: robopref offline reward"
            )


def label(context: Context, *, more: bool = True) -> bool:
    """Draw pairs of segments and have them compared; goes on where it stopped.

    Args:
        context: Of the run.
        more: Whether to choose further pairs once those of before are answered.

    Returns:
        Whether the labeler was there to the end.
    """
    labeler = build_labeler(context, context.config.label.kind)
    shows_outcomes(context)  # a word that is none is refused before anything is read
    store, config = recorded(context), context.config.label
    source = store.path.stem
    instruction, count = str(context.config.task or store.attrs.get("instruction", "")), int(config.segments.count)
    if config.segments.length is None:
        if config.kind != "rating":
            raise ConfigError(
                f"label.kind={config.kind} is about segments of one length, label.segments.length=<steps>; whole "
                "episodes are for label.kind=rating"
            )
        pool = episode_queries(source, store.episode_ends, count=count, seed=context.seed, instruction=instruction)
    else:
        pool = segment_queries(
            source, store.episode_ends, length=int(config.segments.length), count=count, kind=config.kind,
            seed=context.seed, instruction=instruction,
        )  # fmt: skip
    subject = Subject(
        source, store, pool, lambda: recorded_rewards(store, str(config.truth)),
        alike=lambda: segment_features(
            store, config.alike and list(config.alike), list(context.config.observation)
        ),
        after=after_segments(context, store), task=str(context.config.task or ""), seed=context.seed,
        folder=context.folder,
    )  # fmt: skip
    return ask_labeler(context, labeler, subject, more=more)


def train_rewards(context: Context) -> None:
    """Train every reward of ``rewards`` on the labels, one after another."""
    require_any(context)
    _train_rewards(context, list(context.config.rewards))


def relabel(context: Context) -> None:
    """Reward every step of the data; the rewards become an array beside them."""
    config, store = context.config.relabel, recorded(context)
    pessimism = float(config.pessimism)
    trained, told = _relabelling(context, store)
    if isinstance(trained, SegmentReward):
        trained.pessimism = pessimism
    reward = as_step_reward(trained, pessimism=pessimism)
    provenance: dict[str, Any] = {"reward": told, "keys": list(reward.keys), "pessimism": pessimism}
    shares = shares_of(context.config)
    if mixtures_in([trained]) and shares is not None:
        provenance["person"] = {name: share / sum(shares.values()) for name, share in shares.items()}
    workers = None if context.config.workers is None else int(context.config.workers)
    # Two runs may relabel the same data, and what is done already waits beside it.
    beside = locked(store.path.parent, f"{store.path.name}.relabel", "relabel")
    with beside, context.stage("Relabel", "steps", resumes=True) as bar:
        relabel_store(store.path, reward, _learnt(context), provenance, workers=workers, progress=bar)
    context.console.print(f"rewards: {store.path / 'data' / _learnt(context)}")
    if isinstance(trained, SegmentReward) and trained.labelled is not None and int(config.pairs) > 0:
        _report_shift(context, EpisodeStore.open(store.path), trained)


def train_policy(context: Context) -> None:
    """Learn policies from the rewards that ``reward_key`` names."""
    _train(context, str(context.config.reward_key))


def evaluate(context: Context) -> None:
    """Run the policies in the task that ``evaluate.env`` names.

    Raises:
        ConfigError: It names none.
    """
    config, name = context.config.evaluate, str(context.config.learner.name)
    if config.env is None:
        raise ConfigError(
            "evaluate.env is required: the task in which policies act, evaluate.env=<gymnasium id>, such as "
            "evaluate.env=Hopper-v5"
        )
    require_no_dynamics(context)
    require_no_weights(context)
    first = load_policy(_trained(context, context.seed))
    size = first.actor.network.head.weights[-1].shape[2]
    require_task(env := build(config.make), first.normalizer.keys, (first.normalizer.size, size))
    returns: list[NDArray[np.float64]] = []
    success: list[NDArray[np.float64]] = []
    with context.stage("Evaluate", "episodes") as bar:
        for k, seed in enumerate(_seeds(context)):
            path, count = _trained(context, seed), int(config.episodes)
            found = episode_outcomes(
                env, _acting(context, path, seed), episodes=count, seed=first_start(seed, count),
                progress=lambda done, wanted, k=k: bar(k * wanted + done, len(_seeds(context)) * wanted),
            )  # fmt: skip
            returns.append(found[0])
            success.append(found[1])
    env.close()
    summary = {"env": str(config.env), "learner": name, "returns": [rows.tolist() for rows in returns]}
    summary["return"] = _interval([float(rows.mean()) for rows in returns], returns)
    if np.isfinite(success).all():
        summary["success"] = _interval([float(rows.mean()) for rows in success], success)
    path = context.folder / name / "evaluation.json"
    write_json(path, summary)
    for what in ("return", "success"):
        if what in summary:
            mean, low, high = summary[what]
            context.console.print(f"{name}: {what} {mean:.4g} ({low:.4g} to {high:.4g}): {path}")


def _train(context: Context, reward: str) -> None:
    config, seeds = context.config, _seeds(context)
    fit = OfflineConfig(**settings(config.fit))
    make = build(config.learner.method)
    looked_at = reward if needs_reward(make) else None
    context.before_import(lambda store: _require_learnable(context, store, looked_at))
    store = recorded(context)
    _require_learnable(context, store, looked_at)
    data = Transitions.load(
        store, keys=list(config.observation), reward=looked_at, recipe=_recipe(context),
        bounds=_action_bounds(context), folder=context.folder,
    )  # fmt: skip
    if looked_at is not None and "reward" in store.array_attrs(reward):
        _warn_of_ends(context, data)
    learner: Any = make(data, fit, seeds=seeds, device=context.device)
    folder = context.folder / str(config.learner.name)
    with context.stage(f"Learn by {config.learner.name}", "steps", resumes=True) as bar:
        train_offline(learner, folder=folder, progress=lambda step, _: bar(step, fit.steps))
    for index, seed in enumerate(seeds):
        if learner.actor is not None:
            save_model(folder / f"policy-{seed}.pt", learner.policy(index))
        if not lacking(learner, CriticLearner):
            save_model(folder / f"critics-{seed}.pt", learner.critics(index))
    context.console.print(f"{len(seeds)} of {config.learner.name} from {looked_at or 'all episodes'}: {folder}")
    say_curves(context, folder)


def _recipe(context: Context) -> Recipe:
    """What scales the rewards."""
    made: Any = build(context.config.recipe) if context.config.recipe is not None else unchanged
    if not lacking(made, StepWeighting):
        raise ConfigError(
            "this recipe weighs the steps that robopref train policy clones; robopref offline takes one that scales "
            "rewards, such as recipe=by_length"
        )
    return made


def _train_rewards(context: Context, names: Sequence[str]) -> None:
    store = recorded(context)
    for name in map(str, names):
        fit_reward(context, store, [store.path.stem], name)


def _relabelling(context: Context, store: EpisodeStore) -> tuple[nn.Module, str]:
    """The reward that relabels, and a hash of its weights."""
    return _of_elsewhere(context) or load_segment_reward(context, store, _own(context))


def _require_relabelling(context: Context) -> None:
    """Refuse to relabel with a reward of which it is known already that it will not be there."""
    model = context.config.relabel.model
    if model is None:
        _own(context)
    elif not Path(model).resolve().is_relative_to(context.folder.resolve()):
        _of_elsewhere(context)
    elif not Path(model).is_dir():  # a file that may not be there yet
        _require_no_choice(context)


def _of_elsewhere(context: Context) -> tuple[nn.Module, str] | None:
    """The reward that ``relabel.model`` names, and a hash of its weights; None if it names none."""
    config = context.config.relabel
    if config.model is None:
        return None
    path = Path(config.model)
    person = shares_of(context.config)
    if path.is_dir():
        found = reward_of_run(path, None if config.use is None else str(config.use), person)
    else:
        _require_no_choice(context)
        found = load_reward(path), file_hash(path)
        for one in mixtures_in(found[:1]):
            one.choose(person)
    require_personal(context.config, str(path), found[0], typed=context.memory.gives("person"))
    return found


def _require_no_choice(context: Context) -> None:
    """Refuse to choose among rewards where ``relabel.model`` is the file of one."""
    config = context.config.relabel
    if config.use is not None:
        raise ConfigError(
            f"relabel.use={config.use} chooses among the rewards of a run folder, and relabel.model={config.model} is "
            "none; leave relabel.use, or name the run folder: relabel.model=<run folder>"
        )


def _own(context: Context) -> str:
    """Name of the run's own reward that relabels."""
    name = str(context.config.use if context.config.relabel.use is None else context.config.relabel.use)
    if name not in context.config.rewards:
        raise unknown_name("relabel.use", name, map(str, context.config.rewards))
    return name


def _report_shift(context: Context, store: EpisodeStore, reward: SegmentReward) -> None:
    label = context.config.label
    report = recorded_shift(
        store, reward, _learnt(context), length=segment_length(context), pairs=int(context.config.relabel.pairs),
        truth=str(label.truth), seed=context.seed,
    )  # fmt: skip
    print_table(context.console, "Where the reward is asked about what was not labelled", shift_rows(report))
    for warning in report.warnings:
        context.console.print(
            f"the reward {warning}; label segments of these data as well. For comparison: implicit rewards lost "
            f"{MEAN_LOSS:.0%} on average and {LARGEST_LOSS:.0%} at most (docs/offline.md)",
            soft_wrap=True,
        )
    write_json(context.folder / "shift.json", report.to_dict())


def _require_learnable(context: Context, store: EpisodeStore, reward: str | None = None) -> None:
    require_learnable(
        store, list(context.config.observation), rewarded=needs_reward(build(context.config.learner.method)),
        bounds=_action_bounds(context),
    )  # fmt: skip
    require_arrays(store, [] if reward is None else [reward])


def _action_bounds(context: Context) -> ActionBounds:
    given = context.config.action_bounds
    return ActionBounds() if given is None else ActionBounds(*given)


def _trained(context: Context, seed: int) -> Path:
    path = context.folder / str(context.config.learner.name) / f"policy-{seed}.pt"
    if not path.exists():
        raise DataError(f"no trained policy at {path}; run: robopref offline train run={context.folder}")
    return path


def _warn_of_ends(context: Context, data: Transitions) -> None:
    """Nothing that was compared says whether a learnt reward is above or below that of an ended episode, zero."""
    ended = int(data.terminated.sum())
    if ended and data.reward.min() < 0 < data.reward.max():
        context.console.print(
            f"note: {ended} episodes end for good, and learnt rewards on both sides of zero do not say whether that is "
            "to be sought or avoided; choose recipe=costs if tasks end when they are solved, recipe=gains if they end "
            "when something goes wrong"
        )


def _acting(context: Context, path: Path, seed: int) -> Callable[[Any], Tensor]:
    """What a trained policy does, or what its critics choose of what it might."""
    policy = load_policy(path)
    if not context.config.learner.ranked:
        return policy.act
    ranker = BestOfN(
        policy, load_critics(path.with_name(f"critics-{seed}.pt")), int(context.config.evaluate.candidates),
        build(context.config.ranker.rule),
    )  # fmt: skip
    generator = torch.Generator().manual_seed(seed)
    return lambda observation: ranker.choose(observation, generator=generator).action[:, 0]


def _interval(means: list[float], rows: list[NDArray[np.float64]]) -> list[float]:
    """Mean with a 95 % interval, over seeds where there are several, else over episodes."""
    found = bootstrap_mean(means if len(means) > 1 else rows[0])
    return [found.mean, found.low, found.high]


def _learnt(context: Context) -> str:
    return f"reward_{context.config.relabel.name}"


def _seeds(context: Context) -> list[int]:
    return [context.seed + k for k in range(int(context.config.seeds))]
