"""Training an agent by process rewards that learn from the outcomes of its own rollouts (PRIME, Cui et al. 2025)."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from robopref.errors import ConfigError
from robopref.learning.advantages import AdvantageEstimator, LeaveOneOut, ScoredRollouts
from robopref.learning.hacking_watch import HackingWatch, ordered_right
from robopref.learning.optimizer_state import restore_optimizer
from robopref.learning.rollouts import RolloutAgent, RolloutBatch, RolloutTasks
from robopref.objectives.classification import success_cross_entropy
from robopref.policies.gaussian_density import GaussianDensity
from robopref.rewards.implicit_process import ImplicitProcessReward
from robopref.scores import Scores, SuccessTarget
from robopref.seeding import derive

_CLIP = 10.0  # largest norm of a gradient of the reward, as in PRIME


@dataclass(frozen=True)
class ProcessSettings:
    """How an agent and its process reward learn together.

    Attributes:
        advantage: From process rewards and outcomes to advantages.
        starts: Starts of a batch.
        rollouts: From each start.
        least: Sum of rewards from which a rollout succeeds; None goes by what the task says.
        weight: Of process rewards beside the outcome; 0 learns from outcomes alone.
        refresh: Whether the reward goes on learning from the agent's rollouts; else it stays after `first` batches.
        first: Batches that a reward which is not refreshed learns from.
        memory: Latest batches that the reward learns from after each batch.
        passes: How often it goes through them.
        learning_rate: Of the reward.
        watch: Says when the reward is hacked.

    Raises:
        ConfigError: A number is out of range.
    """

    advantage: AdvantageEstimator = field(default_factory=LeaveOneOut)
    starts: int = 8
    rollouts: int = 8
    least: float | None = None
    weight: float = 1.0
    refresh: bool = True
    first: int = 8
    memory: int = 4
    passes: int = 4
    learning_rate: float = 3e-3
    watch: HackingWatch = field(default_factory=HackingWatch)

    def __post_init__(self) -> None:
        for name in ("starts", "rollouts", "first", "memory", "passes"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)}")
        if isinstance(self.advantage, LeaveOneOut) and self.rollouts < 2:
            raise ConfigError("leave_one_out compares rollouts from one start; give rollouts=2 or more")
        if not self.weight >= 0:
            raise ConfigError(f"weight must not be negative, got {self.weight}")
        if not self.learning_rate > 0:
            raise ConfigError(f"learning_rate must be positive, got {self.learning_rate}")


class Remembered(NamedTuple):
    """Rollouts, and the policy that made them, which their rewards refer to."""

    rollouts: RolloutBatch
    policy: GaussianDensity


class ProcessTraining:
    """One batch of rollouts a step: they are scored, the agent learns, and then the reward learns from their outcomes.

    Rewards of a batch are ``beta log(pi_phi / pi)`` with the policy pi that made it as the reference, one of the two
    that PRIME names; the other, the policy of the beginning, is what the watch goes by, so that rollouts of different
    times can be compared. A batch is scored before the reward has learnt from it, so that all it is scored by was
    learnt from other rollouts.

    Args:
        agent: What learns to act.
        tasks: Where.
        reward: Not trained, around a copy of the agent's policy.
        how: Settings.
        seed: Of starts and noise.

    Attributes:
        steps: Taken in the task so far.
        stopped: Why training has to stop; empty if it need not.
    """

    def __init__(
        self, agent: RolloutAgent, tasks: RolloutTasks, reward: ImplicitProcessReward, how: ProcessSettings, *,
        seed: int,
    ) -> None:  # fmt: skip
        self.agent, self.tasks, self.reward, self.how, self.seed = agent, tasks, reward, how, seed
        self.watch, self.steps, self.stopped = deepcopy(how.watch), 0, ""
        self._beginning = deepcopy(reward.reference)
        self._best: dict[str, Any] | None = None
        self._memory = list[Remembered]()
        self._learnt = [one for one in reward.parameters() if one.requires_grad]
        self._optimizer = torch.optim.Adam(self._learnt, lr=how.learning_rate)

    @property
    def device(self) -> torch.device:
        """Where it is trained."""
        return next(self.reward.parameters()).device

    def advance(self, step: int, *, due: bool = True) -> Mapping[str, Tensor]:
        """Take one batch; see `robopref.learning.loop.Trainee`.

        Returns:
            Named figures; ``ordered`` is the share of pairs of a fresh success and a fresh failure that the reward
            orders right, left out if there is no such pair.
        """
        del due
        how, policy = self.how, self.agent.density()
        with _seeded(derive(self.seed, "batch of rollouts", step)):
            batch = self.tasks.collect(self.agent, self._starts(step)).to(self.device)
            self.reward.refer_to(policy)
            with torch.no_grad():
                process = self.reward.step_rewards(batch.vector, batch.tried) * batch.weight
            made = how.advantage(
                ScoredRollouts(how.weight * process, batch.weight, batch.success, batch.start, batch.value)
            )
            if self.watch.look(batch):
                self._best = deepcopy(self.agent.state())
            terms = self.agent.improve(batch, made.advantage, made.worth)
        total = process.sum(1)
        terms |= {"success": float(batch.success.mean()), "score": float(self._score(batch).mean())}
        terms |= {"spread": float(total.std(correction=0))}
        if 0 < terms["success"] < 1:
            terms["ordered"] = ordered_right(total, batch.success)
        self.steps += batch.steps
        if how.weight > 0:
            self.stopped = self.watch.verdict(self._score)
        self._memory = [*self._memory, Remembered(batch, policy)][-how.memory :]
        if how.weight > 0 and (how.refresh or step < how.first):
            terms |= self._refresh()
        return {name: torch.tensor(value) for name, value in terms.items()}

    def keep_best(self) -> None:
        """Give the agent back what it had learnt when it succeeded most."""
        if self._best is not None:
            self.agent.restore(self._best)

    def state(self) -> dict[str, Any]:
        """What it goes on from."""
        return {
            "agent": self.agent.state(), "reward": self.reward.state_dict(), "beginning": self._beginning.state_dict(),
            "optimizer": self._optimizer.state_dict(), "watch": self.watch.state(), "best": self._best,
            "memory": [(vars(one.rollouts), one.policy.state_dict()) for one in self._memory],
            "taken": self.steps, "stopped": self.stopped,
        }  # fmt: skip

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.agent.restore(state["agent"])
        self.reward.load_state_dict(state["reward"])
        self._beginning.load_state_dict(state["beginning"])
        restore_optimizer(self._optimizer, state["optimizer"])
        self.watch.restore(state["watch"])
        self._memory = list[Remembered]()
        for rollouts, weights in state["memory"]:
            policy = deepcopy(self._beginning)
            policy.load_state_dict(weights)
            self._memory.append(Remembered(RolloutBatch(**rollouts), policy))
        self._best, self.steps, self.stopped = state["best"], int(state["taken"]), str(state["stopped"])

    def _starts(self, step: int) -> list[int]:
        # Simulators of others may take no more than 32 bits.
        seeds = [derive(self.seed, "start of rollouts", step, one) % 2**32 for one in range(self.how.starts)]
        return [seed for seed in seeds for _ in range(self.how.rollouts)]

    @torch.no_grad()
    def _score(self, rollouts: RolloutBatch) -> Tensor:
        steps = self.reward.step_rewards(rollouts.vector, rollouts.tried, reference=self._beginning)
        return (steps * rollouts.weight).sum(1)

    def _refresh(self) -> dict[str, float]:
        """Let the reward learn from the remembered outcomes; it cannot while all of them are the same."""
        share = float(torch.cat([one.rollouts.success for one in self._memory]).mean())
        if not 0 < share < 1:
            return {}
        loss = float("nan")
        for _ in range(self.how.passes):
            for one in self._memory:
                loss = self._learn(one, share)
        return {"reward_loss": loss}

    def _learn(self, one: Remembered, share: float) -> float:
        rollouts = one.rollouts
        steps = self.reward.step_rewards(rollouts.vector, rollouts.tried, reference=one.policy) * rollouts.weight
        target = SuccessTarget(rollouts.success[:, None], balanced(rollouts.success, share)[:, None])
        loss = success_cross_entropy(Scores((self.reward.base + steps.sum(1))[:, None]), target).total
        self._optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._learnt, _CLIP)
        self._optimizer.step()
        return float(loss.detach())


def balanced(success: Tensor, share: float) -> Tensor:
    """Weights (R,) by which successes and failures count the same, however rare one of them is.

    Steps are to say what success and failure differ in, also while one of them is rare.

    Args:
        success: (R,) outcomes.
        share: Of successes among all rollouts, inside (0, 1).
    """
    return torch.where(success > 0.5, 0.5 / share, 0.5 / (1 - share))


@contextmanager
def _seeded(seed: int) -> Generator[None]:
    """Randomness of its own for what draws from torch's and numpy's global generators."""
    kept = np.random.get_state()  # noqa: NPY002
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            np.random.seed(seed % 2**32)  # noqa: NPY002
            yield
    finally:
        np.random.set_state(kept)  # noqa: NPY002
