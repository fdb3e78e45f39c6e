"""How a world model learns: to foresee, to judge and to act, from short sequences of steps."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from robopref.errors import ConfigError
from robopref.learning.checkpoint import require_alike
from robopref.learning.optimizer_state import restore_optimizer
from robopref.learning.sequence_memory import Sequences
from robopref.nets.latent_world import LatentWorld


@dataclass(frozen=True)
class WorldLearning:
    """How to learn; the weights of the losses are those of TD-MPC2.

    Attributes:
        learning_rate: Of Adam; the encoder's is `encoder_rate` times as large.
        batch_size: Sequences B of an update.
        horizon: Steps H of a sequence.
        later: By which each further step of a sequence counts less.
        consistency: Weight of the latents that are foreseen.
        judged: Weight of rewards, values and ends.
        returns: Share of what an episode went on to earn in what critics are to expect; the rest is what they
            expect one step later.
        imitation: Weight of what is worth imitating in what actors learn.
        encoder_rate: See `learning_rate`; at 0 the encoder stays as it was when interaction began, so that latents do
            not move away from under actors.
        target_rate: By which target critics follow the critics.
        clip: Largest norm of the gradient.

    Raises:
        ConfigError: A number is out of range.
    """

    learning_rate: float = 1e-3
    batch_size: int = 128
    horizon: int = 3
    later: float = 0.5
    consistency: float = 20.0
    judged: float = 0.1
    returns: float = 0.5
    imitation: float = 3.0
    encoder_rate: float = 0.0
    target_rate: float = 0.01
    clip: float = 20.0

    def __post_init__(self) -> None:
        if min(self.learning_rate, self.target_rate, self.clip, self.later) <= 0:
            raise ConfigError("rates, clip and later of a world model must be positive")
        if (
            min(self.consistency, self.judged, self.imitation, self.encoder_rate) < 0
            or min(self.batch_size, self.horizon) < 1
        ):
            raise ConfigError("weights of losses are not negative, batch_size and horizon at least 1")
        if not 0 <= self.returns <= 1:
            raise ConfigError(f"agent.learning.returns is a share within [0, 1], got {self.returns}")


class WorldLearner:
    """Updates a world model.

    Args:
        world: What learns.
        settings: How.
        discount: Of later rewards.
    """

    def __init__(self, world: LatentWorld, settings: WorldLearning, *, discount: float) -> None:
        self.world, self.settings, self.discount = world, settings, discount
        self.targets = deepcopy(world.critics).requires_grad_(False)
        self.scale = torch.ones(())
        rate = settings.learning_rate
        known = set(world.encoder.parameters()) | set(world.actors.parameters())
        others = [one for one in world.parameters() if one not in known]
        self._models = others + list(world.encoder.parameters())  # those without a gradient stay
        self.model = torch.optim.Adam(
            [{"params": others}, {"params": list(world.encoder.parameters()), "lr": rate * settings.encoder_rate}],
            lr=rate,
            fused=True,
        )
        self.actor = torch.optim.Adam(world.actors.parameters(), lr=rate, fused=True)

    def update(
        self,
        batch: Sequences,
        *,
        shown: Tensor | None = None,
        cloned: Tensor | None = None,
        encoder: float | None = None,
    ) -> dict[str, float]:
        """Take one gradient step.

        Args:
            batch: Sequences.
            shown: (H, B, A) what actors are to do, whatever critics say; None lets them please the critics, beside
                imitating what is worth it.
            cloned: (H, B, A) what is imitated where the steps are not worth it, so that critics who know little of
                where an episode failed do not lead actors away (as behaviour holds them in TD3+BC, Fujimoto and Gu
                2021), and all that the first of several actors does: MoDem-V2's frozen clone among those that plans
                are drawn around, at latents that may go on changing.
            encoder: How fast the encoder learns, as a multiple of the learning rate; None is `encoder_rate`.

        Returns:
            Losses by name.
        """
        world, steps = self.world, len(batch.actions)
        weight = (
            batch.weight
            * torch.tensor([self.settings.later**t for t in range(steps)], device=batch.weight.device)[:, None]
        )
        weight = weight / weight.sum()
        first = batch.observations.map(lambda part: part[0])
        after = batch.observations.map(lambda part: part[1:].flatten(0, 1))
        with torch.no_grad():
            seen = world.encoder(batch.observations.map(lambda part: part.flatten(0, 1))).unflatten(0, (steps + 1, -1))
            reached = seen[1:].flatten(0, 1)
            worth = self.worth(batch, reached)
            observed = world.standardised(after).unflatten(0, (steps, -1)) if world.decoder is not None else None
        pace = self.settings.encoder_rate if encoder is None else encoder
        self.model.param_groups[1]["lr"] = self.settings.learning_rate * pace
        with torch.set_grad_enabled(pace > 0):
            latents = [world.encoder(first)]
        for action in batch.actions:
            latents.append(world.advance(latents[-1], action))
        before, came = torch.stack(latents[:-1]), torch.stack(latents[1:])
        apart = (came - reached.view_as(came)).square().mean(-1)
        acted = torch.cat([before, batch.actions], -1)
        earned = world.numbers.loss(world.reward(acted), batch.rewards)
        flat = acted.flatten(0, 1)
        expected = world.numbers.loss(world.critics(flat), worth).mean(0).unflatten(0, (steps, -1))
        ends = functional.binary_cross_entropy_with_logits(world.end(came)[..., 0], batch.ends, reduction="none")
        total = self.settings.consistency * apart + self.settings.judged * (earned + expected + ends)
        losses = {"consistency": apart, "reward": earned, "value": expected, "end": ends}
        if observed is not None and world.decoder is not None:
            losses["decoder"] = (world.decoder(came) - observed).square().mean(-1)
            total = total + losses["decoder"]
        self.model.zero_grad()
        (weight * total).sum().backward()
        nn.utils.clip_grad_norm_(self._models, self.settings.clip)
        self.model.step()
        told = {name: float((weight * loss.detach()).sum()) for name, loss in losses.items()}
        told["actor"] = self._act(seen[:-1], weight, batch, shown, cloned)
        with torch.no_grad():
            for target, critic in zip(self.targets.parameters(), world.critics.parameters(), strict=True):
                target.lerp_(critic, self.settings.target_rate)
        return told

    def worth(self, batch: Sequences, reached: Tensor) -> Tensor:
        """What critics are to expect of each step, (E, H B).

        The smaller of two target critics, of which one is a critic's own, says what an actor's action is worth at the
        next step: ``V = min(Q_i, Q_j)(z', pi_i(z'))``. What is expected is a mixture of one step, ``r + discount
        (1 - end) V``, and of what the episode went on to earn, ``sum_k discount^k r_k + beyond V`` (mixed Monte Carlo,
        Ostrovski et al. 2017, equation 5): a sparse reward is known at once all the way back to where it was reached
        from, and that nothing came of an episode is, too, which values that only lean on each other take hundreds of
        updates to find out. Where an episode was cut off, what would have followed is taken to be worth ``V``, as
        little or as much as what follows the step.

        Args:
            batch: Sequences.
            reached: (H B, Z) latents of what was observed next.
        """
        world, critics = self.world, self.targets.copies
        actions = world.act(reached).expand(critics, -1, -1)
        inputs = torch.cat([reached.expand(critics, *reached.shape), actions], -1)
        own = world.numbers.decode(self.targets(inputs))
        other = (torch.arange(critics) + int(torch.randint(1, critics, ()))) % critics
        second = own[other] if world.actors.copies == 1 else self._second(inputs, other)
        later = torch.minimum(own, second)
        step = batch.rewards.flatten() + (1 - batch.ends.flatten()) * self.discount * later
        return step.lerp(batch.returned.flatten() + batch.beyond.flatten() * later, self.settings.returns)

    def _second(self, inputs: Tensor, other: Tensor) -> Tensor:
        """What critic `other[i]` expects of the action of actor i."""
        back = torch.argsort(other)
        return self.world.numbers.decode(self.targets(inputs[back]))[other]

    def _act(
        self, latents: Tensor, weight: Tensor, batch: Sequences, shown: Tensor | None, cloned: Tensor | None
    ) -> float:
        world = self.world
        flat, each = latents.flatten(0, 1), weight.flatten()
        actions = world.act(flat)
        if shown is not None:
            losses = (each * (actions - shown.flatten(0, 1)).square().mean(-1)).sum(-1)
        else:
            with _still(world.critics):
                critics = self.targets.copies
                inputs = torch.cat([flat.expand(critics, *flat.shape), actions.expand(critics, -1, -1)], -1)
                expected = world.numbers.decode(world.critics(inputs))
            if world.actors.copies == 1:
                expected = expected.amin(0, keepdim=True)
            self._rescale(expected.detach())
            told, near = batch.imitated.flatten(), batch.actions.flatten(0, 1)
            if cloned is not None:  # where nothing is worth imitating, the clone is
                near, told = torch.where(told[:, None] > 0, near, cloned.flatten(0, 1)), torch.ones_like(told)
            apart = (actions - near).square().mean(-1)
            losses = self.settings.imitation * (each * told * apart).sum(-1) - (each * expected).sum(-1) / self.scale
            if cloned is not None and len(losses) > 1:
                first = (each * (actions[0] - cloned.flatten(0, 1)).square().mean(-1)).sum()
                losses = torch.cat([first[None], losses[1:]])
        loss = losses.mean()
        self.actor.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(world.actors.parameters(), self.settings.clip)
        self.actor.step()
        return loss.item()

    def _rescale(self, expected: Tensor) -> None:
        """Follow the range of values from the 5th to the 95th percentile, so that actors learn alike at any scale."""
        low, high = torch.quantile(expected.flatten()[:16384], torch.tensor([0.05, 0.95], device=expected.device))
        self.scale = self.scale.to(expected.device).lerp((high - low).clamp(min=1.0), self.settings.target_rate)

    def state(self) -> dict[str, Any]:
        """What it goes on from, beside the weights of the world."""
        return {
            "targets": self.targets.state_dict(), "scale": self.scale,
            "model": self.model.state_dict(), "actor": self.actor.state_dict(),
        }  # fmt: skip

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state; raises as `restore_optimizer`, and RuntimeError for other networks."""
        scale = state["scale"]
        if not isinstance(scale, Tensor) or scale.shape != () or not scale.is_floating_point() or not scale > 0:
            raise ValueError("the range of its values is no positive number")
        require_alike(self.targets.state_dict(), state["targets"])
        self.targets.load_state_dict(state["targets"])
        self.scale = scale
        restore_optimizer(self.model, state["model"])
        restore_optimizer(self.actor, state["actor"])


@contextmanager
def _still(module: nn.Module) -> Generator[None]:
    """Let no gradient reach the weights of a module, only what it is given."""
    module.requires_grad_(False)
    try:
        yield
    finally:
        module.requires_grad_(True)
