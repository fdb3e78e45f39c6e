"""What all ways of learning a policy from recorded transitions share: settings, batches, and the step of an actor.

Several seeds train at once: the leading dimension of every tensor goes over seeds, each of which has its own weights
and batches and ends as it would alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor, nn

from robopref.data.episodes.transitions import Transitions
from robopref.errors import ConfigError
from robopref.learning.fit import CONSTANT, COSINE, SCHEDULES
from robopref.learning.loop import Trainee, TrainingProgress, train
from robopref.learning.origin import STEPS as STEPS_ASKED
from robopref.learning.origin import TrainingOrigin, settings_of
from robopref.nets.stacked import join, use_tapes
from robopref.nets.state import StateInputs, StateNormalizer
from robopref.policies.gaussian import GaussianActor
from robopref.seeding import STEPS, in_block

if TYPE_CHECKING:
    from robopref.rewards.critic import CriticScore

Module = TypeVar("Module", bound=nn.Module)
_BLOCK = 64
_CLOUDS = 1024


@dataclass(frozen=True)
class OfflineConfig:
    """How to train; defaults are those of IQL on D4RL (Kostrikov et al. 2022).

    Attributes:
        steps: Gradient steps.
        batch_size: Transitions B a step and seed.
        learning_rate: Of Adam.
        hidden: Sizes of the hidden layers of every network.
        encoder: Sizes of the layers of the point encoder, for data with clouds.
        points: Points kept of a cloud.
        dropout: Share of hidden units of the actor that are dropped in training.
        normalize: Whether vectors are brought to mean zero and standard deviation one, as CORL does.
        log_every: Steps between records of the metrics.
        save_every: Steps between checkpoints.
        schedule: Of the actor's learning rate: ``cosine`` ends at zero with the steps; with ``constant`` a run that has
            ended goes on if more steps are asked for, as if it had never stopped.

    Raises:
        ConfigError: A value is out of range.
    """

    steps: int = 1_000_000
    batch_size: int = 256
    learning_rate: float = 3e-4
    hidden: Sequence[int] = (256, 256)
    encoder: Sequence[int] = (64, 128)
    points: int = 128
    dropout: float = 0.0
    normalize: bool = True
    log_every: int = 1000
    save_every: int = 10_000
    # Not shown, as states are told from others by what a config shows, and those of before do not know it.
    schedule: str = field(default=COSINE, repr=False)

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "points", "log_every", "save_every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not self.learning_rate > 0:
            raise ConfigError(f"learning_rate must be positive, got {self.learning_rate}")
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"dropout must be in [0, 1), got {self.dropout}")
        if self.schedule not in SCHEDULES:
            raise ConfigError(f"schedule must be {' or '.join(SCHEDULES)}, got {self.schedule!r}")
        # A value that came from YAML is a list, which would not compare equal to the same settings in code.
        object.__setattr__(self, "hidden", tuple(self.hidden))
        object.__setattr__(self, "encoder", tuple(self.encoder))


class OfflineLearner(Trainee, Protocol):
    """Learns policies of several seeds at once from transitions."""

    config: OfflineConfig
    seeds: list[int]
    origin: TrainingOrigin


class CriticLearner(OfflineLearner, Protocol):
    """A learner with critics, which can choose among samples of a policy."""

    def critics(self, index: int = 0) -> CriticScore:
        """The critics of one seed, which score candidate actions.

        Args:
            index: Of the seed.
        """
        ...


def train_offline(
    learner: OfflineLearner, *, folder: Path | None = None, progress: TrainingProgress | None = None
) -> None:
    """Train a learner to its end, from the beginning or from where it was stopped.

    Args:
        learner: What to train; its config says how long.
        folder: Where its state and logs go; None keeps nothing.
        progress: Called with every step and its latest metrics.

    Raises:
        TrainingError: A loss is not finite.
        MismatchError: The folder holds the state of other data, settings or seeds.
    """
    train(learner, learner.config, seed=learner.seeds, origin=learner.origin, folder=folder, progress=progress)


class Batch(NamedTuple):
    """Transitions of S seeds.

    Attributes:
        vector: (S, 2 B, V) of the states, then of those that followed.
        points: (S, 2 B, P, 3) likewise, or None.
        action: (S, B, A).
        reward: (S, B).
        ongoing: (S, B) 0 where the task ended for good, else 1.
        masks: (S, B, all hidden units) of the actor's dropout, or None.
    """

    vector: Tensor
    points: Tensor | None
    action: Tensor
    reward: Tensor
    ongoing: Tensor
    masks: Tensor | None

    @property
    def both(self) -> StateInputs:
        """The states, then those that followed."""
        return StateInputs(self.vector, self.points)

    @property
    def inputs(self) -> StateInputs:
        """The states."""
        count = self.action.shape[1]
        return StateInputs(self.vector[:, :count], None if self.points is None else self.points[:, :count])


class TransitionBatches:
    """Random batches, a function of the seeds and the step.

    Args:
        data: Where from.
        config: Batch size, points and dropout.
        seeds: One a network.
        device: Where to.
    """

    def __init__(self, data: Transitions, config: OfflineConfig, seeds: Sequence[int], device: torch.device) -> None:
        self.data, self.config, self.seeds, self.device = data, config, list(seeds), device
        self.normalizer = StateNormalizer(data.keys, data.vector.shape[1], config.points)
        sample = None
        if data.points is not None:
            rows = torch.linspace(0, len(data.vector) - 1, min(_CLOUDS, len(data.vector))).long()
            sample = data.clouds(rows.numpy(), config.points)
        if config.normalize:
            self.normalizer.fit(data.vector, sample)
        self.normalizer.to(device)
        vector = data.vector if data.next_vector is None else torch.cat([data.vector, data.next_vector])
        self._vector = self.normalizer.vectors(vector.to(device))
        self._action, self._reward = data.action.to(device), data.reward.to(device)
        if self._reward.ndim > 1 and len(self._reward) != len(self.seeds):
            raise ConfigError(f"{len(self._reward)} rewards are for as many seeds, got {len(self.seeds)}")
        self._ongoing = (~data.terminated).float().to(device)
        self._block, self._rows = -1, torch.empty(0, dtype=torch.long)
        # Where the task ended, what follows is ignored; any state will do.
        steps = len(data.vector)
        self._ahead, self._last = (1, steps - 1) if data.next_vector is None else (steps, 2 * steps - 1)

    def __call__(self, step: int) -> Batch:
        """The batch of a step."""
        rows = self._drawn(step)
        following = (rows + self._ahead).clamp(max=self._last)
        both = torch.cat([rows, following], dim=1)
        return Batch(
            vector=self._vector[both],
            points=self._clouds(both),
            action=self._action[rows],
            reward=self._reward[rows] if self._reward.ndim == 1 else self._reward.gather(1, rows),
            ongoing=self._ongoing[rows],
            masks=self._masks(step),
        )

    def _drawn(self, step: int) -> Tensor:
        """(S, B) steps of the data; many batches are drawn at once, as a draw costs more than its numbers."""
        if step // _BLOCK != self._block:
            self._block = step // _BLOCK
            size = (_BLOCK, self.config.batch_size)
            drawn = [
                torch.randint(len(self.data.rows), size, generator=drawing(seed, self._block)) for seed in self.seeds
            ]
            self._rows = self.data.rows[torch.stack(drawn, dim=1)].to(self.device)
        return self._rows[step % _BLOCK]

    def _clouds(self, rows: Tensor) -> Tensor | None:
        if self.data.points is None:
            return None
        clouds = self.data.clouds(rows.flatten().cpu().numpy(), self.config.points).to(self.device)
        return self.normalizer.clouds(clouds).unflatten(0, rows.shape)

    def _masks(self, step: int) -> Tensor | None:
        if not self.config.dropout:
            return None
        size, kept = (self.config.batch_size, sum(self.config.hidden)), 1 - self.config.dropout
        drawn = [torch.rand(size, generator=drawing(seed, step, stream=1)) for seed in self.seeds]
        return ((torch.stack(drawn) < kept).float() / kept).to(self.device)


class ActorSteps:
    """Gaussian actors of S seeds with their optimiser; imitates actions, each as much as its weight says.

    Args:
        data: What the actors see and do.
        config: How to train.
        seeds: One an actor.
        device: Where.
    """

    def __init__(self, data: Transitions, config: OfflineConfig, seeds: Sequence[int], device: torch.device) -> None:
        def build() -> GaussianActor:
            return GaussianActor(
                data.vector.shape[1], data.action.shape[1], hidden=config.hidden,
                encoder=config.encoder if data.points is not None else (),
            )  # fmt: skip

        self.config = config
        self.actor = of_seeds(build, seeds).to(device)
        use_tapes(self.actor)
        self.optimizer = adam(self.actor, config.learning_rate)

    def prepare(self, step: int) -> None:
        """Set the learning rate of a step."""
        decay(self.optimizer, self.config, step)

    def step(self, batch: Batch, weight: Tensor | None = None) -> Tensor:
        """Take one step.

        Args:
            batch: States and actions.
            weight: (S, B) of the actions; None weighs all alike.

        Returns:
            () loss, mean over seeds.
        """
        masks = () if batch.masks is None else batch.masks.split(list(self.config.hidden), dim=-1)
        loss = self.actor.negative_log_likelihood(self.actor(batch.inputs, masks), batch.action)
        return descend(self.optimizer, (loss if weight is None else weight * loss).mean(-1))


def descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> Tensor:
    """One step down the (S,) losses of independent seeds; returns their mean."""
    optimizer.zero_grad(set_to_none=True)
    loss.sum().backward()
    optimizer.step()
    return loss.detach().mean()


def adam(module: nn.Module, learning_rate: float) -> torch.optim.Adam:
    """Adam in one fused pass; on a GPU so that it can be part of a CUDA graph."""
    parameters = list(module.parameters())
    cuda = parameters[0].is_cuda
    rate = torch.tensor(learning_rate, device=parameters[0].device) if cuda else learning_rate
    return torch.optim.Adam(parameters, lr=rate, fused=True, capturable=cuda)


def decay(optimizer: torch.optim.Optimizer, config: OfflineConfig, step: int) -> None:
    """Set the learning rate of a step, which falls to zero by a cosine unless it is constant."""
    falls = 0.5 * (1 + math.cos(math.pi * step / config.steps))
    rate = config.learning_rate * (falls if config.schedule == COSINE else 1.0)
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):  # a CUDA graph reads it where it lies
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def of_seeds(build: Callable[[], Module], seeds: Sequence[int]) -> Module:
    """One stacked module of the modules that each seed gives.

    Args:
        build: Makes a module of one seed from torch's global randomness, which is left as it was.
        seeds: One a module.

    Returns:
        The seeds' modules, joined.
    """
    modules: list[Module] = []
    with torch.random.fork_rng(devices=[]):
        for seed in seeds:
            torch.manual_seed(seed)
            modules.append(build())
    return join(modules)


def checked_seeds(seeds: Sequence[int]) -> list[int]:
    """Seeds of networks that train at once.

    Raises:
        ConfigError: There is none, or one twice.
    """
    if not seeds or len(set(seeds)) < len(seeds):
        raise ConfigError(f"need one seed or more, each once, got {list(seeds)}")
    return [int(seed) for seed in seeds]


def described(data: Transitions, config: OfflineConfig, *settings: Any) -> TrainingOrigin:
    """What a training run was made from, for telling it from others; of a constant rate, however long it is."""
    parts: dict[str, object] = {"data": data.source, "rewards": float(data.reward.double().sum())}
    for one in (config, *settings):
        parts |= settings_of(one) or {"best": one}
    compared = (config, *settings)
    if config.schedule == CONSTANT:
        del parts[STEPS_ASKED]
        compared = (replace(config, steps=1), CONSTANT, *settings)
    return TrainingOrigin(f"{data.source} {float(data.reward.double().sum())!r} {compared!r}", parts)


def drawing(seed: int, index: int, *, stream: int = 0) -> torch.Generator:
    """The randomness of one seed at one step, or of one block of steps."""
    return torch.Generator().manual_seed(in_block(2 * seed + stream, index, STEPS, "offline"))
