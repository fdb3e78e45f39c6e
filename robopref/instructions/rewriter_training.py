"""Training of a rewriter by reinforcement: a frozen robot goes by what it writes, and a learnt evaluator scores that.

After PromptEnhancer (arXiv 2509.04545), at a size that a processor carries: several rewrites of an instruction are
tried and compared with each other (GRPO, Shao et al. 2024), each as one chain of reasons and clauses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from robopref.checklists.trace import Trace
from robopref.errors import ConfigError, MismatchError
from robopref.instructions.case import Case, plain_case, unsaid
from robopref.instructions.checklist_evaluator import ChecklistEvaluator, filled, train_evaluator
from robopref.instructions.clause_rewriter import (
    LEAVE,
    ClauseRewriter,
    Drawn,
    additions_of,
    draw,
    imitation_loss,
    log_prob,
    stated_points,
)
from robopref.instructions.offers import Offers
from robopref.instructions.random_rewriter import random_additions
from robopref.instructions.rewrite import Rewrite, rewritten
from robopref.instructions.table_simulator import TableSimulator
from robopref.learning.checkpoint import load_checkpoint, load_weights, save_checkpoint
from robopref.learning.fit import FitConfig
from robopref.learning.loop import TrainingProgress, fingerprint, train
from robopref.seeding import derive

_COLD_RATE = 1e-2  # of Adam


@dataclass(frozen=True)
class RewriterConfig:
    """How a rewriter is trained, and the evaluator that rewards it.

    Attributes:
        shown: Labelled instructions whose rewrites are shown to the rewriter at first, to be imitated.
        imitated: Gradient steps of that; 0 imitates nothing.
        steps: Gradient steps of the rewriter that follow, by reinforcement.
        cases: Instructions of a step.
        group: Rewrites of each, which are compared.
        price: Of a clause that is added, as a share of a checklist.
        others: By which share what is decided of a key point counts for what becomes of the others.
        entropy: Weight of the entropy of reasons, which keeps it from settling early.
        learning_rate: Of Adam.
        rollouts: Of each labelled instruction, that the evaluator learns from.
        evaluator_steps: Gradient steps of the evaluator.
        log_every: Steps between records.
        save_every: Steps between checkpoints.

    Raises:
        ConfigError: One is out of range.
    """

    shown: int = 400
    imitated: int = 100
    steps: int = 120
    cases: int = 12
    group: int = 8
    price: float = 0.03
    others: float = 0.2
    entropy: float = 0.001
    learning_rate: float = 1e-2
    rollouts: int = 2
    evaluator_steps: int = 300
    log_every: int = 5
    save_every: int = 25

    def __post_init__(self) -> None:
        for name, least in (
            ("shown", 1),
            ("imitated", 0),
            ("steps", 1),
            ("cases", 1),
            ("group", 2),
            ("rollouts", 1),
            ("evaluator_steps", 1),
        ):
            if getattr(self, name) < least:
                raise ConfigError(f"rewriter.{name} must be at least {least}, got {getattr(self, name)}")
        if self.price < 0 or self.entropy < 0 or not self.learning_rate > 0:
            raise ConfigError(
                "rewriter.price and entropy must not be negative, and learning_rate be positive, got "
                f"{self.price}, {self.entropy} and {self.learning_rate}"
            )


@dataclass(frozen=True)
class Workshop:
    """What rewriters are tried with.

    Attributes:
        offers: What may be added.
        robot: Who goes by what is said, and does not learn.
        evaluator: Says what a rollout is worth to who gave the instruction.
    """

    offers: Offers
    robot: TableSimulator
    evaluator: ChecklistEvaluator

    @torch.no_grad()
    def worth(self, rewrites: Sequence[Rewrite], seeds: Sequence[int]) -> Tensor:
        """What the evaluator says (B, K) of what comes of rewrites, by key point; the sum is the score."""
        cases = [one.case for one in rewrites]
        traces = [
            self.robot.carry_out(one.case, one.asked[: self.robot.obeyed], seed)
            for one, seed in zip(rewrites, seeds, strict=True)
        ]
        return self.evaluator.parts(self.offers.batch(cases), self.offers.checks(cases, traces))


@dataclass
class RewriterTraining:
    """A rewriter in training, see `robopref.learning.loop.Trainee`.

    Args:
        workshop: What it is tried with.
        cases: Instructions; nobody needs to know what is wanted.
        config: How.
        seed: Of everything that is drawn.
        shown: Instructions of which it is known what is wanted, which it imitates at first.
    """

    workshop: Workshop
    cases: Sequence[Case]
    config: RewriterConfig
    seed: int
    shown: Sequence[Case] = ()
    rewriter: ClauseRewriter = field(init=False)
    optimizer: torch.optim.Optimizer = field(init=False)

    def __post_init__(self) -> None:
        offers = self.workshop.offers
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(self.seed, "rewriter") % 2**31)
            self.rewriter = ClauseRewriter(offers.names, offers.most, offers.encoder.size)
        if self.shown and self.config.imitated:
            imitate(self.rewriter, offers, self.shown, self.config)
        self.optimizer = torch.optim.Adam(self.rewriter.parameters(), lr=self.config.learning_rate)

    @property
    def device(self) -> torch.device:
        """Where it is trained."""
        return torch.device("cpu")

    def state(self) -> dict[str, Any]:
        """Weights and optimizer."""
        return {"rewriter": self.rewriter.state_dict(), "optimizer": self.optimizer.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.rewriter.load_state_dict(state["rewriter"])
        self.optimizer.load_state_dict(state["optimizer"])

    def advance(self, step: int, *, due: bool) -> Mapping[str, Tensor]:
        """Try rewrites of some instructions and learn from it.

        Args:
            step: Counted from 0, from which all is drawn.
            due: Whether the terms are about to be read.

        Returns:
            The loss, what rewrites were worth, and clauses that were added.
        """
        del due
        config, offers = self.config, self.workshop.offers
        rng = np.random.default_rng(derive(self.seed, "cases", step))
        some = [self.cases[place] for place in rng.integers(len(self.cases), size=config.cases)]
        parted = [unsaid(case, offers.vocabulary) for case in some]
        some, stated = [case for case, _ in parted], [said for _, said in parted]
        said = stated_points(offers, stated)
        log_probs = self.rewriter.log_probs(offers.batch(some), said)
        repeated = tuple(one.detach().repeat(config.group, *[1] * (one.ndim - 1)) for one in log_probs)
        generator = torch.Generator().manual_seed(derive(self.seed, "draws", step) % 2**31)
        drawn = draw((repeated[0], repeated[1]), generator)
        rewrites = [
            rewritten(
                case, offers.vocabulary, additions_of(offers, case, drawn, row, (repeated[0], repeated[1])), said_
            )
            for row, (case, said_) in enumerate(zip([*some] * config.group, [*stated] * config.group, strict=True))
        ]
        # Rewrites of a group meet the same table and the same carelessness, so that they differ by what they say.
        seeds = rng.integers(2**31, size=len(some)).tolist() * config.group
        worth = self.workshop.worth(rewrites, seeds)
        added = (drawn.reasons != LEAVE).float()
        reward = (worth - config.price * added).view(config.group, len(some), -1)
        advantage = point_advantages(reward, config.others)
        each = torch.stack([log_prob(log_probs, _rows(drawn, group, len(some))) for group in range(config.group)])
        reasons = log_probs[0]
        spread = -(reasons.exp() * reasons.clamp(min=-50)).sum(-1).mean()
        loss = -(advantage * each).sum(-1).mean() - config.entropy * spread
        self.optimizer.zero_grad()
        loss.backward()  # pyright: ignore[reportUnknownMemberType]
        self.optimizer.step()
        return {"loss": loss.detach(), "worth": worth.sum(-1).mean(), "clauses": added.sum(-1).mean()}


def point_advantages(reward: Tensor, others: float) -> Tensor:
    """Advantages of what was decided of each key point, within groups.

    A decision counts for what its own key point brings, and by a share for what all others bring, as one clause may
    hinder another. The deviation from the mean of the group is divided by that of the whole rewards of the group.

    Args:
        reward: (G, B, K) of groups of G rewrites of B instructions, by key point.
        others: Share ``s`` of the others: ``r_k + s sum_{l != k} r_l``.
    """
    whole = reward.sum(-1, keepdim=True)
    own = reward + others * (whole - reward)
    return (own - own.mean(0)) / (whole.std(0, correction=0) + 1e-6)


def imitate(rewriter: ClauseRewriter, offers: Offers, shown: Sequence[Case], config: RewriterConfig) -> None:
    """The cold start: take over what others wrote, in place; all of it in each step.

    Args:
        rewriter: The rewriter.
        offers: What may be added.
        shown: Instructions of which it is known what is wanted.
        config: How long.
    """
    batch, wished = offers.batch(shown), offers.wished(shown)
    nothing = torch.zeros(len(shown), len(offers.points), dtype=torch.bool)
    optimizer = torch.optim.Adam(rewriter.parameters(), lr=_COLD_RATE)
    for _ in range(config.imitated):
        loss = imitation_loss(rewriter.log_probs(batch, nothing), wished)
        optimizer.zero_grad()
        loss.backward()  # pyright: ignore[reportUnknownMemberType]
        optimizer.step()


def _rows(drawn: Drawn, group: int, count: int) -> Drawn:
    rows = slice(group * count, (group + 1) * count)
    return Drawn(drawn.reasons[rows], drawn.choices[rows])


def tried_cases(
    cases: Sequence[Case], offers: Offers, robot: TableSimulator, seed: int, rollouts: int
) -> tuple[list[Case], list[Trace]]:
    """Rollouts of instructions as they are, and with clauses that may or may not be wanted.

    Args:
        cases: Instructions of which it is known what is wanted.
        offers: What may be added.
        robot: Who goes by them.
        seed: Of what is added and of the rollouts.
        rollouts: Of each.

    Returns:
        The cases, each once for a rollout, and the traces.
    """
    rng = np.random.default_rng(derive(seed, "tried"))
    repeated, traces = list[Case](), list[Trace]()
    for case in cases:
        for _ in range(rollouts):
            told = [one for one in case.wanted if rng.random() < 0.3]
            told += [one.requirement for one in random_additions(offers, case, 0.1, rng)]
            repeated.append(case)
            order = rng.permutation(len(told))
            traces.append(robot.carry_out(case, [told[k] for k in order][: robot.obeyed], int(rng.integers(2**31))))
    return repeated, traces


def trained_evaluator(
    offers: Offers, labelled: Sequence[Case], robot: TableSimulator, config: RewriterConfig, *, seed: int,
    folder: Path | None = None,
) -> ChecklistEvaluator:  # fmt: skip
    """An evaluator that has learnt from checklists; one that was kept of the same settings is taken.

    Args:
        offers: Key points.
        labelled: Instructions of which it is known what is wanted.
        robot: Whose rollouts people filled in checklists of.
        config: How.
        seed: Of everything that is drawn.
        folder: Where it is kept, ``evaluator.pt``; None keeps nothing.

    Raises:
        DataError: What was kept cannot be read.
        MismatchError: It was trained on other instructions or with other settings.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "evaluator") % 2**31)
        made = ChecklistEvaluator(len(offers.points), offers.most, offers.encoder.size)
    told = [seed, config.rollouts, config.evaluator_steps, offers.names, offers.encoder.size, robot.obeyed]
    origin = fingerprint([*told, *(plain_case(case) for case in labelled)])
    path = None if folder is None else folder / "evaluator.pt"
    if path is not None and path.exists():
        if load_checkpoint(path).get("origin") != origin:
            # Another one beside the rewriter that is there would score what it never taught.
            raise MismatchError(
                f"{path} was trained on other instructions or with other settings; remove {path.parent} to train "
                "again, or choose another run folder"
            )
        load_weights(path, made)
        return made
    cases, traces = tried_cases(labelled, offers, robot, seed, config.rollouts)
    fitted = FitConfig(config.evaluator_steps, 1e-2, ema=0.0)
    train_evaluator(made, filled(offers, cases, traces), fitted, seed=derive(seed, "evaluator batches") % 2**31)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_checkpoint(path, {"module": made.state_dict(), "origin": origin})
    return made


def train_rewriter(
    workshop: Workshop,
    cases: Sequence[Case],
    config: RewriterConfig,
    *,
    seed: int = 0,
    shown: Sequence[Case] = (),
    folder: Path | None = None,
    progress: TrainingProgress | None = None,
) -> ClauseRewriter:
    """Train a rewriter; goes on where it stopped.

    Args:
        workshop: What it is tried with.
        cases: Instructions; nobody needs to know what is wanted.
        config: How.
        seed: Of everything that is drawn.
        shown: Instructions of which it is known what is wanted; the first are imitated.
        folder: Where it is kept what to go on from; None keeps nothing.
        progress: Called with every step.

    Raises:
        MismatchError: The folder holds a training with other settings.
    """
    shown = shown[: config.shown]
    training = RewriterTraining(workshop, cases, config, seed, shown)
    weights = list(workshop.evaluator.state_dict().values())
    origin = f"rewriter {config} {fingerprint([*weights, *(plain_case(case) for case in (*shown, *cases))])}"
    train(training, config, seed=seed, origin=origin, folder=folder, progress=progress)
    return training.rewriter
