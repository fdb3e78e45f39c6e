"""What is asked of a task before a policy is evaluated in it."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from robopref.__main__ import main
from robopref.cli.evaluate import require_task_of
from robopref.errors import DataError
from tests.cli.tiny import TINY, fails


def policy(observes: tuple[str, ...], actions: int) -> Any:
    return SimpleNamespace(observes=observes, shape=(8, actions))


def task(*shown: str) -> Any:
    """A task that shows some parts and takes actions of four numbers."""
    space = spaces.Dict({name: spaces.Box(-1, 1, (3,)) for name in shown})
    geometry = SimpleNamespace(matrix=np.zeros((1, 3, 4)))
    return SimpleNamespace(
        env=SimpleNamespace(observation_space=space), spec=SimpleNamespace(id="Shelf"), geometry=geometry
    )


def test_a_task_that_shows_less_than_the_policy_observes_is_refused() -> None:
    require_task_of(policy(("points", "proprio"), 4), task("points", "proprio", "state"))
    with pytest.raises(DataError, match=r"observes state, image, but Shelf shows points, state, no image; .*\+env\."):
        require_task_of(policy(("state", "image"), 4), task("points", "state"))


def test_a_task_of_other_actions_is_refused() -> None:
    with pytest.raises(DataError, match="has actions of size 3, Shelf of size 4"):
        require_task_of(policy(("points",), 3), task("points"))


@pytest.mark.parametrize("ranker", ["softmax", "pessimistic"])
def test_a_ranker_that_nothing_is_measured_with_is_refused(
    run: Path, capsys: pytest.CaptureFixture[str], ranker: str
) -> None:
    told = fails(capsys, "evaluate", f"run={run}", *TINY, f"ranker={ranker}")
    assert "ranker= of evaluate must be best_of_n, weighted, look_ahead, beam_search or earned_search" in told


def test_settings_that_a_reward_was_not_trained_with_are_named(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["evaluate", f"run={run}", *(word for word in TINY if "explicit.scorer" not in word)]
    told = fails(capsys, *words, "rewards.explicit.scorer.width=16")
    assert "rewards/explicit was trained with other settings (rewards.explicit.scorer.width was 8, is 16)" in told


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("u", r"evaluate.elsewhere must be a group of settings, or null, got 'u'"),
        ("{}", r"must be options of the task"),
        ("{target: square}", "square"),
        ("{tarjet: u}", "tarjet"),
    ],
)
def test_another_end_that_the_task_does_not_know_is_refused(
    run: Path, capsys: pytest.CaptureFixture[str], said: str, told: str
) -> None:
    assert told in fails(capsys, "evaluate", f"run={run}", *TINY, f"evaluate.elsewhere={said}")


@pytest.mark.slow
def test_starts_on_the_way_to_another_end_are_a_shift(run: Path) -> None:
    assert main(["evaluate", f"run={run}", *TINY, "evaluate.elsewhere={target: u}"]) == 0
    shifts = json.loads((run / "evaluation" / "shifts.json").read_text())
    assert all("starts on the way to another end" in one for one in shifts.values())


@pytest.mark.slow
def test_own_samples_of_both_policies_are_sharpened_alike(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def own(*words: str) -> tuple[np.ndarray, np.ndarray]:
        assert main(["evaluate", f"run={run}", *TINY, *words]) == 0
        with np.load(run / "evaluation" / "decisions.npz") as decisions:
            return decisions["actions"], decisions["tuned_outcomes"]

    plain, tuned = own()
    assert "likeliest of" not in capsys.readouterr().out
    sharp, sharp_tuned = own("policy.likeliest=4", "policy.temperature=0.5")
    assert not np.array_equal(plain, sharp)
    assert not np.array_equal(tuned, sharp_tuned)
    told = " ".join(capsys.readouterr().out.split())
    stored = json.loads((run / "evaluation" / "policy.json").read_text())["sampling"]
    assert (stored["temperature"], stored["likeliest of"]) == (0.5, 4)
    assert f"control alike: temperature 0.5, {stored['steps']} steps, likeliest of 4" in told
