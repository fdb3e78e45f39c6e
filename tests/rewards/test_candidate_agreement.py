"""Candidates that agree score high, whatever they are."""

import math

import pytest
import torch

from robopref.errors import ConfigError
from robopref.rewards.candidate_agreement import CandidateAgreement
from tests.geometry import ropes


def test_the_density_of_the_others_by_hand() -> None:
    actions = torch.tensor([0.0, 0.2, 1.0])[None, :, None, None]
    # exp(-d^2 / .08): .2 apart exp(-.5), .8 apart exp(-8), 1 apart exp(-12.5); the mean over the two others.
    near, far, farther = math.exp(-0.5), math.exp(-8), math.exp(-12.5)
    expected = [math.log((near + farther) / 2), math.log((near + far) / 2), math.log((far + farther) / 2)]
    found = CandidateAgreement(0.2).score(ropes(1), actions).value
    torch.testing.assert_close(found, torch.tensor([expected]))
    # However far away, a score stays a number; and one candidate agrees with itself.
    assert CandidateAgreement(0.2).score(ropes(1), 100 * actions).value.isfinite().all()
    assert CandidateAgreement().score(ropes(1), actions[:, :1]).value.tolist() == [[0.0]]
    with pytest.raises(ConfigError, match="bandwidth must be positive, got 0"):
        CandidateAgreement(0)
