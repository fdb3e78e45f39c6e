"""More noise draws where the best two candidates are too close to call."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from robopref.errors import ConfigError
from robopref.records import Observation
from robopref.rewards.implicit import ImplicitReward
from robopref.scores import NoiseDraw, Scores


class AdaptiveReward(nn.Module):
    """Doubles the draws of a state until its best candidate leads by enough standard errors.

    Candidates share their draws, so what counts is the standard error of their difference, which is smaller than that
    of either. States that are decided cost no further draws.

    Args:
        reward: An implicit reward whose draws are independent, such as those of `UniformDraw`.
        certainty: Lead of the best candidate, in standard errors of the difference to the second.
        limit: Most draws of a state; then the best guess is taken.

    Raises:
        ConfigError: A value is out of range, or the reward's draws are not independent.
    """

    def __init__(self, reward: ImplicitReward, *, certainty: float = 2.0, limit: int = 64) -> None:
        super().__init__()
        if not certainty > 0:
            raise ConfigError(f"certainty must be positive, got {certainty}")
        if limit < reward.draws.count:
            raise ConfigError(f"limit must be at least the {reward.draws.count} draws of the reward, got {limit}")
        probe = reward.draws(1, reward.policy.shape, torch.Generator(reward.level_weight.device))
        if probe.sampling != "independent" or reward.draws.count < 2:
            raise ConfigError(
                f"adaptive draws need two or more independent ones, got {reward.draws.count} {probe.sampling}; "
                "use a UniformDraw, or an ImportanceDraw"
            )
        self.reward, self.certainty, self.limit = reward, certainty, limit

    @torch.no_grad()
    def score(self, observation: Observation, actions: Tensor, *, draw: NoiseDraw | None = None) -> Scores:
        """Score candidates.

        Args:
            observation: points (B, P, 3), proprio (B, D).
            actions: (B, N, H, A).
            draw: The first draws; None takes the reward's own, the same for every state and call.

        Returns:
            (B, N) means over all draws of a state, with their standard errors.
        """
        batch, count = len(actions), self.reward.draws.count
        generator = torch.Generator(actions.device).manual_seed(1)
        drawn = self._draws(observation, actions, draw or self.reward.fixed_draw(actions))
        value, spread = drawn.mean(-1), drawn.std(-1) / drawn.shape[-1] ** 0.5
        open_ = torch.arange(batch, device=actions.device)
        while len(open_) > 0:
            close = self._too_close(drawn)
            open_, drawn = open_[close], drawn[close]
            more = min(drawn.shape[-1], self.limit - drawn.shape[-1])
            if len(open_) == 0 or more < 1:
                break
            part = observation.map(lambda part, rows=open_: part[rows])
            extra = [
                self._draws(part, actions[open_], self.reward.shared_draw(len(open_), generator))
                for _ in range(-(-more // count))
            ]
            drawn = torch.cat([drawn, *extra], dim=-1)[..., : self.limit]
            value[open_], spread[open_] = drawn.mean(-1), drawn.std(-1) / drawn.shape[-1] ** 0.5
        return Scores(value, spread)

    def _draws(self, observation: Observation, actions: Tensor, draw: NoiseDraw) -> Tensor:
        drawn = self.reward.score(observation, actions, draw=draw).draws
        if drawn is None:
            raise ConfigError("adaptive draws need two or more independent draws a call")
        return drawn

    def _too_close(self, drawn: Tensor) -> Tensor:
        """(B,) whether the best does not lead the second by enough."""
        if drawn.shape[1] < 2:
            return torch.zeros(len(drawn), dtype=torch.bool, device=drawn.device)
        best = drawn.mean(-1).topk(2, dim=1).indices
        pair = drawn.gather(1, best[..., None].expand(-1, -1, drawn.shape[-1]))
        lead = pair[:, 0] - pair[:, 1]
        error = lead.std(-1) / lead.shape[-1] ** 0.5
        return lead.mean(-1) < self.certainty * error
