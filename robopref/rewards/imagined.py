"""A reward of outcomes as a score of actions: it judges what a learnt dynamics imagines of every candidate."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from robopref.decisions import as_reward, outcome_parts
from robopref.errors import ConfigError
from robopref.items import Items
from robopref.records import Observation
from robopref.robots.latent_dynamics import LatentDynamics
from robopref.robots.learnt_dynamics import LearntDynamics
from robopref.scores import NoiseDraw, Scores


def require_imagined(judge: object, imagines: Sequence[str] = LearntDynamics.imagines) -> None:
    """Demand a reward that judges outcomes, by parts of an observation that can be imagined.

    Args:
        judge: The reward.
        imagines: What is imagined.

    Raises:
        ConfigError: It judges actions, or looks at something else after them.
    """
    parts = outcome_parts(judge)
    if not parts:
        raise ConfigError(
            "imagined outcomes need a reward that judges outcomes, such as reward=outcome; this one judges actions: "
            "name another with use=, or choose dynamics=sim"
        )
    if others := [part for part in parts if part not in imagines]:
        can = f"only {' and '.join(imagines)} can be imagined; train one with observes=[{','.join(imagines)}]"
        raise ConfigError(
            f"the reward looks at {others[0]} after an action, and "
            + (can if imagines else "a world model imagines neither clouds nor pictures; choose dynamics=sim")
        )


class ImaginedReward:
    """Scores candidates by what a reward says of their imagined outcomes; nothing is carried out.

    Args:
        dynamics: Imagines.
        judge: A reward that looks at outcomes.

    Raises:
        ConfigError: See `require_imagined`.
    """

    def __init__(self, dynamics: LearntDynamics | LatentDynamics, judge: object) -> None:
        require_imagined(judge, dynamics.imagines)
        self.dynamics, self.judge = dynamics, as_reward(judge)

    @property
    def observes(self) -> tuple[str, ...]:
        """Parts of an observation that what is imagined begins from."""
        return self.dynamics.observes

    @property
    def parts(self) -> tuple[object, ...]:
        """The rewards that it is made of."""
        return (self.judge,)

    @torch.no_grad()
    def score(self, observation: Observation, actions: Tensor, *, draw: NoiseDraw | None = None) -> Scores:
        """Score (B, N, H, A) chunks; see `CandidateScorer`."""
        after = self.dynamics.imagine(observation, actions).map(lambda part: part[:, :, None])
        return self.judge.score(Items.of_candidates(observation, actions).with_outcomes(after), draw=draw)
