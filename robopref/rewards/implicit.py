"""Implicit rewards: how much more a tuned diffusion policy likes an action than its reference does."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from robopref.errors import ConfigError, PolicyError
from robopref.nets.denoiser import WITH_ENERGY
from robopref.nets.points import encoded_beside
from robopref.policies.abilities import observed_by
from robopref.policies.chunk_diffusion import ChunkDiffusion
from robopref.policies.draws import UniformDraw
from robopref.policies.weighting import Weighting, simple
from robopref.protocols import DenoisingPolicy, lacking
from robopref.records import Observation
from robopref.scores import NoiseDraw, Scores


class ImplicitReward(nn.Module):
    """``beta * (cost of the reference - cost of the policy)``, averaged over shared noise draws.

    With ``cost="error"`` the cost is the weighted denoising error, and training on preferences is Diffusion-DPO
    (Wallace et al. 2024, eq. 14; DeformPAM uses the same score for ranking). With ``cost="energy"`` it is the energy of
    an `EnergyDenoiser`, so the score is ``beta * log(pi / pi_ref)`` of the noisy action up to a constant of the state,
    without Monte-Carlo noise in the estimate.

    Beta means something only together with the cost and its weighting, so all three are saved with the weights, and
    weights that were trained with others are not loaded.

    Args:
        policy: The policy to tune.
        draws: Noise levels and noises of one score.
        beta: Scale; larger keeps the policy nearer to its reference.
        cost: ``energy`` or ``error``.
        weighting: Weight of the error at each noise level; energies take none.
        reference: ``frozen`` keeps a copy of the policy as it is now, always in eval mode; None leaves the reference
            out, for reference-free objectives (CPL, SimPO). See also `refresh`.

    Raises:
        PolicyError: The policy is no `DenoisingPolicy`, or has no energy where that is the cost.
        ConfigError: Beta is not positive, the cost or reference is unknown, a weighting was given for energies, or the
            draws ask for noise levels that do not exist.
    """

    level_weight: Tensor

    def __init__(
        self,
        policy: ChunkDiffusion,
        draws: UniformDraw,
        *,
        beta: float = 1.0,
        cost: Literal["energy", "error"] = "energy",
        weighting: Weighting = simple,
        reference: Literal["frozen"] | None = "frozen",
    ) -> None:
        super().__init__()
        if missing := lacking(policy, DenoisingPolicy):
            raise PolicyError(
                "an implicit reward needs a diffusion policy, such as policy=diffusion or policy=observed; this one "
                f"lacks {', '.join(missing)}"
            )
        if not beta > 0:
            raise ConfigError(f"beta must be positive, got {beta}")
        if cost not in ("energy", "error"):
            raise ConfigError(f"cost must be 'energy' or 'error', got {cost!r}")
        if reference not in ("frozen", None):
            raise ConfigError(f"reference must be 'frozen' or null, got {reference!r}")
        if cost == "energy" and weighting is not simple:
            raise ConfigError("energies are log-densities and take no weighting; weightings are for cost='error'")
        if draws.upper > len(policy.alphas):
            raise ConfigError(
                f"draws go up to noise level {draws.upper - 1}, the policy has {len(policy.alphas)}, counted from 0"
            )
        if cost == "energy" and not policy.has_energy:
            raise PolicyError(
                "rewards of energies need a policy whose denoiser has an energy, "
                f"{WITH_ENERGY}; scorer.cost=error goes with any, as in "
                "reward@rewards.implicit=diffusion_dpo"
            )
        self.policy, self.draws, self.beta, self.cost = policy, draws, beta, cost
        self.reference = None if reference is None else copy.deepcopy(policy).requires_grad_(False).eval()
        level_weight = weighting(policy.alphas, policy.shape[0] * policy.shape[1])
        self.register_buffer("level_weight", level_weight, persistent=False)

    @property
    def horizon(self) -> int:
        """Actions of a chunk H."""
        return self.policy.shape[0]

    @property
    def observes(self) -> tuple[str, ...]:
        """Parts of an observation that the policy looks at."""
        return observed_by(self.policy)

    def get_extra_state(self) -> dict[str, object]:
        """What the scale of the score depends on."""
        return {"beta": self.beta, "cost": self.cost, "weight": self.level_weight.cpu()}

    def set_extra_state(self, state: dict[str, object]) -> None:
        """Check that weights were trained on the same scale.

        Args:
            state: From `get_extra_state`.

        Raises:
            ConfigError: They were not.
        """
        mine = self.get_extra_state()
        for name in ("beta", "cost"):
            if state[name] != mine[name]:
                raise ConfigError(f"the reward was trained with {name}={state[name]}, not {name}={mine[name]}")
        if not torch.equal(torch.as_tensor(state["weight"]), self.level_weight.cpu()):
            raise ConfigError("the reward was trained with another weighting of noise levels")

    def refresh(self) -> None:
        """Make the policy as it is now the reference (previous iterate, as in iREPO; behaviour policy, as in PACS).

        Raises:
            ConfigError: The reward has no reference.
        """
        if self.reference is None:
            raise ConfigError("a reward without a reference has none to refresh")
        self.reference.load_state_dict(self.policy.state_dict())

    def train(self, mode: bool = True) -> ImplicitReward:
        """Switch the policy between training and evaluation; the reference stays in evaluation."""
        super().train(mode)
        if self.reference is not None:
            self.reference.eval()
        return self

    def score(self, observation: Observation, actions: Tensor, *, draw: NoiseDraw | None = None) -> Scores:
        """Score candidates; each model encodes the state once and makes one batched call.

        Args:
            observation: What the policy observes, (B, ...) of each part.
            actions: (B, N, H, A).
            draw: Noise levels and noises; None takes a fixed draw, the same for every state and call.

        Returns:
            (B, N) values with their Monte-Carlo standard error, the draws if they are independent, and what the
            reference, or without one the policy, makes of the state.
        """
        draw = self.fixed_draw(actions) if draw is None else draw
        state = self.policy.encoder(observation)
        gap = -self._cost(self.policy, state, actions, draw)
        if self.reference is not None:
            with torch.no_grad():
                state = encoded_beside(self.reference.encoder, observation, self.policy.encoder, state)
                reference = self._cost(self.reference, state, actions, draw)
            gap = gap + reference
        encoding: Tensor | None = getattr(state, "vector", None)
        encoding = None if encoding is None else encoding.detach()
        gap = self.beta * gap
        count = gap.shape[-1]
        draws = draw.weighted(gap)
        value = draws.mean(dim=-1)
        if draw.sampling == "exact" or count == 1:
            return Scores(value, state=encoding)
        spread = (draws.std(dim=-1) / count**0.5).detach()
        return Scores(value, spread, draws if draw.sampling == "independent" else None, state=encoding)

    def fixed_draw(self, actions: Tensor) -> NoiseDraw:
        """The draw that (B, N, H, A) candidates are scored on by default, the same in every state and call."""
        return self.shared_draw(len(actions), torch.Generator(actions.device).manual_seed(0))

    def shared_draw(self, batch: int, generator: torch.Generator) -> NoiseDraw:
        """One draw for all of `batch` states."""
        single = self.draws(1, self.policy.shape, generator)
        return replace(
            single,
            timestep=single.timestep.expand(batch, -1),
            noise=single.noise.expand(batch, -1, -1, -1),
        )

    def _cost(self, policy: ChunkDiffusion, state: Any, actions: Tensor, draw: NoiseDraw) -> Tensor:
        if self.cost == "energy":
            return policy.energy(state, actions, draw)
        return policy.denoising_error(state, actions, draw) * self.level_weight[draw.timestep][:, None]


@torch.no_grad()
def level_importance(
    reward: ImplicitReward, observation: Observation, actions: Tensor, generator: torch.Generator, *, repeats: int = 8
) -> Tensor:
    """How much each noise level separates the candidates of a state, for `ImportanceDraw`.

    The root mean square of what the level adds to their scores, less what it adds to all of them. A tenth of the mean
    is added everywhere, so that no level is ruled out by a measurement.

    Args:
        reward: A trained reward.
        observation: What the policy observes, (B, ...) of each part.
        actions: (B, N, H, A), such as the labelled candidates.
        generator: Source of the noises.
        repeats: Noises a level and state, at least 2.

    Returns:
        (T,) on the device of the actions.

    Raises:
        ConfigError: Too few repeats.
    """
    batch, levels = len(actions), len(reward.policy.alphas)
    found: list[Tensor] = []
    for level in range(levels):
        timestep = torch.full((batch, repeats), level, device=actions.device)
        noise = torch.randn(batch, repeats, *reward.policy.shape, generator=generator, device=generator.device)
        draws = reward.score(
            observation, actions, draw=NoiseDraw(timestep, noise, noise.new_ones(repeats) / repeats)
        ).draws
        if draws is None:
            raise ConfigError("the importance of levels is measured with repeats >= 2")
        found.append((draws - draws.mean(dim=1, keepdim=True)).square().mean().sqrt())
    measured = torch.stack(found)
    return measured + 0.1 * measured.mean()
