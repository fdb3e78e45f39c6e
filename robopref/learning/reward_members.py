"""Rewards of a run: each is one or several members, trained on comparisons, in folders of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeGuard, TypeVar

from torch import nn

from robopref.errors import ConfigError, DataError, StaleError
from robopref.items import Comparisons
from robopref.learning.agreement_watch import AgreementWatch
from robopref.learning.checkpoint import load_checkpoint, load_weights, save_checkpoint
from robopref.learning.cross_validation import FOLDS, held_out_margins
from robopref.learning.filter_names import name_of_filter
from robopref.learning.fit import FitConfig
from robopref.learning.held_out import HeldOut, put_aside
from robopref.learning.kept_pairs import FILE, KeptPairs
from robopref.learning.loop import TrainingProgress, fingerprint, forget
from robopref.learning.origin import FIRST
from robopref.learning.preference import Batches, train_reward
from robopref.learning.stored_models import holds_model, load_reward, save_model
from robopref.protocols import EstimatedFilter, JointReward, LiveFilter, Objective, Standardised
from robopref.rewards.embedding import EmbeddingReward
from robopref.rewards.ensemble import Peers
from robopref.rewards.labelled import LabelledSteps, step_features
from robopref.rewards.mixture import MixtureReward
from robopref.rewards.principled import PrincipledReward
from robopref.rewards.segment import SegmentReward

Trained = TypeVar("Trained")


@dataclass(frozen=True)
class RewardFit:
    """How a reward is trained.

    Attributes:
        objective: Turns scores and targets into a loss.
        config: Steps and rates.
        batches: What each step looks at.
        held_out: Share of the questions that say when to stop; None watches none.
        made_with: Settings by name, which weights need not show; a state of others is not continued.
        given: Given answers that watch over a training on self-made ones; None if nobody watches.
    """

    objective: Objective
    config: FitConfig
    batches: Batches = field(default_factory=Batches)
    held_out: float | None = None
    made_with: Mapping[str, str] = field(default_factory=dict[str, str])
    given: Comparisons | None = None

    @property
    def steps(self) -> int:
        """Gradient steps in all, with those of rewards from which a setting of a filter is estimated."""
        return self.config.steps * (1 + FOLDS * any(map(_is_estimated, self.batches.filters)))


@dataclass(frozen=True)
class FittedReward:
    """Members that were trained at once.

    Attributes:
        members: In eval mode.
        questions: That they were trained on.
        watched: Those that said when to stop, if any.
        guard: Given answers that watched over a training on self-made ones, if any.
        estimated: What was estimated for such filters, a line each.
        again: Whether they were trained before, and read back.
    """

    members: Sequence[nn.Module]
    questions: int
    watched: HeldOut | None
    guard: AgreementWatch | None = None
    estimated: Sequence[str] = ()
    again: bool = False


def member_names(name: str, count: int) -> dict[int, str]:
    """What the folder of each member of a reward is called.

    Args:
        name: Of the reward.
        count: Members.
    """
    return {member: name if count == 1 else f"{name}-{member + 1}" for member in range(count)}


def training_groups(names: Mapping[int, str], *, together: bool) -> list[dict[int, str]]:
    """Members that are trained at once: all if filters compare what they say, else each by itself.

    Args:
        names: Of the members.
        together: Whether filters do.
    """
    return [dict(names)] if together else [{member: name} for member, name in names.items()]


def fit_members(
    make: Callable[[int], nn.Module],
    members: Sequence[int],
    data: Comparisons,
    fit: RewardFit,
    *,
    seed: int,
    folder: Path | None = None,
    progress: TrainingProgress | None = None,
) -> FittedReward:
    """Train members of a reward at once.

    A `SegmentReward` that is trained by itself remembers which steps it was trained on. What filters leave of each pair
    in the end is kept beside the state, see `KeptPairs`.

    Args:
        make: Makes a member that is not trained.
        members: Which ones.
        data: What was preferred, or succeeded.
        fit: How to train.
        seed: Of batches and of what is put aside.
        folder: Where state and logs go.
        progress: Called with every step, of `RewardFit.steps`.

    Returns:
        The members.

    Raises:
        DataError: Nothing is known of any item.
        StaleError: The folder holds a state of other data.
        ConfigError: The objective does not take these targets, what is held out leaves nothing, or there are several
            members and no filter that compares them.
    """
    if len(members) > 1 and not fit.batches.filters:
        raise ConfigError(
            f"only filters need members that are trained at once; train these {len(members)} one by one, or give "
            "batches.filters"
        )
    seen, aside = (data, None) if fit.held_out is None else put_aside(data, fit.held_out, seed=seed)
    made = [make(member) for member in members]
    require_members(made, fit.batches.filters)
    batches, lines = _settled(lambda: make(members[0]), seen, fit, seed=seed, folder=folder, progress=progress)
    before, taken = fit.steps - fit.config.steps, list[int]()

    def tell(step: int, metrics: dict[str, float]) -> None:
        taken[:] = [step]
        if progress is not None:
            progress(before + step, metrics)

    device = next(made[0].parameters()).device
    watch = None if aside is None else HeldOut(aside.to(device))
    guard = None if fit.given is None else AgreementWatch(fit.given.to(device))
    train_reward(
        whole := made[0] if len(made) == 1 else Peers(made), seen, fit.objective, fit.config, seed=seed,
        batches=batches, watch=guard or watch, folder=folder, made_with=fit.made_with,
        progress=tell,
    )  # fmt: skip
    # Of a training that had ended before it is known already.
    if batches.filters and folder is not None and (taken or not (folder / FILE).exists()):
        KeptPairs.of(whole, seen, batches, seed=seed).save(folder)
    for reward in made:
        if _of_steps(reward) and len(data) > 1:
            features = step_features(*reward.inputs(data.items.steps, 3))
            reward.labelled = LabelledSteps.of(features, data.items.weight, seed=seed)
    return FittedReward(made, len(seen), watch, guard, lines, again=not taken)


def require_members(made: Sequence[nn.Module], filters: Sequence[LiveFilter]) -> None:
    """Require as many members as filters compare.

    Args:
        made: Members that are trained at once, each of one network or of several.
        filters: Weigh questions by what the members say.

    Raises:
        ConfigError: There are fewer.
    """
    count = made[0].count if len(made) == 1 and isinstance(made[0], JointReward) else len(made)
    for one in filters:
        if count < (least := int(getattr(one, "least_members", 1))):
            raise ConfigError(
                f"{name_of_filter(one)} compares what members of a reward say, at least {least}, and there is "
                f"{count}: set members={least} of it, or leave the filter, or the reward, out"
            )


def _is_estimated(one: LiveFilter) -> bool:
    return isinstance(one, EstimatedFilter) and one.estimated


def _settled(
    make: Callable[[], nn.Module],
    data: Comparisons,
    fit: RewardFit,
    *,
    seed: int,
    folder: Path | None,
    progress: TrainingProgress | None,
) -> tuple[Batches, list[str]]:
    """Batches whose filters have every setting, and what was estimated."""
    given = [one for one in fit.batches.filters if not _is_estimated(one)]
    if len(given) == len(fit.batches.filters):
        return fit.batches, []
    alone = replace(fit.batches, filters=())
    margins, p = held_out_margins(
        make, data, fit.objective, fit.config, seed=seed, batches=alone, folder=folder, progress=progress
    )
    filters, lines = list[LiveFilter](), list[str]()
    for one in fit.batches.filters:
        if isinstance(one, EstimatedFilter) and one.estimated:
            settled, line = one.settled(margins, p)
            filters.append(settled)
            lines.append(line)
        else:
            filters.append(one)
    return replace(fit.batches, filters=tuple(filters)), lines


def on_these_labels(train: Callable[[], Trained], folder: Path, tell: Callable[[str], object]) -> Trained:
    """Train, or train again from the beginning if the labels, or the policy it begins with, are others than before.

    Args:
        train: Makes what is trained, and trains it.
        folder: Where the state of the training is.
        tell: Is told if it is trained again.
    """
    try:
        return train()
    except StaleError:
        tell(
            f"{folder}: there are other labels than it was trained on, or the policy that it begins with is another "
            "one, so it is trained again"
        )
    forget(folder)
    return train()


def save_member(path: Path, reward: nn.Module) -> None:
    """Write the weights of a reward, with what it was made with if it says so.

    Args:
        path: Where to.
        reward: The reward.

    Raises:
        DataError: The disk refused.
    """
    told = (EmbeddingReward, MixtureReward, PrincipledReward)
    if _of_steps(reward) or (isinstance(reward, told) and reward.of_steps):
        save_model(path, reward)
    else:
        save_checkpoint(path, {"module": reward.state_dict()})


def load_members(folder: Path, names: Sequence[str], make: Callable[[int], nn.Module], hint: str) -> list[nn.Module]:
    """The members of a trained reward.

    Args:
        folder: Of all rewards of the run.
        names: Of the members' folders.
        make: Makes a member, for weights that do not say what they are of.
        hint: The command that trains them.

    Returns:
        The members, in eval mode.

    Raises:
        DataError: One is not trained, or damaged.
        MismatchError: Weights are of a reward of another size.
    """
    found: list[nn.Module] = []
    for member, name in enumerate(names):
        path = folder / name / "weights.pt"
        if not path.exists():
            raise DataError(f"no trained reward at {path}; run: {hint}")
        found.append(load_member(path, lambda member=member: make(member)))
    return found


def load_member(path: Path, make: Callable[[], Any]) -> nn.Module:
    """One trained member; raises as `load_members`.

    Args:
        path: Of its weights.
        make: Makes it, if they do not say what they are of.
    """
    if holds_model(path):
        return load_reward(path)
    reward: nn.Module = make()
    load_weights(path, reward)
    return reward.eval()


def began_alike(folder: Path, reward: nn.Module) -> bool:
    """Whether a training began with the weights that an untrained reward has, as far as its state says.

    Args:
        folder: Of the training.
        reward: The same reward, as it is made of the policy as that is by now.
    """
    if isinstance(reward, Standardised):
        return True
    first = parts_trained_with(folder).get(FIRST)
    return first is None or first == fingerprint(reward.state_dict().values())


def parts_trained_with(folder: Path) -> dict[str, Any]:
    """What the state of a training says that it was made with, by name; nothing if there is none.

    Args:
        folder: Of the training.
    """
    path = folder / "state.pt"
    parts: Any = load_checkpoint(path, "cpu").get("parts") if path.exists() else None
    return parts if isinstance(parts, dict) else {}


def mean_of(members: Sequence[nn.Module]) -> nn.Module:
    """One reward of all members, in eval mode: the only one, or the mean of several.

    Args:
        members: Trained ones.
    """
    return members[0] if len(members) == 1 else Peers(members).eval()


def _of_steps(reward: nn.Module) -> TypeGuard[SegmentReward]:
    """Whether a reward is of recorded steps, and stored as such; those of chunks belong to a policy."""
    return isinstance(reward, SegmentReward) and reward.horizon is None
