"""Weights of noise levels."""

import pytest
import torch

from robopref.policies.weighting import elbo, min_snr, simple

# Signal-to-noise ratios 9, 4, 1 and 1/4.
ALPHAS = torch.tensor([0.9, 0.8, 0.5, 0.2])


def test_simple_counts_every_level_alike() -> None:
    assert simple(ALPHAS, 7).tolist() == [1, 1, 1, 1]


def test_min_snr_by_hand() -> None:
    assert min_snr(ALPHAS, 7).tolist() == pytest.approx([5 / 9, 1, 1, 1])
    assert min_snr(ALPHAS, 7, gamma=0.5).tolist() == pytest.approx([0.5 / 9, 0.125, 0.5, 1])


def test_elbo_by_hand() -> None:
    # Half the steps of log-SNR, log(9 / 4) = 0.810930, log 4 = 1.386294 and log 4, the first twice, times T = 4 and the
    # size 3: 6 * (0.810930, 0.810930, 1.386294, 1.386294).
    expected = [4.865581, 4.865581, 8.317766, 8.317766]
    assert elbo(ALPHAS, 3).tolist() == pytest.approx(expected, abs=1e-5)
    assert elbo(ALPHAS, 3).dtype == ALPHAS.dtype
