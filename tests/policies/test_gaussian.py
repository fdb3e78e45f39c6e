import math

import pytest
import torch

from robopref.policies.gaussian import GaussianActor


def test_the_likelihood_by_hand():
    actor = GaussianActor(1, 2, hidden=(2,))
    with torch.no_grad():
        actor.log_std.copy_(torch.tensor([math.log(0.5), 0.0]))
    # ((1 - 0) / 0.5)^2 / 2 + log 0.5 + 2^2 / 2 + 0 + log 2 pi = 2 - log 2 + 2 + log 2 pi = 4 + log pi.
    loss = actor.negative_log_likelihood(torch.tensor([[[0.0, 1.0]]]), torch.tensor([[[1.0, -1.0]]]))
    assert loss.item() == pytest.approx(4 + math.log(math.pi))


def test_the_likelihood_is_that_of_torch():
    actor = GaussianActor(1, 3, hidden=(2,))
    mean, action = torch.randn(2, 4, 5, 3, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        actor.log_std.copy_(torch.tensor([-1.0, 0.5, -9.0]))  # the last one is held at -5
    exact = -torch.distributions.Normal(mean, torch.tensor([-1.0, 0.5, -5.0]).exp()).log_prob(action).sum(-1)
    torch.testing.assert_close(actor.negative_log_likelihood(mean, action), exact)
