"""The reward of tasks that are over when they are solved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


class SolvedReward:
    """1 for the step that ends the task for good, else 0, whatever else was recorded as a reward."""

    keys = ("terminated",)

    def reward(self, steps: Mapping[str, Any]) -> Tensor:
        """Rewards (R,) of R steps; see `StepReward`."""
        return torch.as_tensor(steps["terminated"]).float().reshape(-1)
