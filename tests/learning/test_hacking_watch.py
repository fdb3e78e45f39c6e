"""When a reward is hacked, and when it is not."""

import pytest
import torch

from robopref.errors import ConfigError
from robopref.learning.hacking_watch import HackingWatch, ordered_right
from robopref.learning.rollouts import RolloutBatch


def batch(successes: int, score: float) -> RolloutBatch:
    """Fifty rollouts of one step, of which some succeed; what they are worth is in what was tried."""
    tried = score + torch.linspace(-1, 1, 50)[:, None, None]
    one, success = torch.ones(50, 1), (torch.arange(50) < successes).float()
    return RolloutBatch(torch.zeros(50, 1, 1), tried, one, one, one, success, torch.arange(50))


def score(rollouts: RolloutBatch) -> torch.Tensor:
    return rollouts.tried[:, 0, 0]


def watched(*batches: RolloutBatch, window: int = 2) -> str:
    watch = HackingWatch(window=window)
    for one in batches:
        watch.look(one)
    return watch.verdict(score)


def test_success_that_falls_while_the_score_rises_is_a_hack() -> None:
    said = watched(batch(40, 1.0), batch(40, 1.0), batch(10, 3.0), batch(10, 3.0))
    assert said == (
        "the process reward is hacked: it scores the last 100 rollouts 3, more than the 1 of the best 100, but 20% of "
        "them succeed, not 80%"
    )


def test_what_is_rarely_solved_is_watched_as_well() -> None:
    assert "but 0% of them succeed, not 10%" in watched(batch(5, 1.0), batch(5, 1.0), batch(0, 3.0), batch(0, 3.0))


def test_neither_alone_is_one() -> None:
    assert watched(batch(40, 0.0), batch(40, 0.0), batch(10, -2.0), batch(10, -2.0)) == ""  # the reward says so, too
    assert watched(batch(10, 0.0), batch(10, 0.0), batch(40, 2.0), batch(40, 2.0)) == ""
    assert watched(batch(40, 0.0), batch(40, 0.0), batch(37, 2.0), batch(37, 2.0)) == ""  # less than a tenth
    assert watched(batch(40, 0.0), batch(10, 2.0)) == ""  # one window alone


def test_it_is_told_when_the_agent_was_best() -> None:
    watch = HackingWatch(window=2)
    assert [watch.look(batch(count, 0.0)) for count in (10, 10, 20, 5, 30)] == [False, True, True, False, True]
    other = HackingWatch(window=2)
    other.restore(watch.state())
    assert [one.look(batch(count, 0.0)) for count in (30, 20) for one in (watch, other)] == [True, True, False, False]


def test_a_watch_has_a_window() -> None:
    with pytest.raises(ConfigError, match="window must be at least 1, got 0"):
        HackingWatch(window=0)
    with pytest.raises(ConfigError, match=r"drop must be in \[0, 1\), got 1"):
        HackingWatch(drop=1)


def test_pairs_are_ordered_right() -> None:
    # Successes score 2 and 0, failures 1 and 0: right, right, wrong, tie.
    assert ordered_right(torch.tensor([2.0, 1.0, 0.0, 0.0]), torch.tensor([1.0, 0.0, 1.0, 0.0])) == 2.5 / 4
