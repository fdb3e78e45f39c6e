"""Meta-World's own tasks, on its MuJoCo, under robopref's wheel."""

import numpy as np
import pytest

from tests.interop.readers.exchange import load

# With how many of five episodes its policy solves within 150 steps at least.
TASKS = [("drawer-open-v3", "SawyerDrawerOpenV3Policy", 4), ("soccer-v3", "SawyerSoccerV3Policy", 1)]


@pytest.fixture(scope="session")
def metaworld(peer):
    environment = peer("metaworld")
    environment.install_robopref()
    return environment


@pytest.mark.parametrize(("task", "policy", "solved"), TASKS)
def test_branches_are_exact_and_its_own_policy_succeeds(metaworld, task, policy, solved, tmp_path):
    metaworld.run("metaworld_branches.py", tmp_path / "there.npz", task, policy)
    episodes, told = load(tmp_path / "there.npz")
    for episode in episodes:
        np.testing.assert_array_equal(episode["again"], episode["first"])
        np.testing.assert_array_equal(episode["again_reward"], episode["first_reward"])
        assert np.ptp(episode["first_reward"]) > 0
    assert told["solved"] >= solved
    assert {"_prev_obs", "_target_pos", "curr_path_length"} <= {name.split(".")[1] for name in told["kept"]}
