"""Training a dynamics of clouds: on what became of chunks, then end to end on what a reward says of that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import smooth_l1_loss

from robopref.data.episodes.augment import transform
from robopref.decisions import as_reward
from robopref.errors import ConfigError, DataError
from robopref.items import Items
from robopref.learning.cloud_transitions import CloudTransitions
from robopref.learning.fit import FitConfig, fit
from robopref.learning.loop import TrainingProgress, fingerprint
from robopref.learning.origin import LABELS, TrainingOrigin
from robopref.nets.cloud_dynamics import CloudDynamics, Imagined, chamfer
from robopref.nets.points import thin
from robopref.objectives.soft_lists import soft_list_loss
from robopref.records import ActionGeometry, Observation
from robopref.rewards.imagined import ImaginedReward
from robopref.rewards.worth import decision_worth
from robopref.robots.learnt_dynamics import LearntDynamics
from robopref.scores import Loss

_CLOUD, _PROPRIO = 8.0, 0.1  # weights of the Chamfer distance in units of the radius, and of readings in their spread
_STATES = 16  # imagined at once where nothing is learnt
_LOOKED_AT = 192  # points of an observed cloud that errors are measured by


@dataclass(frozen=True)
class CloudBatches:
    """What a step of training looks at.

    Attributes:
        size: States of a batch.
        candidates: Chunks of each, at most; a source with fewer has more states.
        points: Points kept of the cloud before a chunk, at random.
        after: And of the cloud afterwards.

    Raises:
        ConfigError: A number is not positive.
    """

    size: int = 16
    candidates: int = 4
    points: int = 80
    after: int = 96

    def __post_init__(self) -> None:
        if min(self.size, self.candidates, self.points, self.after) < 1:
            raise ConfigError(f"a batch of transitions needs positive numbers, got {self}")


class ImaginedError(NamedTuple):
    """How far imagined clouds are from what was observed, on average.

    Attributes:
        imagined: Chamfer distance of what is imagined, m.
        still: That of the cloud before the chunk, as if nothing moved, m.
        transitions: Of how many.
    """

    imagined: float
    still: float
    transitions: int


@dataclass(frozen=True)
class Tuning:
    """How a dynamics is tuned on what a reward says of outcomes.

    Attributes:
        judge: Whether a copy of the reward is ``tuned`` along, to judge what is imagined, or stays ``frozen``.
        temperature: Of the lists, in standard deviations of what the reward says within a state.
        cloud: How much what was observed counts beside the lists.

    Raises:
        ConfigError: A value is out of range.
    """

    judge: Literal["tuned", "frozen"] = "tuned"
    temperature: float = 0.5
    cloud: float = 1.0

    def __post_init__(self) -> None:
        if self.judge not in ("tuned", "frozen"):
            raise ConfigError(f"judge must be tuned or frozen, got {self.judge!r}")
        if not self.temperature > 0 or not self.cloud >= 0:
            raise ConfigError(
                f"tuning needs a positive temperature and a cloud of 0 or more, got {self.temperature} and {self.cloud}"
            )


@dataclass(frozen=True)
class DynamicsFit:
    """What training a dynamics has in common with tuning it.

    Attributes:
        config: Steps and rates.
        geometry: Of the task, by whose symmetries transitions are varied.
        batches: What each step looks at.
        seed: Of the batches.
        folder: Where state and logs go; None keeps nothing.
        made_with: Settings by name, which weights need not show; a state of others is not continued.
        progress: Called with every step.
    """

    config: FitConfig
    geometry: ActionGeometry
    batches: CloudBatches = field(default_factory=CloudBatches)
    seed: int = 0
    folder: Path | None = None
    made_with: Mapping[str, str] = field(default_factory=dict[str, str])
    progress: TrainingProgress | None = None


class JudgedDynamics(nn.Module):
    """A dynamics and the reward that judges what it imagines, as one module.

    Args:
        network: Imagines.
        judge: A reward of outcomes.
    """

    def __init__(self, network: CloudDynamics, judge: nn.Module) -> None:
        super().__init__()
        self.network, self.judge = network, judge

    def worth(self, observation: Observation, actions: Tensor) -> tuple[Tensor, Imagined]:
        """What the reward says (B, K) of the imagined outcomes of (B, K, H, A) chunks, and these."""
        came = self.network(observation, actions)
        after = Observation(*came).map(lambda part: part[:, :, None])
        return as_reward(self.judge).score(Items.of_candidates(observation, actions).with_outcomes(after)).value, came


def train_dynamics(network: CloudDynamics, sources: Sequence[CloudTransitions], how: DynamicsFit) -> CloudDynamics:
    """Fit a dynamics to what became of chunks: the Chamfer distance to the cloud that was observed afterwards.

    Args:
        network: What to train.
        sources: Each is drawn as often as it has transitions.
        how: How.

    Returns:
        The network, with averaged weights, in eval mode.

    Raises:
        DataError: There are no transitions.
        StaleError: The folder holds a state of other transitions, or of a network that began with other weights.
    """
    sources = [source.to(_device(network)) for source in sources]
    chances = _chances(sources)

    def loss(model: nn.Module, generator: torch.Generator, _: float) -> Loss:
        assert isinstance(model, CloudDynamics)
        batch = _batch(sources, chances, how, how.batches.candidates, generator)
        return _observed_loss(model, model(batch.before, batch.actions), batch)

    fit(
        network, loss, how.config, seed=how.seed, origin=_origin(sources, how), folder=how.folder,
        progress=how.progress,
    )  # fmt: skip
    return network


def tune_dynamics(
    network: CloudDynamics,
    reward: nn.Module,
    sources: Sequence[CloudTransitions],
    values: Sequence[Tensor],
    how: DynamicsFit,
    tuning: Tuning = Tuning(),
) -> JudgedDynamics:
    """Tune a dynamics so that what it imagines is judged as what really came.

    The loss adds to that of `train_dynamics` the `soft_list_loss` between what the reward says of the imagined outcomes
    of a state, and what it said of the true ones.

    Args:
        network: Trained on what became of chunks; changed.
        reward: The reward of outcomes; a copy of it is used.
        sources: With several chunks of each state.
        values: (S, K) of each source, what the reward says of what was observed.
        how: How; of each state all chunks are looked at.
        tuning: How the reward counts.

    Returns:
        The network and the copy of the reward, in eval mode.

    Raises:
        DataError: There are no transitions, or the reward tells none of them apart.
        StaleError: See `train_dynamics`.
    """
    sources = [source.to(_device(network)) for source in sources]
    chances = _chances(sources)
    lists = _standardised(values, _device(network))
    judged = JudgedDynamics(network, deepcopy(reward))
    judged.judge.requires_grad_(tuning.judge == "tuned")
    most = max(source.actions.shape[1] for source in sources)

    def loss(model: nn.Module, generator: torch.Generator, _: float) -> Loss:
        assert isinstance(model, JudgedDynamics)
        batch = _batch(sources, chances, how, most, generator, lists)
        worth, came = model.worth(batch.before, batch.actions)
        said = soft_list_loss(worth, batch.values, temperature=tuning.temperature)
        observed = _observed_loss(model.network, came, batch)
        return Loss(said + tuning.cloud * observed.total, {**observed.terms, "list": said.detach()})

    told = {"judge": tuning.judge, "temperature": str(tuning.temperature), "cloud": str(tuning.cloud)}
    how = replace(how, made_with={**how.made_with, **told})
    fit(
        judged, loss, how.config, seed=how.seed, origin=_origin(sources, how, lists), folder=how.folder,
        progress=how.progress,
    )  # fmt: skip
    return judged


@torch.no_grad()
def imagined_error(dynamics: LearntDynamics, sources: Sequence[CloudTransitions]) -> ImaginedError:
    """How far what is imagined is from what was observed, and how far nothing is.

    Args:
        dynamics: Imagines.
        sources: Held-out transitions, each of which counts alike.

    Raises:
        DataError: There are none.
    """
    _chances(sources)
    nodes, device = dynamics.network.encoder.nodes, _device(dynamics.network)
    moved, still = list[Tensor](), list[Tensor]()
    for some in _parts(sources, device):
        after = some.after.points[..., :3]
        after = thin(after.flatten(0, 1), _LOOKED_AT).unflatten(0, after.shape[:2])
        before = thin(some.before.points[..., :3], nodes)[:, None].expand(-1, after.shape[1], -1, -1)
        moved.append(chamfer(dynamics.imagine(some.before, some.actions).points[..., :3], after).flatten())
        still.append(chamfer(before, after).flatten())
    return ImaginedError(float(torch.cat(moved).mean()), float(torch.cat(still).mean()), sum(map(len, sources)))


@torch.no_grad()
def list_agreement(scorer: ImaginedReward, sources: Sequence[CloudTransitions], values: Sequence[Tensor]) -> float:
    """Share of the pairs of chunks of a state that imagined outcomes order as the true ones were judged.

    Args:
        scorer: Judges what it imagines.
        sources: Held-out transitions with several chunks of each state.
        values: (S, K) of each source, what the reward said of the true outcomes.

    Returns:
        In [0, 1]; equal scores count half. NaN if no pair was told apart.
    """
    right, total, device = 0.0, 0, scorer.dynamics.device
    for source, said in zip(sources, values, strict=True):
        for first in range(0, len(source.actions), _STATES):
            rows = slice(first, first + _STATES)
            seen = source.before.map(lambda part, rows=rows: part[rows].to(device))
            found = scorer.score(seen, source.actions[rows].to(device)).value.cpu()
            there, wanted = _signs(found), _signs(said[rows].cpu())
            told = wanted != 0
            right += float((1 + there[told] * wanted[told]).sum()) / 2
            total += int(told.sum())
    return right / total if total else float("nan")


def judged_truth(reward: nn.Module, sources: Sequence[CloudTransitions]) -> list[Tensor]:
    """What a reward of outcomes says of what was observed after each chunk, (S, K) of each source."""
    return [
        torch.as_tensor(decision_worth(reward, source.before, after=source.after), dtype=torch.float32)
        for source in sources
    ]


class _Batch(NamedTuple):
    before: Observation
    actions: Tensor
    after: Observation
    values: Tensor


def _batch(
    sources: Sequence[CloudTransitions], chances: Tensor, how: DynamicsFit, most: int, generator: torch.Generator,
    values: Sequence[Tensor] | None = None,
) -> _Batch:  # fmt: skip
    """Some transitions of one source, each state turned by a random symmetry."""
    batches, device = how.batches, generator.device
    which = int(torch.multinomial(chances, 1, generator=generator))
    source = sources[which]
    count = source.actions.shape[1]
    kept = min(most, count)
    states = max(1, batches.size * most // kept)
    row = torch.randint(len(source.actions), (states,), generator=generator, device=device)
    column = torch.rand(states, count, generator=generator, device=device).argsort(dim=1)[:, :kept]
    seen, actions = source.before.map(lambda part: part[row]), source.actions[row[:, None], column]
    after = source.after.map(lambda part: part[row[:, None], column])
    said = actions.new_zeros(states, kept) if values is None else values[which][row[:, None], column]
    choice = torch.randint(len(how.geometry.symmetry_points), (states,), generator=generator, device=device)
    points = seen.points
    order = torch.rand(points.shape[:2], generator=generator, device=device).argsort(dim=1)[:, : batches.points]
    seen = replace(seen, points=points.gather(1, order[..., None].expand(*order.shape, points.shape[2])))
    shown = torch.randperm(after.points.shape[2], generator=generator, device=device)[: batches.after]
    after = replace(after, points=after.points[:, :, shown])
    after, _ = transform(after, actions, how.geometry, choice)
    seen, actions = transform(seen, actions, how.geometry, choice)
    return _Batch(seen, actions, after, said)


def _observed_loss(network: CloudDynamics, came: Imagined, batch: _Batch) -> Loss:
    """How far what was imagined is from what was observed."""
    apart = chamfer(came.points[..., :3], batch.after.points[..., :3]).mean()
    felt = smooth_l1_loss(came.proprio / network.encoder.proprio_std, batch.after.proprio / network.encoder.proprio_std)
    total = _CLOUD * apart / network.radius + _PROPRIO * felt
    return Loss(total, {"loss": total.detach(), "chamfer": apart.detach(), "proprio": felt.detach()})


def _chances(sources: Sequence[CloudTransitions]) -> Tensor:
    if not any(len(source) for source in sources):
        raise DataError("there are no transitions, of which a dynamics could be learnt or judged")
    return torch.tensor([float(len(source)) for source in sources], device=sources[0].actions.device)


def _standardised(values: Sequence[Tensor], device: torch.device) -> list[Tensor]:
    """What a reward says within a state, in standard deviations of all of it."""
    centred = [(said - said.mean(dim=1, keepdim=True)).to(device) for said in values]
    spread = torch.cat([said.flatten() for said in centred]).std()
    if not bool(spread > 0):
        raise DataError("the reward says the same of all outcomes, so there is nothing to be tuned on")
    return [said / spread for said in centred]


def _origin(sources: Sequence[CloudTransitions], how: DynamicsFit, values: Sequence[Tensor] = ()) -> TrainingOrigin:
    told = fingerprint([*(part.cpu() for source in sources for part in source.described()), *(v.cpu() for v in values)])
    parts: dict[str, object] = {LABELS: told, **vars(how.batches)}
    return TrainingOrigin(" ".join(map(str, parts.values())), {**how.made_with, **parts})


def _parts(sources: Sequence[CloudTransitions], device: torch.device) -> list[CloudTransitions]:
    return [source[rows].to(device) for source in sources for rows in torch.arange(len(source.actions)).split(_STATES)]


def _signs(values: Tensor) -> Tensor:
    """(B, pairs) which of each two of a state is better."""
    first, second = torch.triu_indices(values.shape[1], values.shape[1], offset=1)
    return torch.sign(values[:, first] - values[:, second])


def _device(module: nn.Module) -> torch.device:
    return next(module.parameters()).device
