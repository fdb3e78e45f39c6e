"""How SimpleDP3 is fed."""

import torch

from benchmarks.peers.simple_dp3 import windows


def test_windows_begin_a_step_before_and_repeat_the_ends_of_an_episode() -> None:
    first, last = torch.tensor([10, 10]), torch.tensor([20, 20])
    found = windows(torch.tensor([10, 15]), first, last)
    assert found[0].tolist() == [10, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 20, 20, 20, 20]
    assert found[1].tolist() == [14, 15, 16, 17, 18, 19, 20] + [20] * 9
