"""Training of a policy that asks: it is rewarded for answers that bring new information about what was masked.

After Huang et al. 2025 (arXiv 2507.21389), with typed questions in place of sentences: tasks are drawn and partly
masked, a simulated person who knows all answers, and an answer is worth by how much it makes the masked truth likelier.
Several rounds of questions about the same task are compared with each other, as in GRPO (Shao et al. 2024).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robopref.errors import ConfigError, DataError
from robopref.learning.asking_rounds import Inquest, ask_round, possible_questions, training_features
from robopref.learning.checkpoint import load_weights
from robopref.learning.loop import TrainingProgress, train
from robopref.protocols import Selector
from robopref.querying.asking_policy import AskingPolicy, question_features
from robopref.querying.masked_tasks import drawn_task
from robopref.querying.question_value import QuestionValue
from robopref.querying.selectors.asker import AskerSelector
from robopref.querying.selectors.typed import Inquiry
from robopref.records import QueryKind
from robopref.rewards.answer_likelihood import AnswerModel, TypedQuestion
from robopref.rewards.named_features import NamedFeatures
from robopref.seeding import derive

Values = NDArray[np.float64]


@dataclass(frozen=True)
class AskingConfig:
    """What a policy that asks is trained on, and for how long.

    Attributes:
        steps: Gradient steps.
        tasks: Drawn for a step.
        group: Rounds of questions about a task, which are compared.
        questions: Of a round.
        pairs: Pairs that it may choose from at every question.
        features: Of a task; every second one has a limit.
        masked: Share of them of which the brief says nothing.
        cost: Nats that a second of a person's time costs.
        learning_rate: Of Adam.
        entropy: Weight of the entropy of what is asked, which keeps it from settling early.
        draws: Of the belief.
        log_every: Steps between records.
        save_every: Steps between checkpoints.

    Raises:
        ConfigError: One is out of range.
    """

    steps: int = 40
    tasks: int = 4
    group: int = 8
    questions: int = 5
    pairs: int = 12
    features: int = 8
    masked: float = 0.5
    cost: float = 0.02
    learning_rate: float = 1e-2
    entropy: float = 0.01
    draws: int = 64
    log_every: int = 5
    save_every: int = 5

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("tasks", 1), ("group", 2), ("questions", 1), ("features", 2), ("draws", 2)):
            if getattr(self, name) < least:
                raise ConfigError(f"asker.{name} must be at least {least}, got {getattr(self, name)}")
        if not 0 < self.masked <= 1:
            raise ConfigError(f"asker.masked must be more than 0 and at most 1, got {self.masked}")

    def inquest(self, features: NamedFeatures, seconds: Mapping[QueryKind, float], model: AnswerModel) -> Inquest:
        """How its rounds go."""
        possible = possible_questions(features, self.pairs)
        return Inquest(model, seconds, self.questions, self.draws, possible, moves=1)


@dataclass
class Round:
    """One round of questions about a task.

    Attributes:
        seen: Of each question the features (N, S) of those that could be asked.
        asked: Of each which one was.
        gained: (Q,) nats about what is masked that each answer brought, less what it cost.
    """

    seen: list[Values] = field(default_factory=list[Values])
    asked: list[int] = field(default_factory=list[int])
    gained: list[float] = field(default_factory=list[float])


class AskerTraining:
    """A policy that asks, in training; see `robopref.learning.loop.Trainee`.

    Args:
        config: Of the training.
        seconds: That an answer takes, by kind.
        seed: Of everything that is drawn.
        model: How people answer.
    """

    def __init__(
        self, config: AskingConfig, seconds: Mapping[QueryKind, float], seed: int, model: AnswerModel | None = None
    ) -> None:
        self.config, self.seconds, self.seed = config, dict(seconds), seed
        self.model = model or AnswerModel()
        self.features = training_features(config.features)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(seed, "asker") % 2**31)
            self.policy = AskingPolicy()
        self.optimizer = torch.optim.Adam(self.policy.parameters(), lr=config.learning_rate)

    @property
    def device(self) -> torch.device:
        """Where it is trained."""
        return torch.device("cpu")

    def state(self) -> dict[str, Any]:
        """Weights and optimizer."""
        return {"policy": self.policy.state_dict(), "optimizer": self.optimizer.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.policy.load_state_dict(state["policy"])
        self.optimizer.load_state_dict(state["optimizer"])

    def advance(self, step: int, *, due: bool) -> Mapping[str, Tensor]:
        """Ask about some tasks and learn from it.

        Args:
            step: Counted from 0, from which tasks and answers are drawn.
            due: Whether the terms are about to be read.

        Returns:
            The loss, and nats of masked information that a round brought, less what it cost.
        """
        del due
        groups = [
            [self.play(step, task, index) for index in range(self.config.group)] for task in range(self.config.tasks)
        ]
        loss = torch.stack([self._loss(group) for group in groups]).mean()
        self.optimizer.zero_grad()
        loss.backward()  # pyright: ignore[reportUnknownMemberType]
        self.optimizer.step()
        gained = np.mean([sum(one.gained) for group in groups for one in group])
        return {"loss": loss.detach(), "gained": torch.tensor(gained)}

    def play(self, step: int, number: int, index: int) -> Round:
        """One round of questions; those of other indices are about the same task, with other answers."""
        task_rng = np.random.default_rng(derive(self.seed, "task", step, number))
        task = drawn_task(self.features, task_rng, share=self.config.masked)
        found = Round()

        def choose(value: QuestionValue, questions: Sequence[TypedQuestion], rng: np.random.Generator) -> int:
            seen = question_features(value, questions, rng)
            with torch.no_grad():
                chances = torch.softmax(self.policy(torch.as_tensor(seen, dtype=torch.float32)), 0).double().numpy()
            found.seen.append(seen)
            found.asked.append(int(rng.choice(len(questions), p=chances / chances.sum())))
            return found.asked[-1]

        how = self.config.inquest(self.features, self.seconds, self.model)
        came = ask_round(task, how, choose, np.random.default_rng(derive(self.seed, "round", step, number, index)))
        found.gained = (came.gained - self.config.cost * came.seconds).tolist()
        return found

    def _loss(self, group: Sequence[Round]) -> Tensor:
        """REINFORCE with the gains still to come, less their mean and by their spread over the group."""
        coming = np.cumsum(np.array([one.gained for one in group])[:, ::-1], axis=1)[:, ::-1]
        advantage = (coming - coming.mean(0)) / (coming.std(0) + 1e-6)
        terms: list[Tensor] = []
        for one, row in zip(group, advantage, strict=True):
            for seen, chosen, better in zip(one.seen, one.asked, row, strict=True):
                log = torch.log_softmax(self.policy(torch.as_tensor(seen, dtype=torch.float32)), 0)
                spread = -(log.exp() * log).sum()
                terms.append(-float(better) * log[chosen] - self.config.entropy * spread)
        return torch.stack(terms).mean()


def train_asker(
    config: AskingConfig,
    seconds: Mapping[QueryKind, float],
    *,
    seed: int = 0,
    folder: Path | None = None,
    progress: TrainingProgress | None = None,
) -> AskingPolicy:
    """Train a policy that asks; goes on where it stopped.

    Args:
        config: On what, and for how long.
        seconds: That an answer takes, by kind.
        seed: Of everything that is drawn.
        folder: Where it is kept what to go on from; None keeps nothing.
        progress: Called with every step.

    Returns:
        The policy.

    Raises:
        MismatchError: The folder holds a training with other settings.
    """
    training = AskerTraining(config, seconds, seed)
    origin = f"asker {config} {sorted(training.seconds.items())}"
    train(training, config, seed=seed, origin=origin, folder=folder, progress=progress)
    return training.policy


class TrainedAsker:
    """Makes a selector by a trained policy, which is loaded at once.

    Args:
        path: Weights of the policy, see `robopref train asker`.
        seed: Of what has to be drawn.

    Raises:
        DataError: There are no weights, or they are of something else.
    """

    def __init__(self, path: str | Path, seed: int = 0) -> None:
        if not Path(path).exists():
            raise DataError(f"no trained asker at {path}; run: robopref train asker, with run= as here")
        self.policy, self.seed = AskingPolicy(), seed
        load_weights(Path(path), self.policy)

    def __call__(self, known: object) -> Selector:
        """The selector.

        Args:
            known: What is known: an `Inquiry`.

        Raises:
            ConfigError: Nothing is known of named features.
        """
        if not isinstance(known, Inquiry):
            raise ConfigError("selector=asker asks about named features; name some with label.features=")
        return AskerSelector(self.policy, known, self.seed)
