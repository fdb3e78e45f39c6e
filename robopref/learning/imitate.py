"""Behaviour cloning with Gaussian actors, of all data or of the best episodes: what offline learning has to beat."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from robopref.data.episodes.transitions import Transitions
from robopref.learning.cuda_graph import Captured
from robopref.learning.offline import ActorSteps, Batch, OfflineConfig, TransitionBatches, checked_seeds, described
from robopref.learning.optimizer_state import restore_optimizer
from robopref.nets.stacked import part
from robopref.policies.gaussian import GaussianPolicy


class BehaviourCloning:
    """Actors of S seeds that imitate; trained by `robopref.learning.loop.train`.

    Args:
        data: What to imitate.
        config: How to train.
        best: Share of the episodes, those with the greatest returns, that is imitated (filtered behaviour cloning).
        seeds: One an actor.
        device: Where.
    """

    def __init__(
        self,
        data: Transitions,
        config: OfflineConfig,
        *,
        best: float = 1.0,
        seeds: Sequence[int] = (0,),
        device: torch.device | str = "cpu",
    ) -> None:
        data = data.best(best) if best != 1 else data
        self.config, self.seeds, self.device = config, checked_seeds(seeds), torch.device(device)
        self.batches = TransitionBatches(data, config, self.seeds, self.device)
        self.actor = ActorSteps(data, config, self.seeds, self.device)
        self.origin = described(data, config, best)
        self.captured = Captured(self.update)

    def advance(self, step: int, *, due: bool) -> dict[str, Tensor]:
        """Take one step; see `robopref.learning.loop.Trainee`."""
        del due
        self.actor.prepare(step)
        return self.captured(self.batches(step))

    def update(self, batch: Batch) -> dict[str, Tensor]:
        """One step from one batch, and its loss."""
        return {"actor_loss": self.actor.step(batch)}

    def policy(self, index: int = 0) -> GaussianPolicy:
        """The policy of one seed."""
        return GaussianPolicy(deepcopy(self.batches.normalizer), part(self.actor.actor, index, len(self.seeds))).eval()

    def state(self) -> dict[str, Any]:
        """Everything that the next step depends on."""
        return {"actor": self.actor.actor.state_dict(), "actor_optimizer": self.actor.optimizer.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.actor.actor.load_state_dict(state["actor"])
        restore_optimizer(self.actor.optimizer, state["actor_optimizer"])


def needs_reward(learner: Any) -> bool:
    """Whether a learner looks at rewards: to imitate all that was recorded takes none.

    Args:
        learner: A learner's class, with its settings.
    """
    every = getattr(learner, "func", None) is BehaviourCloning and learner.keywords.get("best", 1.0) == 1
    return not every
