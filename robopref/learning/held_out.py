"""Questions that are not trained on, which say when to stop."""

from __future__ import annotations

import hashlib
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from robopref.decisions import as_reward
from robopref.errors import ConfigError
from robopref.items import Comparisons, Items
from robopref.objectives.pairwise import pair_agreement
from robopref.protocols import Objective
from robopref.scores import PairTarget, Scores

_QUESTIONS = 256  # scored at once


@dataclass
class HeldOut:
    """Questions that are not trained on, looked at from time to time.

    Attributes:
        data: The questions.
        every: Steps between looks; the last step is looked at in any case.
        patience: Looks without a smaller loss after which training stops.
        loss: Smallest loss so far.
        accuracy: Share of decided pairs that were ordered right at that time; NaN if there are none.
        step: When that was.
        best: Weights at that time.
        latest: Loss at the latest look; None before the first.
    """

    data: Comparisons
    every: int = 25
    patience: int = 8
    loss: float = float("inf")
    accuracy: float = float("nan")
    step: int = 0
    best: dict[str, Any] = field(default_factory=dict[str, Any])
    latest: float | None = None

    @torch.no_grad()
    def look(self, reward: nn.Module, objective: Objective, step: int, *, last: bool = False) -> bool:
        """Judge the present weights if it is time to.

        Args:
            reward: What is trained.
            objective: By which loss.
            step: Steps taken.
            last: Whether there are no more.

        Returns:
            Whether to stop.
        """
        if step % self.every and not last:
            return False
        training = reward.training
        scores = item_scores(reward.eval(), self.data.items)
        reward.train(training)
        loss = self.latest = float(objective(scores, self.data.target).total)
        if loss < self.loss:
            self.loss, self.step, self.best = loss, step, deepcopy(reward.state_dict())
            target = self.data.target
            self.accuracy = float(pair_agreement(scores, target)) if isinstance(target, PairTarget) else float("nan")
        return step - self.step >= self.patience * self.every

    def state(self) -> dict[str, Any]:
        """What the next look depends on."""
        return {"loss": self.loss, "accuracy": self.accuracy, "step": self.step, "best": self.best}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state; raises KeyError, TypeError or ValueError if it is of something else."""
        self.loss, self.accuracy, self.step = float(state["loss"]), float(state["accuracy"]), int(state["step"])
        self.best = dict(state["best"])


@dataclass(frozen=True)
class Watched:
    """A reward in training, and the questions that say when to stop.

    Attributes:
        held_out: The questions.
        reward: What is trained.
        objective: By which loss it is judged.
    """

    held_out: HeldOut
    reward: nn.Module
    objective: Objective

    @property
    def every(self) -> int:
        """See `HeldOut`."""
        return self.held_out.every

    def look(self, step: int, averaged: nn.Module, *, last: bool) -> bool:
        """See `HeldOut.look`; the weights that are judged are those of the step, not the averaged ones."""
        return self.held_out.look(self.reward, self.objective, step, last=last)

    def notes(self) -> dict[str, float]:
        """Loss on the questions at the latest look."""
        latest = self.held_out.latest
        return {} if latest is None else {"held_out_loss": latest}

    def weights(self) -> dict[str, Any]:
        """Those that fitted the questions best."""
        return self.held_out.best

    def state(self) -> dict[str, Any]:
        """See `HeldOut.state`."""
        return self.held_out.state()

    def restore(self, state: dict[str, Any]) -> None:
        """See `HeldOut.restore`; also raises AttributeError or ValueError if the best weights are of another reward."""
        self.held_out.restore(state)
        best, own = self.held_out.best, self.reward.state_dict()
        if best and {name: held.shape for name, held in best.items()} != {name: own[name].shape for name in own}:
            raise ValueError("the best weights so far are of another reward")


def item_values(reward: nn.Module, items: Items) -> Tensor:
    """What a reward says of the items of many questions, (B, K), some questions at a time.

    Args:
        reward: A module that is a `Reward`, or a `CandidateScorer`.
        items: Of B questions.
    """
    return item_scores(reward, items).value


def item_scores(reward: nn.Module, items: Items) -> Scores:
    """The same with the probabilities of grades, (B, K, L), where the reward gives them.

    Args:
        reward: A module that is a `Reward`, or a `CandidateScorer`.
        items: Of B questions.
    """
    rows = torch.arange(len(items), device=items.weight.device).split(_QUESTIONS)
    found = [as_reward(reward).score(items[some]) for some in rows]
    grades = [one.grades for one in found if one.grades is not None]
    return Scores(torch.cat([one.value for one in found]), grades=torch.cat(grades) if grades else None)


def put_aside(data: Comparisons, share: float, *, seed: int) -> tuple[Comparisons, Comparisons | None]:
    """Put some questions aside.

    Args:
        data: All questions; those that are there for several contexts are put aside in all of them.
        share: Of the questions, in [0, 1).
        seed: Which ones.

    Returns:
        The questions to train on, and those put aside, None if there are none.

    Raises:
        ConfigError: The share is out of range, or leaves nothing to train on.
    """
    question = _questions(data)
    asked = 1 + int(question.max()) if len(question) else 0
    count = round(share * asked)
    if not 0 <= share < 1 or count >= asked:
        raise ConfigError(f"held_out is a share of the {asked} pairs and must be in [0, 1), got {share}")
    order = torch.randperm(asked, generator=torch.Generator().manual_seed(seed))
    if asked == len(data):
        return data[order[count:]], data[order[:count]] if count else None
    aside = torch.isin(question, order[:count])
    return data[(~aside).nonzero()[:, 0]], data[aside.nonzero()[:, 0]] if count else None


def _questions(data: Comparisons) -> torch.Tensor:
    """The number of the question that each row asks; rows of one question differ by their context alone."""
    if not data.items.context:
        return torch.arange(len(data))
    parts = [part.cpu().numpy() for part in (*data.items.steps.values(), data.items.weight)]
    numbers: dict[bytes, int] = {}
    told = [hashlib.sha256(b"".join(part[row].tobytes() for part in parts)).digest() for row in range(len(data))]
    return torch.tensor([numbers.setdefault(one, len(numbers)) for one in told])
