"""Ways in which an embedding learns: from what people find alike, from items alone, from preferences, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from robopref.data.labels.triplets import Triplets
from robopref.errors import ConfigError, DataError
from robopref.items import Comparisons, Items
from robopref.learning.fit import FitConfig, Watch, fit
from robopref.learning.loop import TrainingProgress, fingerprint
from robopref.learning.origin import LABELS, TrainingOrigin
from robopref.learning.preference import Batches, varied_items
from robopref.objectives.pairwise import bradley_terry
from robopref.objectives.similarity import distances, odd_agreement
from robopref.rewards.item_embedding import Embedding, item_points
from robopref.scores import Loss, PairTarget, Scores

_AT_ONCE = 256
SimilarityObjective = Callable[[Tensor, Tensor, Tensor], Loss]


@dataclass(frozen=True)
class EmbeddingData:
    """What an embedding can learn from; each part is read when it is asked for.

    Attributes:
        triplets: Which two of three are most alike.
        items: Items of which nothing is known, in one question each.
        tasks: Preferences by what they were about.
    """

    triplets: Callable[[], Triplets]
    items: Callable[[], Items]
    tasks: Callable[[], Mapping[str, Comparisons]]


@dataclass(frozen=True)
class EmbeddingFit:
    """How an embedding is trained.

    Attributes:
        config: Steps and rates.
        batches: What each step looks at.
        held_out: Share of the answers that say when to stop.
        seed: Of batches and of what is held out.
        folder: Where state and logs go; None keeps none.
        made_with: Settings by name; a state of others is not continued.
        progress: Called with every step.
    """

    config: FitConfig
    batches: Batches = field(default_factory=Batches)
    held_out: float = 0.0
    seed: int = 0
    folder: Path | None = None
    made_with: Mapping[str, str] = field(default_factory=dict[str, str])
    progress: TrainingProgress | None = None

    def run(self, module: nn.Module, loss: Any, told: str, watch: Watch | None = None) -> None:
        """Train a module in place, from the beginning or from where it was stopped; raises as `fit`."""
        parts: dict[str, object] = {
            LABELS: told, "batch_size": self.batches.size, "points": self.batches.points, "held_out": self.held_out,
        }  # fmt: skip
        origin = TrainingOrigin(
            " ".join(map(str, [*parts.values(), *self.made_with.items()])), {**self.made_with, **parts}
        )
        fit(
            module, loss, self.config, seed=self.seed, origin=origin, folder=self.folder, progress=self.progress,
            watch=watch,
        )  # fmt: skip

    def drawn(self, count: int, generator: torch.Generator) -> Tensor:
        """(B,) rows of a batch."""
        return torch.randint(count, (self.batches.size,), generator=generator, device=generator.device)


@dataclass(frozen=True)
class FittedEmbedding:
    """What came of a training.

    Attributes:
        answers: That were learnt from; 0 where none were.
        held_out: Answers that were not, and said when to stop.
        accuracy: Share of these of which the odd item is as answered; None if there are none. Chance is a third.
    """

    answers: int = 0
    held_out: int = 0
    accuracy: float | None = None


class EmbeddingMethod(Protocol):
    """A way to train an embedding in place."""

    def __call__(self, embedding: Embedding, data: EmbeddingData, how: EmbeddingFit) -> FittedEmbedding:
        """Train it; raises DataError if what it learns from is not there."""
        ...


def from_similarity(
    embedding: Embedding, data: EmbeddingData, how: EmbeddingFit, *, objective: SimilarityObjective
) -> FittedEmbedding:
    """Let items lie near each other that people find alike (SIRL, Bobu et al. 2023).

    Args:
        embedding: To be trained in place.
        data: With triplets.
        how: To train.
        objective: Of ``(points, odd, weight)``, see `robopref.objectives.similarity`.

    Returns:
        How many answers it learnt from, and how it does on those held out.

    Raises:
        DataError: There are no answers.
        ConfigError: What is held out leaves none.
    """
    device = next(embedding.parameters()).device
    every = data.triplets().to(device)
    aside = round(how.held_out * len(every))
    if aside >= len(every):
        raise ConfigError(f"held_out={how.held_out} of {len(every)} answers leaves none to learn from")
    order = torch.randperm(len(every), generator=torch.Generator().manual_seed(how.seed)).to(device)
    seen, watch = every[order[aside:]], None
    if aside:
        watch = HeldOutTriplets(embedding, every[order[:aside]], objective)
    embedding.standardise(seen.items)

    def loss(model: Any, generator: torch.Generator, done: float) -> Loss:
        del done
        rows = how.drawn(len(seen), generator)
        items = varied_items(seen.items[rows], seen.geometry, how.batches, generator)
        return objective(item_points(model, items), seen.odd[rows], seen.weight[rows])

    how.run(embedding, loss, fingerprint(every.described()), watch)
    return FittedEmbedding(len(seen), aside, None if watch is None else odd_accuracy(embedding, watch.data))


def untrained(embedding: Embedding, data: EmbeddingData, how: EmbeddingFit) -> FittedEmbedding:
    """Leave the weights as they were drawn, and take mean and spread of what is seen: what others are measured against.

    Args:
        embedding: To be standardised.
        data: With items.
        how: Not needed.
    """
    del how
    embedding.standardise(data.items().to(next(embedding.parameters()).device))
    embedding.eval()
    return FittedEmbedding()


def from_tasks(embedding: Embedding, data: EmbeddingData, how: EmbeddingFit) -> FittedEmbedding:
    """Share one embedding among preferences of several tasks, each of which has a linear head of its own.

    Args:
        embedding: To be trained in place; the heads are left behind.
        data: With preferences of two tasks or more.
        how: To train.

    Raises:
        DataError: There are fewer tasks.
    """
    device = next(embedding.parameters()).device
    tasks = {name: part.to(device) for name, part in data.tasks().items()}
    if len(tasks) < 2:
        raise DataError(
            f"a shared embedding learns from preferences of two tasks or more, there is {len(tasks)}; tasks are told "
            "apart by what questions are to be judged by, task="
        )
    parts = list(tasks.values())
    embedding.standardise(max(parts, key=len).items)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(how.seed)
        shared = _SharedTrunk(embedding, len(tasks)).to(device)

    def loss(model: Any, generator: torch.Generator, done: float) -> Loss:
        del done
        total, right = torch.zeros((), device=device), list[Tensor]()
        for index, part in enumerate(parts):
            rows = how.drawn(len(part), generator)
            items = varied_items(part.items[rows], part.geometry, how.batches, generator)
            target = part.target[rows]
            assert isinstance(target, PairTarget)
            one = bradley_terry(Scores(model.score(items, index)), target)
            total, right = total + one.total / len(parts), [*right, one.terms["accuracy"]]
        return Loss(total, {"loss": total.detach(), "accuracy": torch.stack(right).nanmean()})

    how.run(shared, loss, fingerprint([value for part in parts for value in part.described()]))
    return FittedEmbedding(sum(map(len, parts)))


@torch.no_grad()
def odd_accuracy(embedding: Embedding, triplets: Triplets) -> float:
    """Share of answers of which the odd item is that without which the two others lie nearest; chance is a third.

    Args:
        embedding: In eval mode.
        triplets: The answers, on its device.
    """
    near = distances(points_of(embedding, triplets.items))
    return float(odd_agreement(near, triplets.odd, triplets.weight))


@torch.no_grad()
def points_of(embedding: Embedding, items: Items) -> Tensor:
    """Where items of many questions lie, (B, K, D), some questions at a time."""
    rows = torch.arange(len(items), device=items.weight.device).split(_AT_ONCE)
    return torch.cat([item_points(embedding, items[some]) for some in rows])


class HeldOutTriplets:
    """Answers that are not learnt from, and say when to stop; see `robopref.learning.fit.Watch`.

    Args:
        embedding: That is trained.
        data: The answers.
        objective: By which loss it is judged.
    """

    every, patience = 25, 16

    def __init__(self, embedding: Embedding, data: Triplets, objective: SimilarityObjective) -> None:
        self.embedding, self.data, self.objective = embedding, data, objective
        self.least, self.step, self.latest, self.best = float("inf"), 0, float("nan"), dict[str, Any]()

    @torch.no_grad()
    def look(self, step: int, averaged: nn.Module, *, last: bool) -> bool:
        """Judge the averaged weights."""
        del last
        averaged_embedding: Any = averaged
        points = points_of(averaged_embedding.eval(), self.data.items)
        self.latest = float(self.objective(points, self.data.odd, self.data.weight).total)
        if self.latest < self.least:
            self.least, self.step, self.best = self.latest, step, deepcopy(averaged.state_dict())
        averaged.train()
        return step - self.step >= self.patience * self.every

    def notes(self) -> dict[str, float]:
        """Loss at the latest look."""
        return {"held_out_loss": self.latest}

    def weights(self) -> dict[str, Any]:
        """Those that fitted these answers best."""
        return self.best

    def state(self) -> dict[str, Any]:
        """What the next look depends on."""
        return {"least": self.least, "step": self.step, "best": self.best}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state; raises KeyError, TypeError or ValueError if it is of something else."""
        self.least, self.step, self.best = float(state["least"]), int(state["step"]), dict(state["best"])
        own = self.embedding.state_dict()
        if self.best and {name: held.shape for name, held in self.best.items()} != {
            name: value.shape for name, value in own.items()
        }:
            raise ValueError("the best weights so far are of another embedding")


class _SharedTrunk(nn.Module):
    """An embedding with a linear head for each task."""

    def __init__(self, embedding: Embedding, tasks: int) -> None:
        super().__init__()
        self.embedding, self.heads = embedding, nn.Linear(embedding.size, tasks, bias=False)

    def score(self, items: Items, task: int) -> Tensor:
        """What items are worth for a task, (B, K)."""
        steps = self.heads(self.embedding.embed(items))[..., task]
        return (steps * items.weight).sum(-1)
