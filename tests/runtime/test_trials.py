"""The order of runs."""

import pytest

from robopref.errors import ConfigError
from robopref.runtime.trials import Trial, matched_trials


def test_every_start_is_run_twice_in_a_row_in_random_order() -> None:
    trials = matched_trials(200, seed=0)
    assert [trial.start for trial in trials] == [start for start in range(200) for _ in range(2)]
    firsts = [trial.ranked for trial in trials[::2]]
    assert [trial.ranked for trial in trials[1::2]] == [not first for first in firsts]
    # Half of 200; the standard deviation of the count is sqrt(200) / 2 = 7.
    assert 75 <= sum(firsts) <= 125


def test_the_seed_gives_the_order() -> None:
    assert matched_trials(20, seed=1) == matched_trials(20, seed=1)
    assert matched_trials(20, seed=1) != matched_trials(20, seed=2)
    # More starts begin with those of fewer.
    assert matched_trials(20, seed=1)[:10] == matched_trials(5, seed=1)


def test_without_starts_there_is_nothing_to_run() -> None:
    with pytest.raises(ConfigError, match="starts must be at least 1, got 0"):
        matched_trials(0, seed=0)


def test_a_trial_is_ranked_unless_it_is_said_otherwise() -> None:
    assert Trial(3) == Trial(3, True)
