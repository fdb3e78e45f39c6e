"""`robopref train dynamics`: learn what becomes of a point cloud under an action, from all that was executed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from torch import Tensor, nn

from robopref.cli.building import settings
from robopref.cli.context import Context
from robopref.cli.curves import say_curves
from robopref.cli.dynamics import PRETRAINED, TUNED, DynamicsRecord, keep_record, tuned_weights
from robopref.cli.learnt_network import FOLDER, new_network, weights_of
from robopref.cli.trained_rewards import load_members, together, trained_names, version_of
from robopref.data.episodes.store import EpisodeStore
from robopref.decisions import outcome_parts
from robopref.errors import ConfigError, DataError, StaleError, unknown_name
from robopref.labelers.subject import Bar
from robopref.learning.candidate_files import OUTCOMES_OF
from robopref.learning.checkpoint import save_checkpoint
from robopref.learning.cloud_transitions import (
    CloudTransitions,
    candidate_transitions,
    held_out,
    recorded_transitions,
)
from robopref.learning.dynamics_training import (
    CloudBatches,
    DynamicsFit,
    JudgedDynamics,
    Tuning,
    imagined_error,
    judged_truth,
    list_agreement,
    train_dynamics,
    tune_dynamics,
)
from robopref.learning.fit import FitConfig
from robopref.learning.loop import TrainingProgress, forget
from robopref.nets.cloud_dynamics import CloudDynamics
from robopref.records import ActionGeometry
from robopref.rewards.ensemble import symmetric
from robopref.rewards.imagined import ImaginedReward, require_imagined
from robopref.robots.learnt_dynamics import LearntDynamics

Fitted = TypeVar("Fitted")


def run(context: Context) -> None:
    """Train the dynamics of a run, and tune it on its reward of outcomes if that is trained; goes on where it stopped.

    Raises:
        DataError: There is nothing to learn from.
        PolicyError: What the policy sees, or what its actions mean, cannot be imagined.
        ConfigError: A setting is wrong.
    """
    config, folder = context.config.imagine, context.folder / FOLDER
    network, geometry = new_network(context), context.policy().geometry
    assert geometry is not None
    name = _judging(context)
    parted = [held_out(source, float(config.held_out), seed=context.seed) for source in gathered(context)]
    learnt, aside = [one for one, _ in parted], [other for _, other in parted if other is not None]
    batches = CloudBatches(size=int(config.batch_size), candidates=int(config.candidates))
    how = DynamicsFit(
        FitConfig(**settings(config.fit)), geometry, batches, context.seed, folder / PRETRAINED,
        {f"imagine.{key}": str(config[key]) for key in ("width", "points", "nodes")},
    )  # fmt: skip
    fit = how.config
    with context.stage("Train the dynamics", "steps", resumes=True) as bar:
        how = replace(how, progress=_moving(bar, fit.steps))
        network = _anew(context, how.folder, lambda: train_dynamics(new_network(context), learnt, how))
    save_checkpoint(weights_of(context), {"module": network.state_dict()})
    carried = sum(len(one) for one in learnt if one.name in OUTCOMES_OF)
    record = DynamicsRecord(sum(map(len, learnt)), carried)
    keep_record(context, record)
    _say(context, f"learnt from {_told(learnt)}")
    _say_error(context, network, geometry, aside)
    if name is not None:
        keep_record(context, _tuned(context, name, network, replace(how, folder=folder / TUNED), parted, record))
    _say(context, f"dynamics: {folder}; it imagines with dynamics=learnt")
    say_curves(context, folder)


def gathered(context: Context) -> list[CloudTransitions]:
    """All chunks of the run of which it is known what came of them: candidates, explored ones, recorded steps.

    Raises:
        DataError: There are none, or a store is damaged.
    """
    shape, folder = context.policy().shape, context.folder
    found = [
        candidate_transitions(folder / f"{name}.zarr", folder / outcomes, shape)
        for name, outcomes in OUTCOMES_OF.items()
    ]
    stores = [context.demonstrations, *(EpisodeStore.open(path) for path in sorted(folder.glob("deploy/**/*.zarr")))]
    found += [recorded_transitions(store, shape) for store in stores]
    there = [source for source in found if source is not None and len(source)]
    if not there:
        raise DataError(
            f"{folder} holds nothing to learn a dynamics from: no points and proprio before and after an action of the "
            f"policy; carry some out with robopref explore run={folder}, or name recordings that have them with data="
        )
    return there


def _judging(context: Context) -> str | None:
    """The reward of outcomes to tune on; None, and a line, if none is trained that looks at what is imagined."""
    wanted, names = context.config.imagine.tune.reward, trained_names(context)
    members = load_members(context, names)
    judging = [name for name in names if outcome_parts(members[name][0])]
    if wanted is not None:
        if wanted not in judging:
            raise unknown_name(
                "imagine.tune.reward", str(wanted), judging or ["one that is trained with reward=outcome"]
            )
        require_imagined(members[str(wanted)][0])
        return str(wanted)
    if len(judging) > 1:
        raise ConfigError(
            f"several rewards judge outcomes; say which with imagine.tune.reward= one of {', '.join(judging)}"
        )
    try:
        for name in judging:
            require_imagined(members[name][0])
    except ConfigError as error:
        _say(context, f"the dynamics is not tuned: {error}")
        return None
    if not judging:
        _say(context, "no reward of outcomes is trained, so the dynamics is not tuned on one; see reward=outcome")
    return judging[0] if judging else None


def _tuned(
    context: Context,
    name: str,
    network: CloudDynamics,
    how: DynamicsFit,
    parted: Sequence[tuple[CloudTransitions, CloudTransitions | None]],
    record: DynamicsRecord,
) -> DynamicsRecord:
    """Tune on what a reward says of outcomes, and find out by states held out whether that helped."""
    lists = [(one, other) for one, other in parted if one.compared]
    learnt, aside = [one for one, _ in lists], [other for _, other in lists if other is not None]
    if not learnt:
        _say(context, "no state has several actions that were carried out, so there is nothing to be tuned on")
        return record
    config, members = context.config.imagine.tune, load_members(context, [name])[name]
    reward = together(members)
    true: nn.Module = symmetric(reward, how.geometry).eval()
    values, truth = judged_truth(true, learnt), judged_truth(true, aside)
    agreement = {PRETRAINED: _agreement(network, reward, how.geometry, aside, truth)}
    fit = FitConfig(**settings(config.fit))
    tuning = Tuning(str(config.judge), float(config.temperature), float(config.cloud))  # type: ignore[arg-type]
    with context.stage("Tune the dynamics", "steps", resumes=True) as bar:
        how = replace(how, config=fit, progress=_moving(bar, fit.steps))
        state = {key: value.clone() for key, value in network.state_dict().items()}

        def tune() -> JudgedDynamics:
            network.load_state_dict(state)
            return tune_dynamics(network, reward, learnt, values, how, tuning)

        judged = _anew(context, how.folder, tune)
    save_checkpoint(tuned_weights(context), {"module": judged.state_dict()})
    _say_error(context, network, how.geometry, aside)
    if aside:
        agreement[TUNED] = _agreement(network, judged.judge, how.geometry, aside, truth)
        better = TUNED if agreement[TUNED] > agreement[PRETRAINED] else PRETRAINED
        _say(
            context,
            f"imagined outcomes of held-out states are ordered as {name} orders the true ones in "
            f"{agreement[PRETRAINED]:.1%} of the pairs before tuning, {agreement[TUNED]:.1%} after: the {better} "
            "weights imagine, unless imagine.tuned says otherwise",
        )
    return replace(record, judge=name, version=version_of(members), agreement=agreement if aside else {})


def _agreement(
    network: CloudDynamics, judge: nn.Module, geometry: ActionGeometry, aside: Sequence[CloudTransitions],
    truth: Sequence[Tensor],
) -> float:  # fmt: skip
    dynamics = LearntDynamics(network, geometry)
    return list_agreement(ImaginedReward(dynamics, symmetric(judge, geometry).eval()), aside, truth)


def _moving(bar: Bar, steps: int) -> TrainingProgress:
    return lambda step, _: bar(step, steps)


def _anew(context: Context, folder: Path | None, train: Callable[[], Fitted]) -> Fitted:
    """Train, or train again from the beginning if there is more to learn from than before, or it began otherwise."""
    try:
        return train()
    except StaleError:
        assert folder is not None
        _say(
            context,
            f"{folder}: there is other data than it was trained on, or what it begins with is other, so it is "
            "trained again",
        )
        forget(folder)
        return train()


def _say_error(
    context: Context, network: CloudDynamics, geometry: ActionGeometry, aside: Sequence[CloudTransitions]
) -> None:
    if not aside:
        _say(context, "nothing is held out, so nobody knows how well it imagines; see imagine.held_out")
        return
    error = imagined_error(LearntDynamics(network, geometry), aside)
    _say(
        context,
        f"on {error.transitions} held-out actions, imagined clouds are {100 * error.imagined:.2f} cm from those "
        f"observed (Chamfer distance); if nothing moved it would be {100 * error.still:.2f} cm",
    )


def _told(learnt: Sequence[CloudTransitions]) -> str:
    return ", ".join(f"{len(one)} actions of {one.name}" for one in learnt)


def _say(context: Context, line: str) -> None:
    context.console.print(line, soft_wrap=True, highlight=False, markup=False)
