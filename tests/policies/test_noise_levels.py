"""Noise levels and the way down them, against those of diffusers."""

from typing import Any

import pytest
import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
from torch import Tensor

from robopref.errors import ActionError
from robopref.policies.noise_levels import denoised, descents, squared_cosine


def theirs(kind: Any, levels: int, **settings: Any) -> Any:
    return kind(num_train_timesteps=levels, beta_schedule="squaredcos_cap_v2", **settings)


@pytest.mark.parametrize("levels", [1, 2, 7, 100, 1000])
def test_noise_is_that_of_diffusers(levels: int) -> None:
    assert torch.equal(squared_cosine(levels), theirs(DDPMScheduler, levels).alphas_cumprod)


@pytest.mark.parametrize(
    ("levels", "steps"), [(1, 1), (5, 5), (20, 7), (99, 10), (100, 1), (100, 3), (100, 10), (100, 30), (1000, 250)]
)
def test_noise_is_taken_off_as_diffusers_does(levels: int, steps: int) -> None:
    generator = torch.Generator().manual_seed(0)
    chunk, mixing = torch.randn(3, 4, 2, 5, generator=generator), torch.randn(5, 5, generator=generator)

    def predict(noisy: Tensor, level: Tensor) -> Tensor:
        return torch.tanh(noisy @ mixing + level[..., None, None] / levels)

    sampler = theirs(DDIMScheduler, levels, clip_sample=True, set_alpha_to_one=True, timestep_spacing="trailing")
    sampler.set_timesteps(steps)
    expected = chunk
    for level in sampler.timesteps.tolist():
        noise = predict(expected, torch.full(chunk.shape[:2], level))
        expected = sampler.step(noise, level, expected, use_clipped_model_output=True, return_dict=False)[0]
    assert torch.equal(denoised(descents(squared_cosine(levels), steps), predict, chunk), expected.clamp(-1, 1))


def test_no_step_leads_below_the_lowest_level() -> None:
    # The rounded places of 99 steps on 101 levels are 100, of which the last is no level.
    way = descents(squared_cosine(101), 99)
    assert len(way) == 99
    assert min(step.level for step in way) == 0
    assert way[-1].lower == 1


def test_what_is_not_finite_is_refused() -> None:
    way = descents(squared_cosine(10), 2)
    with pytest.raises(ActionError, match="not finite"):
        denoised(way, lambda noisy, level: noisy * float("nan"), torch.zeros(1, 1, 1, 4))
