"""Training a reward on preferences among items, or on what became of them: one loop for every kind of reward."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, get_type_hints

import torch
from torch import Tensor, nn

from robopref.data.episodes.augment import augment
from robopref.data.episodes.turned_outcomes import varied_outcomes
from robopref.decisions import as_reward, outcome_parts
from robopref.errors import ConfigError, DataError
from robopref.factories import call_part
from robopref.items import ACTION, Comparisons, Items
from robopref.learning.agreement_watch import AgreementWatch
from robopref.learning.filter_names import name_of_filter
from robopref.learning.fit import CONSTANT, FitConfig, fit
from robopref.learning.held_out import HeldOut, Watched
from robopref.learning.loop import TrainingProgress, fingerprint
from robopref.learning.origin import GUARD, HELD_OUT, LABELS, TrainingOrigin
from robopref.policies.draws import UniformDraw
from robopref.protocols import JointReward, LiveFilter, Objective, SmoothingFilter, Standardised
from robopref.records import ActionGeometry, is_outcome
from robopref.scores import Loss, NoiseDraw, PairTarget, Scores, SuccessTarget, Target

_WEIGH, _SMOOTH = "weigh(margins, p, done)", "smooth(margins, p, done)"
# What checkpoints call a function that has another name by now, so that training goes on from them.
_STORED_NAMES = {
    "robopref.objectives.classification.success_cross_entropy": (
        "robopref.objectives.classification.outcome_cross_entropy"
    )
}


@dataclass(frozen=True)
class Batches:
    """What a step of training looks at.

    Attributes:
        size: Questions of a batch.
        points: Points kept of an observation, where the task's symmetries vary the items.
        draws: Noise draws of a diffusion score, drawn anew every step; None leaves them to the reward.
        keep: Share of the decisions of an item to look at in each step, drawn anew and weighted up: rewards are learnt
            from fewer decisions, faster, and with an augmentation.
        cuts: Lengths, in decisions, to one of which the items of each batch are cut at random places; empty for whole
            items. A reward then cannot learn what belongs to one length alone.
        filters: Weigh the questions of a batch by what the members of the reward say of them.

    Raises:
        ConfigError: The share is not in (0, 1], or a length is none.
    """

    size: int = 32
    points: int = 96
    draws: UniformDraw | None = None
    keep: float = 1.0
    cuts: Sequence[int] = ()
    filters: Sequence[LiveFilter] = field(default_factory=tuple[LiveFilter, ...])

    def __post_init__(self) -> None:
        if not 0 < self.keep <= 1:
            raise ConfigError(f"keep is a share of the steps of a segment and must be in (0, 1], got {self.keep}")
        if any(length < 1 for length in self.cuts):
            raise ConfigError(f"cuts are numbers of steps of at least 1, got {list(self.cuts)}")


def train_reward(
    reward: nn.Module,
    data: Comparisons,
    objective: Objective,
    config: FitConfig,
    *,
    seed: int,
    batches: Batches = Batches(),
    watch: HeldOut | AgreementWatch | None = None,
    folder: Path | None = None,
    made_with: Mapping[str, str] | None = None,
    progress: TrainingProgress | None = None,
) -> nn.Module:
    """Fit a reward to what is known of items; questions of which nothing is known are left out.

    The members of a `JointReward` draw batches of their own, unless a filter is to compare what they say: then they
    share them.

    Args:
        reward: A module that is a `Reward`, or a `CandidateScorer`.
        data: What was preferred, or succeeded.
        objective: Turns scores and the kind of target that the data hold into a loss.
        config: How to train.
        seed: Seed of the batches.
        batches: What each step looks at.
        watch: Questions that say when to stop; the reward is then the one that fitted, or ordered, them best.
        folder: Where state and logs go.
        made_with: Settings of the reward by name, which its weights need not show; a state of others is not continued.
        progress: Called with every step.

    Returns:
        The reward, with averaged weights unless questions were watched.

    Raises:
        DataError: Nothing is known of any item.
        ConfigError: It cannot score; the objective takes preferences and the data hold outcomes, or the other way
            round; or the reward of a decision depends on those before, which were to be left out.
    """
    require_takes(objective, type(data.target))
    if outcome_parts(reward):
        data = replace(data, items=data.items.only(as_reward(reward).keys))
    if batches.keep < 1 and getattr(reward, "history", None):
        raise ConfigError("a reward that depends on what came before needs all steps of a segment; leave keep=1")
    data = data.to(next(reward.parameters()).device)
    rows = (data.target.asked.sum(1) > 0).nonzero()[:, 0]
    if len(rows) == 0:
        raise DataError("nothing is known of any item; label some first (every answer was an abstention?)")
    told = fingerprint(data.described())
    parts: dict[str, object] = {
        LABELS: told, "batch_size": batches.size, "points": batches.points, "objective": _describe(objective),
        "draws": _describe(batches.draws),
    }  # fmt: skip
    if batches.keep < 1:
        parts["keep"] = batches.keep
    if batches.cuts:
        parts["cuts"] = list(batches.cuts)
    if batches.filters:
        parts["filters"] = " ".join(map(_describe, batches.filters))
        if config.schedule == CONSTANT:  # which does not depend on the steps otherwise; filters know what share is done
            parts["filters"] += f" of {config.steps} steps"
    if watch is not None:
        parts[HELD_OUT if isinstance(watch, HeldOut) else GUARD] = fingerprint(watch.data.described())
    origin = TrainingOrigin(" ".join(str(part) for part in parts.values()), {**(made_with or {}), **parts})

    def loss(model: nn.Module, generator: torch.Generator, done: float) -> Loss:
        own = model.count if isinstance(model, JointReward) and not batches.filters else 1
        shape = (own, batches.size) if own > 1 else (batches.size,)
        index = rows[torch.randint(len(rows), shape, generator=generator, device=generator.device)]
        items, target = _varied(data, index, batches, generator), data.target[index]
        if batches.filters:
            return objective(*_weighed(_each(model, items, batches, generator), target, batches.filters, done))
        return objective(_scores(model, items, batches, generator), target if own == 1 else _flat(target))

    if isinstance(reward, Standardised):
        reward.standardise(data.items[rows])
    fit(
        reward, loss, config, seed=seed, origin=origin, folder=folder, progress=progress,
        watch=Watched(watch, reward, objective) if isinstance(watch, HeldOut) else watch,
    )  # fmt: skip
    return reward


@torch.no_grad()
def kept_shares(
    reward: nn.Module, data: Comparisons, batches: Batches, *, seed: int, passes: int = 10
) -> tuple[Tensor, Tensor]:
    """How much of each pair the filters of a training leave when it has ended.

    All questions are looked at as often as there are passes, in batches that are drawn anew as those of training are,
    since how much a filter leaves a pair may depend on the others.

    Args:
        reward: The trained reward.
        data: Preferences that it was trained on.
        batches: What each step looked at.
        seed: Of the batches.
        passes: How often.

    Returns:
        (R, 3) question, first and second item of each pair; and the mean over passes and members, (R,).
    """
    device = next(reward.parameters()).device
    data, generator = data.to(device), torch.Generator(device).manual_seed(seed)
    target = data.target
    assert isinstance(target, PairTarget)
    total = torch.zeros_like(target.weight)
    rows = (target.asked.sum(1) > 0).nonzero()[:, 0]
    for _ in range(passes):
        for index in rows[torch.randperm(len(rows), generator=generator, device=device)].split(batches.size):
            values = _each(reward, _varied(data, index, batches, generator), batches, generator)
            (state, first, second), margins, told = _margins(values, target[index])
            total[index[state], first, second] += factors(batches.filters, margins, told, 1.0).mean(1) / passes
    pairs = (target.weight > 0).nonzero()
    return pairs.cpu(), total[tuple(pairs.T)].cpu()


def batch_scores(
    reward: nn.Module, data: Comparisons, rows: Tensor, batches: Batches, generator: torch.Generator
) -> Scores:
    """Scores of a batch as training sees them.

    Args:
        reward: A module that is a `Reward`, or a `CandidateScorer`.
        data: The items.
        rows: (B,) which questions.
        batches: How items are varied, and noise drawn.
        generator: Source of randomness.

    Returns:
        (B, K); (E B, K) of a `JointReward`.
    """
    return _scores(reward, _varied(data, rows, batches, generator), batches, generator)


# What symmetries and fewer points change. Pictures and states would be left behind, so where there are any all stay.
_TURNED = {"points", "proprio", ACTION}


def _varied(data: Comparisons, index: Tensor, batches: Batches, generator: torch.Generator) -> Items:
    """The items of some questions, (B,) or (E, B), changed by `varied_items`."""
    items = varied_items(data.items[index.flatten()], data.geometry, batches, generator)
    return items if index.ndim == 1 else items.unflatten(index.shape)


def varied_items(items: Items, geometry: ActionGeometry | None, batches: Batches, generator: torch.Generator) -> Items:
    """Items of B questions as training sees them: changed by `augment` and by leaving decisions out.

    Args:
        items: The items.
        geometry: By whose symmetries they are varied; None varies none.
        batches: What of them is looked at.
        generator: Source of randomness.
    """
    if geometry is not None and set(items.steps) == _TURNED:
        observation, actions = items.decisions()
        shape = actions.shape if items.alone else actions[:, 0].shape
        observation, actions = augment(observation, actions.reshape(shape), geometry, batches.points, generator)
        items = items.changed(observation, actions if items.alone else actions[:, None])
    elif any(map(is_outcome, items.steps)):
        items = varied_outcomes(items, geometry, batches.points, generator)
    if batches.cuts:
        choice = torch.randint(len(batches.cuts), (), generator=generator, device=generator.device)
        items = items.cut(batches.cuts[int(choice)], generator)
    if batches.keep < 1:
        items = items.thinned(batches.keep, generator)
    return items


def _scores(model: nn.Module, items: Items, batches: Batches, generator: torch.Generator) -> Scores:
    if isinstance(model, JointReward):
        return Scores(_each(model, items, batches, generator).flatten(0, 1))
    return as_reward(model).score(items, draw=_draw(items, batches, generator))


def _each(model: nn.Module, items: Items, batches: Batches, generator: torch.Generator) -> Tensor:
    """What each member says of the same items, (E, B, K)."""
    if isinstance(model, JointReward):
        return model.score_each(items, draw=_draw(items, batches, generator))
    return _scores(model, items, batches, generator).value[None]


def _draw(items: Items, batches: Batches, generator: torch.Generator) -> NoiseDraw | None:
    if batches.draws is None:
        return None
    count = len(items) if items.alone else items.weight.numel()
    return batches.draws(count, items.part(ACTION).shape[-2:], generator)


def _weighed(values: Tensor, target: Target, filters: Sequence[LiveFilter], done: float) -> tuple[Scores, Target]:
    """Scores (E B, K) and preferences of which each member counts what the filters leave it."""
    if not isinstance(target, PairTarget):
        raise ConfigError("filters that look at margins are for preferences, the data hold outcomes; leave them out")
    (state, first, second), margins, told = _margins(values.detach(), target)
    factor = factors(filters, margins, told, done)
    members = len(values)
    weight = target.weight.new_zeros(members, *target.weight.shape)
    weight[:, state, first, second] = target.weight[state, first, second] * factor.T
    p = target.p.repeat(members, 1, 1, 1)
    p[:, state, first, second] = smoothed(filters, margins, told, done).T
    offset = None if target.offset is None else target.offset.repeat(members, 1)
    left = PairTarget(p.flatten(0, 1), weight.flatten(0, 1), offset)
    return Scores(values.flatten(0, 1)), left


def _margins(values: Tensor, target: PairTarget) -> tuple[tuple[Tensor, Tensor, Tensor], Tensor, Tensor]:
    """Where the B pairs are that were compared, how much better members find their first items, (B, E), and answers."""
    state, first, second = (target.weight > 0).nonzero().T
    margins = (values[:, state, first] - values[:, state, second]).T
    return (state, first, second), margins, target.p[state, first, second]


def factors(filters: Sequence[LiveFilter], margins: Tensor, p: Tensor, done: float) -> Tensor:
    """What filters leave pairs, as by one of them; see `robopref.protocols.LiveFilter.weigh`.

    Args:
        filters: Whose weights are multiplied.
        margins: (B, E) how much better each member finds the first item than the second.
        p: (B,) what was answered.
        done: Share of the training that is done.

    Returns:
        (B, E).

    Raises:
        ConfigError: A filter returns no weights.
        PartError: It fails.
    """
    factor = torch.ones_like(margins)
    for one in filters:
        factor = factor * _factor(one, margins, p, done)
    return factor


def smoothed(filters: Sequence[LiveFilter], margins: Tensor, p: Tensor, done: float) -> Tensor:
    """What answers count as where filters smooth them, each by itself; see `robopref.protocols.SmoothingFilter`.

    Args:
        filters: Of which at most one smooths.
        margins: (B, E) how much better each member finds the first item than the second.
        p: (B,) what was answered.
        done: Share of the training that is done.

    Returns:
        (B, E).

    Raises:
        ConfigError: Several filters smooth, or one returns no probabilities.
        PartError: It fails.
    """
    smoothing = [one for one in filters if isinstance(one, SmoothingFilter)]
    if not smoothing:
        return p[:, None].expand_as(margins)
    if len(smoothing) > 1:
        names = ", ".join(map(name_of_filter, smoothing))
        raise ConfigError(f"{names} all say what answers count as; leave one of them")
    (one,) = smoothing
    found = _told(one, _SMOOTH, one.smooth, margins, p, done)
    if not bool(((found >= 0) & (found <= 1)).all()):
        raise ConfigError(f"{name_of_filter(one)}: answers must be probabilities")
    return found


def _factor(one: LiveFilter, margins: Tensor, p: Tensor, done: float) -> Tensor:
    found = _told(one, _WEIGH, one.weigh, margins, p, done)
    if not bool((found >= 0).all()):
        raise ConfigError(f"{name_of_filter(one)}: weights must be numbers that are not negative")
    return found


def _told(one: object, what: str, method: Callable[..., object], margins: Tensor, p: Tensor, done: float) -> Tensor:
    found: Any = call_part(f"{name_of_filter(one)}: {what}", method, margins, p, done)
    if not isinstance(found, Tensor) or found.shape != margins.shape:
        got = f"a tensor {tuple(found.shape)}" if isinstance(found, Tensor) else type(found).__name__
        raise ConfigError(
            f"{name_of_filter(one)}: {what} has to return a tensor {tuple(margins.shape)}, as margins are, got {got}"
        )
    return found


def _flat(target: Target) -> Target:
    """What is known of (E, B) questions as of E B ones."""
    parts = (None if value is None else value.flatten(0, 1) for value in vars(target).values())
    return type(target)(*parts)  # type: ignore[arg-type]


def target_of(objective: Objective) -> type[Target] | None:
    """The kind of target that an objective is for, by its annotation; None if it does not say."""
    function: Any = objective.func if isinstance(objective, partial) else objective
    function = function if hasattr(function, "__qualname__") else type(function).__call__
    try:
        wanted = get_type_hints(function).get("target")
    except (NameError, TypeError):  # annotations that mean something to a type checker only
        return None
    return wanted if wanted in (PairTarget, SuccessTarget) else None


def require_takes(objective: Objective, kind: type[Target]) -> None:
    """Require that an objective is for what is known of the items.

    Args:
        objective: The objective.
        kind: Of target.

    Raises:
        ConfigError: It is for another one.
    """
    function: Any = objective.func if isinstance(objective, partial) else objective
    wanted = target_of(objective)
    kinds = {PairTarget: "preferences among items", SuccessTarget: "success of every item"}
    if wanted is not None and wanted is not kind:
        named = getattr(function, "__name__", type(function).__name__)
        other = (
            "leave its operator"
            if wanted is PairTarget
            else "choose an operator, as method=kto does, that makes it, or learn from ratings: robopref offline reward"
        )
        raise ConfigError(f"objective {named} takes {kinds[wanted]}, and is given {kinds[kind]}; {other}")


def _describe(part: object) -> str:
    """A configured function, object or value in words that are the same in every process."""
    if isinstance(part, partial):
        return f"{_describe(part.func)} {part.args} {sorted(part.keywords.items())}"
    if hasattr(part, "__qualname__"):
        name = f"{part.__module__}.{part.__qualname__}"  # type: ignore[attr-defined]
        return _STORED_NAMES.get(name, name)
    if hasattr(part, "__dict__"):
        return f"{type(part).__qualname__} {[(name, _describe(value)) for name, value in sorted(vars(part).items())]}"
    return repr(part)
