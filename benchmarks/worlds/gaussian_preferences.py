"""A Gaussian policy of two actions that misses the best one, in a way that depends on the state, and its preferences.

States are four standard normal numbers. The true score of an action is minus its squared distance to a best one. The
policy's mean misses that by 0.85 in the first action, and by up to 0.4 in the second one. Mirroring the second action
and the two last numbers of the state changes no score.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from robopref.data.labels.target_operators import compare
from robopref.items import Comparisons, Items
from robopref.scores import NoiseDraw, Scores

STATE, ACTION, SPREAD = 4, 2, 0.4
_BEST = torch.tensor([[0.9, -0.5, 0.0, 0.0], [0.0, 0.0, 0.6, 0.8]]).T
_MIRROR = torch.tensor([1.0, 1.0, -1.0, -1.0]), torch.tensor([1.0, -1.0])


def best(state: Tensor) -> Tensor:
    """The best action (..., 2) of states (..., 4)."""
    return torch.tanh(state @ _BEST)


def first_mean(state: Tensor) -> Tensor:
    """What the policy does that was never tuned, (..., 2)."""
    second = 0.4 * torch.tanh(state[..., 2])
    return best(state) + torch.stack([torch.full_like(second, 0.85), second], -1)


def worth(state: Tensor, action: Tensor) -> Tensor:
    """True score (..., K) of actions (..., K, 2)."""
    return -(action - best(state)[..., None, :]).square().sum(-1)


class GaussianMean(nn.Module):
    """A Gaussian whose mean a network moves from `first_mean`, with one standard deviation for each action."""

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Sequential(
            nn.Linear(STATE, 24), nn.Tanh(), nn.Linear(24, 24), nn.Tanh(), nn.Linear(24, ACTION)
        )
        nn.init.zeros_(self.network[-1].weight)  # type: ignore[arg-type]
        nn.init.zeros_(self.network[-1].bias)  # type: ignore[arg-type]
        self.log_std = nn.Parameter(torch.full((ACTION,), math.log(SPREAD)))

    def mean(self, state: Tensor) -> Tensor:
        """(..., 2) in states (..., 4)."""
        return first_mean(state) + self.network(state)

    def log_density(self, state: Tensor, action: Tensor) -> Tensor:
        """(...,) of actions (..., 2) in states (..., 4), up to a constant."""
        scaled = (action - self.mean(state)) * (-self.log_std).exp()
        return -(0.5 * scaled.square() + self.log_std).sum(-1)

    @torch.no_grad()
    def draw(self, state: Tensor, count: int, generator: torch.Generator) -> Tensor:
        """Actions (S, count, 2)."""
        noise = torch.randn(len(state), count, ACTION, generator=generator)
        return self.mean(state)[:, None] + self.log_std.exp() * noise

    @torch.no_grad()
    def mean_worth(self, state: Tensor) -> float:
        """Mean true score of its actions in some states, exactly."""
        gone = (self.mean(state) - best(state)).square().sum(-1)
        return float(-(gone + (2 * self.log_std).exp().sum()).mean())


class GaussianImplicit(nn.Module):
    """``beta (log pi - log pi_ref)`` of such policies, as `ImplicitReward` is of diffusion policies."""

    keys = ("state", "action")

    def __init__(self, policy: GaussianMean, reference: GaussianMean, beta: float) -> None:
        super().__init__()
        self.policy, self.beta = copy.deepcopy(policy), beta
        self.reference = copy.deepcopy(reference).requires_grad_(False)

    def score(self, items: Items, *, draw: NoiseDraw | None = None) -> Scores:
        """Scores (B, K) of items of one decision."""
        del draw
        state, action = items.steps["state"][:, :, 0], items.steps["action"][:, :, 0]
        state = state.expand(*action.shape[:2], STATE)
        ratio = self.policy.log_density(state, action) - self.reference.log_density(state, action)
        return Scores(self.beta * ratio)


@dataclass(frozen=True)
class Pairs:
    """States (S, 4) with two actions each, (S, 2, 2)."""

    state: Tensor
    action: Tensor

    @property
    def items(self) -> Items:
        """As items of one decision."""
        steps = {"state": self.state[:, None, None], "action": self.action[:, :, None]}
        return Items(steps, torch.ones(len(self.state), 2, 1))

    @property
    def answered(self) -> Comparisons:
        """With the answers of a teacher who never errs."""
        return Comparisons(self.items, compare(worth(self.state, self.action)))

    def __getitem__(self, rows: Tensor | slice) -> Pairs:
        return Pairs(self.state[rows], self.action[rows])

    @property
    def mirrored(self) -> Pairs:
        """Their mirror images, of which the scores are the same."""
        return Pairs(self.state * _MIRROR[0], self.action * _MIRROR[1])


def drawn(policy: GaussianMean, count: int, generator: torch.Generator) -> Pairs:
    """Pairs of a policy's own actions in new states."""
    state = torch.randn(count, STATE, generator=generator)
    return Pairs(state, policy.draw(state, 2, generator))
