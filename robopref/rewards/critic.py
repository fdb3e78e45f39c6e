"""Critics as scores of candidate actions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from robopref.nets.state import StateNetwork, StateNormalizer
from robopref.records import Observation
from robopref.scores import NoiseDraw, Scores


class CriticScore(nn.Module):
    """What critics say that an action is worth: the least of them.

    Choosing among samples of a diffusion policy by this score is IDQL (Hansen-Estruch et al. 2023).

    Args:
        normalizer: From observations to inputs.
        critic: Of one seed.
    """

    def __init__(self, normalizer: StateNormalizer, critic: StateNetwork) -> None:
        super().__init__()
        self.normalizer, self.critic = normalizer, critic

    @property
    def observes(self) -> tuple[str, ...]:
        """Parts of an observation that it looks at."""
        return self.normalizer.keys

    @property
    def settings(self) -> dict[str, Any]:
        """What it was made with, in plain values."""
        return {"normalizer": self.normalizer.settings, "critic": self.critic.settings}

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> CriticScore:
        """Untrained critics of such settings."""
        return cls(StateNormalizer(**settings["normalizer"]), StateNetwork(**settings["critic"]))

    @torch.no_grad()
    def score(self, observation: Observation, actions: Tensor, *, draw: NoiseDraw | None = None) -> Scores:
        """Score candidates by the first action of each chunk, as critics know single steps; a state is encoded once.

        Args:
            observation: See `StateNormalizer`.
            actions: (B, N, H, A).
            draw: Not needed.

        Returns:
            (B, N) values; the spread is the disagreement of the critics where there are several.
        """
        del draw
        batch, count = actions.shape[:2]
        features = self.critic.features(self.normalizer(observation)).repeat_interleave(count, dim=1)
        values = self.critic(features, actions[:, :, 0].flatten(0, 1)[None])[0, :, :, 0].unflatten(1, (batch, count))
        return Scores(values.amin(0), values.std(0) if len(values) > 1 else None)
