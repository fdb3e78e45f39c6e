"""SimpleDP3 (Ze et al. 2024) in its own code, from a checkout of YanjieZe/3D-Diffusion-Policy."""

from __future__ import annotations

import copy
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import torch

from robopref.data.episodes.store import EpisodeStore
from robopref.nets.points import thin
from robopref.records import Observation

POINTS, HORIZON, SEEN, EXECUTED = 512, 16, 2, 8


def simple_dp3(checkout: Path, recorded: dict[str, Any], *, proprio: int, actions: int) -> Any:
    """The policy with its released configuration.

    Args:
        checkout: The folder that holds `diffusion_policy_3d`.
        recorded: What its normalizer is fitted to: ``point_cloud`` (..., 3), ``agent_pos`` (..., D), ``action``
            (..., A).
        proprio: Proprioception size D.
        actions: Action dim A.

    Returns:
        A module with ``compute_loss(batch)`` and ``predict_action(seen)``.
    """
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler  # it looks for a true torchvision

    for name in ("pytorch3d", "pytorch3d.ops", "torchvision"):
        # Imported there, but not used on this path.
        sys.modules.setdefault(name, types.ModuleType(name))
    if str(checkout) not in sys.path:
        sys.path.insert(0, str(checkout))
    from diffusion_policy_3d.policy.simple_dp3 import SimpleDP3  # pyright: ignore[reportMissingImports]
    from omegaconf import OmegaConf

    scheduler = DDIMScheduler(
        num_train_timesteps=100, beta_schedule="squaredcos_cap_v2", clip_sample=True, prediction_type="sample"
    )
    shapes = {
        "obs": {
            "point_cloud": {"shape": [POINTS, 3], "type": "point_cloud"},
            "agent_pos": {"shape": [proprio], "type": "low_dim"},
        },
        "action": {"shape": [actions]},
    }
    encoder = {"in_channels": 3, "out_channels": 64, "use_layernorm": True, "final_norm": "layernorm",
               "normal_channel": False}  # fmt: skip
    policy: Any = SimpleDP3(
        shape_meta=OmegaConf.create(shapes), noise_scheduler=scheduler, horizon=HORIZON, n_action_steps=EXECUTED,
        n_obs_steps=SEEN, num_inference_steps=10, diffusion_step_embed_dim=128, down_dims=(128, 256, 384),
        encoder_output_dim=64, crop_shape=(80, 80), pointcloud_encoder_cfg=OmegaConf.create(encoder),
    )  # fmt: skip
    policy.normalizer.fit(data=recorded, last_n_dims=1, mode="limits")
    return policy


def windows(now: torch.Tensor, first: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
    """Steps (B, 16) of windows whose second step is now; what is beyond an episode repeats its first or last step.

    Args:
        now: (B,) steps.
        first: (B,) first steps of their episodes.
        last: (B,) last steps of them.
    """
    rows = now[:, None] + torch.arange(1 - SEEN, 1 - SEEN + HORIZON)
    return rows.clamp(first[:, None], last[:, None])


class SimpleDP3Clone:
    """SimpleDP3 trained on an episode store as its own `train.py` does.

    Optimizer, schedule and moving average are theirs. The warm-up, 500 of the many steps that they take on a GPU, is a
    twentieth of the steps here, and the batch is as large as that which it is compared with. Every step of an episode
    is learnt from; theirs leaves out those near its end.

    Args:
        checkout: The folder that holds `diffusion_policy_3d`.
        store: Episodes with ``points``, ``proprio`` and ``action``.
        steps: Gradient steps.
        batch_size: States of a step.
    """

    history = SEEN

    def __init__(self, checkout: Path, store: EpisodeStore, *, steps: int, batch_size: int) -> None:
        self._steps, self._batch_size = steps, batch_size
        self._clouds = thin(torch.as_tensor(np.array(store.array("points"))), POINTS)[..., :3]
        self._proprio = torch.as_tensor(np.array(store.array("proprio")))
        self._actions = torch.as_tensor(np.array(store.array("action")))
        ends = np.asarray(store.episode_ends)
        lengths = np.diff(ends, prepend=0)
        self._bounds = torch.as_tensor(np.repeat(np.stack([ends - lengths, ends - 1]), lengths, axis=1))
        recorded = {"point_cloud": self._clouds, "agent_pos": self._proprio, "action": self._actions}
        sizes = {"proprio": self._proprio.shape[1], "actions": self._actions.shape[1]}
        self.policy = simple_dp3(checkout, recorded, **sizes)

    def train(self) -> None:
        """Take all steps, and keep the averaged weights."""
        from diffusers.optimization import get_scheduler
        from diffusion_policy_3d.model.diffusion.ema_model import EMAModel  # pyright: ignore[reportMissingImports]

        averaged = copy.deepcopy(self.policy)
        ema = EMAModel(averaged, power=0.75)
        optimizer = torch.optim.AdamW(
            self.policy.parameters(), lr=1e-4, betas=(0.95, 0.999), eps=1e-8, weight_decay=1e-6
        )  # fmt: skip
        rate: Any = get_scheduler(
            "cosine", optimizer, num_warmup_steps=max(1, self._steps // 20), num_training_steps=self._steps
        )
        for _ in range(self._steps):
            loss, _ = self.policy.compute_loss(self._batch(torch.randint(len(self._actions), (self._batch_size,))))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            rate.step()
            ema.step(self.policy)
        self.policy = averaged.eval()

    @torch.no_grad()
    def act(self, observation: Observation, generator: torch.Generator) -> torch.Tensor:
        """The actions (S, 8, A) of one sample for each state."""
        torch.manual_seed(int(torch.randint(2**31, (1,), generator=generator)))
        clouds = torch.stack([thin(one, POINTS) for one in observation.part("points").unbind(1)], dim=1)
        seen = {"point_cloud": clouds[..., :3], "agent_pos": observation.part("proprio")}
        return self.policy.predict_action(seen)["action"].clamp(-1, 1)

    def _batch(self, now: torch.Tensor) -> dict[str, Any]:
        first, last = self._bounds[:, now]
        rows = windows(now, first, last)
        seen = rows[:, :SEEN]
        return {"obs": {"point_cloud": self._clouds[seen], "agent_pos": self._proprio[seen]},
                "action": self._actions[rows]}  # fmt: skip
