"""An agent with a world model that begins with demonstrations and takes over from their clone step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from robopref.errors import ConfigError, DataError
from robopref.interaction import AgentSpec, Transition
from robopref.learning.agency import Handover, LinearSchedule
from robopref.learning.checkpoint import load_checkpoint, require_alike, save_checkpoint
from robopref.learning.sequence_memory import SequenceMemory
from robopref.learning.world_learning import WorldLearner, WorldLearning
from robopref.nets.latent_world import LatentEncoder, LatentWorld
from robopref.nets.simplicial import StackedNormedMLP
from robopref.policies.plan_search import PlanSearch, WidePlans
from robopref.policies.plan_value import LowerBound, SmallestCritic
from robopref.policies.stored_planner import planner_state
from robopref.policies.world_planner import WorldPlanner
from robopref.protocols import Progress, StepReward
from robopref.records import Observation

Parts = Mapping[str, NDArray[Any]]


class Clone(nn.Module):
    """What demonstrations would do, from what is observed; it is trained once and stays.

    Args:
        shapes: By name, the shape of each part of an observation.
        actions: Action dim A.
        latent: Entries of the latent.
        width: Of hidden layers.
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], actions: int, *, latent: int, width: int) -> None:
        super().__init__()
        self.encoder = LatentEncoder(shapes, size=latent, width=width)
        self.actor = StackedNormedMLP(1, (latent, width, width, actions))

    def forward(self, observation: Observation) -> Tensor:
        """What to do (B, A)."""
        return torch.tanh(self.actor(self.encoder(observation)))[0]


class WorldModelAgent:
    """MoDem-V2 at the size of a processor (Lancaster et al. 2024), with TD-MPC2's networks.

    It clones the demonstrations, acts with the clone and some noise for a while (seeding), learns a world model from
    both, and then plans in it. What keeps it safe on the way are three objects that can be left out: plans that are
    centered on actors, a handover from the clone, and an ensemble of actor-critics by whose lower bound plans are
    ranked. Actors please the critics, and imitate the demonstrations and what went as well as half of these. Without
    demonstrations seeding is random, and there is nothing to hand over from.

    Args:
        spec: What it is made for.
        centering: Draws plans; None draws them from wide noise that is narrowed down, as plain MoDem does.
        handover: Says when the planner acts instead of the clone; None lets it act from the end of seeding on.
        ensemble: Judges plans; None judges by the smaller of two critics, for one actor.
        learning: How the world model learns.
        cloning: Gradient steps of the clone.
        seeding: Steps with the clone before the world model is trained.
        pretraining: Updates of the world model after seeding, for which actors go on imitating the clone.
        updates: Of the world model for each step after that.
        planning: Actions of a plan.
        noise: Standard deviation of the noise of the clone in seeding, and least noise of the planner.
        demonstrated: Share of demonstrations in what is learnt from, when interaction begins and when all steps are
            taken.
        latent: Entries of the latent.
        width: Of hidden layers.

    Raises:
        ConfigError: A number is out of range.
    """

    def __init__(
        self,
        spec: AgentSpec,
        *,
        centering: PlanSearch | None = None,
        handover: Handover | None = None,
        ensemble: LowerBound | None = None,
        learning: WorldLearning | None = None,
        cloning: int = 1500,
        seeding: int = 500,
        pretraining: int = 1000,
        updates: float = 1.0,
        planning: int = 3,
        noise: float = 0.1,
        demonstrated: Sequence[float] = (0.75, 0.25),
        latent: int = 64,
        width: int = 128,
    ) -> None:
        if min(cloning, seeding, pretraining) < 1 or updates <= 0:
            raise ConfigError("cloning, seeding and pretraining of a world model are at least 1, updates positive")
        if len(demonstrated) != 2 or not all(0 <= share <= 1 for share in demonstrated):
            raise ConfigError(f"agent.demonstrated is two shares within [0, 1], got {list(demonstrated)}")
        self.spec, self.cloning, self.seeding, self.pretraining = spec, cloning, seeding, pretraining
        self.updates, self.noise, self.handover, self.width = updates, noise, handover, width
        self.settings = learning or WorldLearning()
        value = ensemble or SmallestCritic()
        self.planner = WorldPlanner(centering or WidePlans(least=noise), value, horizon=planning, noise=noise)
        self._share = LinearSchedule(demonstrated[0], demonstrated[1], seeding, max(seeding, spec.steps))
        actors, critics = value.members
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(spec.seed)
            shapes = dict(spec.observation)
            self.clone = Clone(shapes, spec.actions, latent=latent, width=width).to(spec.device)
            self.world = LatentWorld(
                shapes, spec.actions, latent=latent, width=width, actors=actors, critics=critics
            ).to(spec.device)  # fmt: skip
        self.learner = WorldLearner(self.world, self.settings, discount=value.discount)
        self.memory = SequenceMemory(shapes, spec.actions, spec.device, discount=value.discount)
        self.steps = self.acted = 0  # in the task; and of these by the planner
        self.plans = False  # whether the planner acts in the present step
        self._owed, self._begins, self._return = 0.0, True, 0.0
        self._episode: list[Transition] = []
        self._before: Tensor | None = None
        self._told: list[dict[str, NDArray[Any]]] = []
        self._bar = -float("inf")  # return from which an episode of its own is worth imitating

    @property
    def interacting(self) -> bool:
        """Whether seeding is over."""
        return self.steps >= self.seeding

    @property
    def agency(self) -> float:
        """Share of the steps that the planner is to act in now."""
        if not self.interacting:
            return 0.0
        return 1.0 if self.handover is None or not self._told else self.handover.share(self.steps - self.seeding)

    def demonstrate(self, episode: Parts) -> None:
        """Take a demonstrated episode, before anything is done.

        Args:
            episode: (T, ...) of each part, and ``action``, ``reward`` and ``terminated``. Where there is no
                ``next_<part>``, the last observation stands for the one after it.

        Raises:
            DataError: It lacks something, or its actions are not in [-1, 1].
        """
        names = self.spec.observation
        for name in (*names, "action", "reward", "terminated"):
            if name not in episode:
                raise DataError(f"the demonstrations have no {name}; they have {', '.join(episode)}")
        actions = np.asarray(episode["action"], np.float32)
        if np.abs(actions).max() > 1 + 1e-4:
            raise DataError(f"demonstrated actions must be in [-1, 1], got up to {np.abs(actions).max():.4g}")
        known = all(f"next_{name}" in episode for name in names)
        seen = {
            name: np.concatenate([episode[name], (episode[f"next_{name}"] if known else episode[name])[-1:]])
            for name in names
        }
        self.memory.add(
            {name: _plain(part) for name, part in seen.items()}, actions,
            np.asarray(episode["reward"], np.float32).reshape(-1), over=bool(episode["terminated"][-1]),
            demonstrated=True,
        )  # fmt: skip
        self._told.append({name: np.asarray(part) for name, part in episode.items()})
        self._bar = float(np.median([np.sum(episode["reward"]) for episode in self._told]))

    def begin(self, progress: Progress | None = None) -> None:
        """Clone the demonstrations.

        Args:
            progress: Called with gradient steps done and wanted.
        """
        self._fit_statistics()
        optimizer = torch.optim.AdamW(self.clone.parameters(), lr=1e-3, weight_decay=1e-2, fused=True)
        warm = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.cloning)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.spec.seed)
            for step in range(self.cloning):
                batch = self.memory.draw(4 * self.settings.batch_size, 1, 1.0)
                seen = batch.observations.map(lambda part: part[0])
                loss = (self.clone(seen) - batch.actions[0]).square().mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                warm.step()
                if progress is not None:
                    progress(step + 1, self.cloning)
        self._take_over()

    def act(self, observation: Parts, *, explore: bool) -> NDArray[np.float32]:
        """What it does (A,), see `Agent`."""
        seen = Observation.of({
            name: torch.as_tensor(_plain(observation[name]), device=self.spec.device)[None]
            for name in self.spec.observation
        })  # fmt: skip
        if not explore:
            return self.decide(seen)[0].cpu().numpy()
        if not self._told and not self.interacting:
            return (2 * torch.rand(self.spec.actions) - 1).numpy()
        self.plans = self._planner_acts()
        if not self.plans:
            self._before = None
            with torch.no_grad():
                action = self.clone(seen)[0]
            return (action + self.noise * torch.randn_like(action)).clamp(-1, 1).cpu().numpy()
        with torch.no_grad():
            latents = self.world.encoder(seen)
        action, best = self.planner.act(self.world, latents, explore=True, before=self._before)
        self._before = best.actions[:, 0]
        return action[0].cpu().numpy()

    @torch.no_grad()
    def decide(self, seen: Observation, *, plans: bool | None = None) -> Tensor:
        """What it thinks best (B, A), by the planner once seeding is over.

        Args:
            seen: (B, ...) of each part.
            plans: Whether by the planner or by the clone; None by whom it would be.
        """
        if not (self.interacting if plans is None else plans):
            return self.clone(seen)
        return self.planner.act(self.world, self.world.encoder(seen), explore=False)[0]

    def remember(self, transition: Transition) -> None:
        """Take what came of an action, see `Agent`."""
        self._episode.append(transition)
        self.steps += 1
        self.acted += self.plans
        self._return += transition.reward
        self._begins = transition.terminated or transition.truncated
        if not self._begins:
            return
        seen = [step.observation for step in self._episode] + [transition.next_observation]
        self.memory.add(
            {name: np.stack([_plain(one[name]) for one in seen]) for name in self.spec.observation},
            np.stack([step.action for step in self._episode]),
            np.array([step.reward for step in self._episode], np.float32),
            over=transition.terminated, imitated=self._return >= self._bar,
        )  # fmt: skip
        if self.plans and self.handover is not None and self.handover.gate is not None:
            self.handover.gate.tell(self._return)
        self._episode, self._return, self._before = [], 0.0, None

    def learn(self, steps: int) -> dict[str, float]:
        """Update the world model as often as the steps call for, see `Agent`."""
        if not self.interacting or not self.memory.count(demonstrated=False):
            return {}
        told: dict[str, float] = {}
        if not self._owed:
            if not self._told:
                self._fit_statistics()
            for _ in range(self.pretraining):
                told = self._update(shown=bool(self._told))
            self._owed = 1e-9
        else:
            self._owed += steps * self.updates
        while self._owed >= 1:
            told, self._owed = self._update(shown=False), self._owed - 1
        return told

    def relabel(self, reward: StepReward, rewards: NDArray[np.float32]) -> None:
        """Learn by another reward from now on, see `OffPolicyAgent`; demonstrations are given it, too."""
        self.memory.reward_by(rewards, demonstrated=False)
        later = rewards[len(rewards) - len(self._episode) :].tolist()
        self._episode = [replace(step, reward=given) for step, given in zip(self._episode, later, strict=True)]
        if self._told:
            given = [reward.reward(episode).cpu().numpy() for episode in self._told]
            self.memory.reward_by(np.concatenate(given).astype(np.float32), demonstrated=True)

    def save(self, path: Path) -> None:
        """Write what it has learnt, and what it goes on from."""
        gate = None if self.handover is None or self.handover.gate is None else self.handover.gate.state()
        save_checkpoint(path, {
            "made": {
                "shapes": {name: list(shape) for name, shape in self.spec.observation.items()},
                "actions": self.spec.actions, "latent": self.world.latent, "width": self.width,
                "actors": self.world.actors.copies, "critics": self.world.critics.copies,
            },
            "planner": planner_state(self.planner),
            "clone": self.clone.state_dict(), "world": self.world.state_dict(), "learner": self.learner.state(),
            "steps": self.steps, "acted": self.acted, "owed": self._owed, "gate": gate,
        })  # fmt: skip

    def load(self, path: Path) -> None:
        """Take what `save` wrote; episodes are to be remembered beforehand.

        Raises:
            DataError: There is no such file, or it is damaged.
            AttributeError, KeyError, RuntimeError, TypeError, ValueError: It is of another form, or of other networks.
        """
        state = load_checkpoint(path, self.spec.device)
        steps, acted, owed = state["steps"], state["acted"], state["owed"]
        if type(steps) is not int or type(acted) is not int or not 0 <= acted <= steps:
            raise ValueError(f"it has acted in {str(acted)[:40]} of {str(steps)[:40]} steps")
        if type(owed) is not float or not 0 <= owed < 1:  # more would be learnt before the next episode
            raise ValueError(f"it owes {str(owed)[:40]} updates")
        for module, weights in ((self.clone, state["clone"]), (self.world, state["world"])):
            require_alike(module.state_dict(), weights)
            module.load_state_dict(weights)
        self.learner.restore(state["learner"])
        self.steps, self.acted, self._owed = steps, acted, owed
        if state["gate"] is not None and self.handover is not None and self.handover.gate is not None:
            self.handover.gate.restore(state["gate"])

    def _planner_acts(self) -> bool:
        if not self.interacting:
            return False
        if self.handover is None or not self._told:
            return True
        return self.handover.plans(self.steps - self.seeding, float(torch.rand(())), begins=self._begins)

    def _update(self, *, shown: bool) -> dict[str, float]:
        batch = self.memory.draw(self.settings.batch_size, self.settings.horizon, self._share.at(self.steps))
        cloned = None
        if self._told:
            before = batch.observations.map(lambda part: part[:-1].flatten(0, 1))
            with torch.no_grad():
                cloned = self.clone(before).unflatten(0, batch.actions.shape[:2])
        rate = None if self._told else 1.0  # without a clone nothing leans on latents yet
        return self.learner.update(batch, shown=cloned if shown else None, cloned=cloned, encoder=rate)

    def _fit_statistics(self) -> None:
        samples = {name: self.memory.all_seen(name) for name in self.spec.observation}
        self.clone.encoder.parts.fit(samples)
        self.world.encoder.parts.fit(samples)

    def _take_over(self) -> None:
        """Let the world's encoder and every actor begin as the clone."""
        self.world.encoder.load_state_dict(self.clone.encoder.state_dict())
        self.world.actors.copy_from(self.clone.actor)


def _plain(part: NDArray[Any]) -> NDArray[Any]:
    return part.astype(np.float32) if part.dtype == np.float64 else part
