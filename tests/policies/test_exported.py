"""Policies and rewards as graphs: the same numbers, without the classes that made them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from robopref.errors import ConfigError, DataError
from robopref.nets.denoiser import NoiseDenoiser
from robopref.policies.draws import CleanDraw, StratifiedDraw
from robopref.policies.exported import ExportedPolicy, ExportedScorer, export
from robopref.rewards.ensemble import EnsembleReward, SymmetricReward
from robopref.rewards.explicit import ExplicitReward
from robopref.rewards.implicit import ImplicitReward
from robopref.types import Observation
from tests.geometry import SIZES, ropes, tiny_policy


def one(seed: int) -> Observation:
    return ropes(1, seed=seed)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def test_an_energy_policy_and_both_rewards_together_say_the_same(tmp_path: Path) -> None:
    torch.manual_seed(0)
    policy = tiny_policy().eval()
    tuned = ImplicitReward(tiny_policy().eval(), CleanDraw()).eval()
    torch.nn.init.normal_(tuned.policy.denoiser.trunk.leave.weight)
    scorer = SymmetricReward(
        EnsembleReward([tuned, ExplicitReward.for_policy(policy, **SIZES)]), policy.geometry
    ).eval()
    found = export(policy, scorer, tmp_path, [one(0), one(1)], candidates=5, generator=generator())
    assert set(found) == {"policy", "scorer"}
    assert max(found.values()) < 1e-4
    few = ExportedPolicy(tmp_path).sample(one(2), 3, generator=generator())
    torch.testing.assert_close(few, policy.sample(one(2), 3, generator=generator()), atol=1e-4, rtol=1e-4)
    value = ExportedScorer(tmp_path).score(one(2), few).value
    assert value.shape == (1, 3)
    torch.testing.assert_close(value, scorer.score(one(2), few).value.detach(), atol=1e-4, rtol=1e-4)
    with pytest.raises(ConfigError, match="at most 5 candidates, got 6"):
        ExportedPolicy(tmp_path).sample(one(2), 6, generator=generator())


def test_noise_draws_are_those_of_the_original(tmp_path: Path) -> None:
    torch.manual_seed(0)
    policy = tiny_policy(NoiseDenoiser).eval()
    assert isinstance(policy.denoiser, NoiseDenoiser)
    reward = ImplicitReward(policy, StratifiedDraw(4), cost="error").eval()
    torch.nn.init.normal_(reward.policy.denoiser.trunk.leave.weight)
    assert export(policy, reward, tmp_path, [one(0)], candidates=3, generator=generator())["scorer"] < 1e-4
    assert isinstance(reward.draws, StratifiedDraw)  # the original keeps its own


def test_a_policy_alone_needs_no_scorer_and_a_folder_without_an_export_is_named(tmp_path: Path) -> None:
    found = export(tiny_policy().eval(), None, tmp_path, [one(0)], candidates=2, generator=generator())
    assert set(found) == {"policy"}
    with pytest.raises(DataError, match=r"scorer.pt2 is not a readable export"):
        ExportedScorer(tmp_path)
    with pytest.raises(DataError, match="holds no export"):
        ExportedPolicy(tmp_path / "elsewhere")
    (tmp_path / "encoder.pt2").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"encoder.pt2"):
        ExportedPolicy(tmp_path)
    assert np.isfinite(found["policy"])
