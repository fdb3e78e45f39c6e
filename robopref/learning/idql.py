"""IDQL (Hansen-Estruch et al. 2023): a diffusion policy imitates the data, critics of IQL choose among its samples."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from robopref.data.episodes.transitions import Transitions
from robopref.learning.cuda_graph import Captured
from robopref.learning.iql import ImplicitQ, ImplicitQLearning
from robopref.learning.offline import Batch, OfflineConfig, adam, decay, descend, drawing, of_seeds
from robopref.learning.optimizer_state import restore_optimizer
from robopref.learning.origin import TrainingOrigin
from robopref.nets.stacked import part, use_tapes
from robopref.nets.state import StateInputs
from robopref.policies.behaviour import BehaviourPolicy, DiffusionActor
from robopref.rewards.critic import CriticScore

_NOISE = 3_000_009  # keeps the noise apart from what else is drawn by seed


class Noised(NamedTuple):
    """What an actor has to denoise.

    Attributes:
        vector: (S, B, V) of the states.
        points: (S, B, P, 3) or None.
        action: (S, B, A).
        noise: (S, B, A).
        level: (S, B) noise levels.
        masks: (S, B, all hidden units) of dropout, or None.
    """

    vector: Tensor
    points: Tensor | None
    action: Tensor
    noise: Tensor
    level: Tensor
    masks: Tensor | None


class ImplicitDiffusionQLearning:
    """Critics and diffusion actors of S seeds; trained by `robopref.learning.loop.train`.

    Neither looks at the other: which samples are taken, and how greedily, is decided when acting
    (`robopref.ranking.best_of_n.BestOfN`).

    Args:
        data: What to learn from.
        config: How to train.
        settings: Of IQL; what concerns its Gaussian actor is ignored.
        levels: Noise levels of the actors.
        steps: Denoising steps when they sample.
        seeds: One a network.
        device: Where.
    """

    def __init__(
        self,
        data: Transitions,
        config: OfflineConfig,
        settings: ImplicitQ | None = None,
        *,
        levels: int = 100,
        steps: int = 10,
        seeds: Sequence[int] = (0,),
        device: torch.device | str = "cpu",
    ) -> None:
        self.q = ImplicitQLearning(
            data, config, replace(settings or ImplicitQ(), actor=False), seeds=seeds, device=device
        )
        self.config, self.seeds, self.device, self.batches = config, self.q.seeds, self.q.device, self.q.batches
        self.steps = steps

        def build() -> DiffusionActor:
            return DiffusionActor(
                data.vector.shape[1], data.action.shape[1], hidden=config.hidden,
                encoder=config.encoder if data.points is not None else (), levels=levels,
            )  # fmt: skip

        self.actor = of_seeds(build, self.seeds).to(self.device)
        self.policy()  # says now if it could not sample
        use_tapes(self.actor)
        self.optimizer = adam(self.actor, config.learning_rate)
        self.origin = TrainingOrigin(f"{self.q.origin} {levels}", {**self.q.origin.parts, "levels": levels})
        self.captured = Captured(self.imitate)

    def advance(self, step: int, *, due: bool) -> dict[str, Tensor]:
        """Take one step; see `robopref.learning.loop.Trainee`."""
        del due
        decay(self.optimizer, self.config, step)
        batch = self.batches(step)
        return {**self.q.captured(batch), **self.captured(self.noised(batch, step))}

    def noised(self, batch: Batch, step: int) -> Noised:
        """The actions of a batch with noise and noise levels, a function of the seeds and the step."""
        levels, drawn = len(self.actor.alphas), list[tuple[Tensor, Tensor]]()
        for seed in self.seeds:
            generator = drawing(seed + _NOISE, step)
            noise = torch.randn(batch.action.shape[1:], generator=generator)
            drawn.append((noise, torch.randint(levels, batch.action.shape[1:2], generator=generator)))
        noise, level = (torch.stack(parts).to(self.device) for parts in zip(*drawn, strict=True))
        inputs = batch.inputs
        return Noised(inputs.vector, inputs.points, batch.action, noise, level, batch.masks)

    def imitate(self, batch: Noised) -> dict[str, Tensor]:
        """One step of the actors, and its loss."""
        masks = () if batch.masks is None else batch.masks.split(list(self.config.hidden), dim=-1)
        inputs = StateInputs(batch.vector, batch.points)
        error = self.actor.denoising_error(inputs, batch.action, batch.noise, batch.level, masks)
        return {"actor_loss": descend(self.optimizer, error.mean(-1))}

    def policy(self, index: int = 0) -> BehaviourPolicy:
        """The behaviour policy of one seed."""
        actor = part(self.actor, index, len(self.seeds))
        return BehaviourPolicy(deepcopy(self.batches.normalizer), actor, steps=self.steps).eval()

    def critics(self, index: int = 0) -> CriticScore:
        """The target critics of one seed, which score candidate actions."""
        return self.q.critics(index)

    def state(self) -> dict[str, Any]:
        """Everything that the next step depends on."""
        return {**self.q.state(), "actor": self.actor.state_dict(), "actor_optimizer": self.optimizer.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.q.restore(state)
        self.actor.load_state_dict(state["actor"])
        restore_optimizer(self.optimizer, state["actor_optimizer"])
