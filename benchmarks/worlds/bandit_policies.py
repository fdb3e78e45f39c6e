"""Policies for the four-mode bandit: networks that have learnt its reference, and the mixture itself."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor

from benchmarks.worlds.four_mode_bandit import MODES, REACH, SPREAD, FourModeBandit
from benchmarks.worlds.gauss_linear import plane
from robopref.learning.fit import FitConfig, fit
from robopref.nets.denoiser import EnergyDenoiser, NoiseDenoiser
from robopref.nets.points import Encoding
from robopref.policies.diffusion import DiffusionPolicy
from robopref.policies.draws import UniformDraw
from robopref.scores import Loss

LEVELS = 50


class MixtureDenoiser(EnergyDenoiser):
    """The exact denoiser of the bandit's mixture; the masses of the modes in each context are all that can be trained.

    A noisy mode k is N(sqrt(abar) m_k, (abar s^2 + 1 - abar) I). Energies are normalised: minus the log-density.
    """

    def __init__(self, *, alphas: Tensor, shares: Sequence[float], **_: Any) -> None:
        torch.nn.Module.__init__(self)
        self.register_buffer("alphas", alphas)
        self.logits = torch.nn.Parameter(torch.tensor([list(shares)] * 2).log())

    def energy(self, state: Encoding, noisy: Tensor, timestep: Tensor) -> Tensor:
        alpha = self.alphas[timestep][..., None]
        variance = alpha * SPREAD**2 + 1 - alpha
        squared = (noisy - alpha.sqrt()[..., None] * MODES).square().sum(-1)  # (B, N, 4), chunks of one action
        masses = self.logits.log_softmax(1)[state.proprio[:, 0].long()][:, None]
        parts = masses - 0.5 * squared / variance - torch.log(2 * math.pi * variance)
        return -torch.logsumexp(parts, dim=-1)

    def masses(self) -> Tensor:
        """The masses (2, 4) of the modes in the two contexts."""
        return self.logits.detach().softmax(1)


def mixture_policy(shares: Sequence[float]) -> DiffusionPolicy:
    """The reference of a bandit, exactly; only the masses of its modes can be trained."""
    return _policy(partial(MixtureDenoiser, shares=shares), seed=0)


def network_policy(
    shares: Sequence[float], seed: int, denoiser: type[NoiseDenoiser] = NoiseDenoiser, *, steps: int = 1500
) -> DiffusionPolicy:
    """A network that has learnt the reference of a bandit; trained once a process, each call gives a fresh copy."""
    return copy.deepcopy(_trained(tuple(shares), seed, denoiser, steps))


@cache
def _trained(shares: tuple[float, ...], seed: int, denoiser: type[NoiseDenoiser], steps: int) -> DiffusionPolicy:
    world, policy = FourModeBandit(shares=shares), _policy(partial(denoiser, hidden=96, depth=2), seed)
    actions = world.draw(8192, torch.Generator().manual_seed(seed))
    noise = UniformDraw(1, 0, LEVELS)

    def loss(module: torch.nn.Module, generator: torch.Generator, _: float) -> Loss:
        # The one state is encoded once and stands for all rows of the batch, each with a noise of its own.
        del module
        picked = actions[torch.randint(len(actions), (256,), generator=generator)]
        state = Encoding(*(part.expand(256, *part.shape[1:]) for part in policy.encoder(world.observe(1))))
        error = policy.denoising_error(state, picked[:, None], noise(256, policy.shape, generator)).mean()
        return Loss(error, {"loss": error.detach()})

    fit(policy, loss, FitConfig(steps, 2e-3, ema=0.99), seed=seed)
    return policy


def _policy(denoiser: Any, seed: int) -> DiffusionPolicy:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        sizes: dict[str, Any] = {"width": 16, "points": 4, "nodes": 4, "train_steps": LEVELS, "sample_steps": 25}
        return DiffusionPolicy(plane(REACH), 1, denoiser=denoiser, **sizes)
