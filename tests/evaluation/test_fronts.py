"""What ways of choosing bring by several objectives at once."""

import json
from pathlib import Path

import numpy as np
import pytest

from robopref.errors import DataError
from robopref.evaluation.fronts import FRONTS, SWEPT, Fronts, fronts_of, load_fronts, save_fronts

# One start, three candidates that can be chosen, and a tuned policy's sample.
FAST, GENTLE = np.array([[0.0, 2.0, 4.0, 3.0]]), np.array([[3.0, 2.0, 0.0, 2.5]])


def found() -> Fronts:
    return fronts_of(
        {"fast": FAST, "gentle": GENTLE}, {"by fast": FAST}, (FAST, GENTLE), measured=True, candidates=3,
        policies={"policy": 0, "tuned by implicit": 3},
    )  # fmt: skip


def test_points_are_what_is_chosen() -> None:
    # The tuned sample, which nothing chooses, has a point of its own.
    assert found().points == {"policy": (0.0, 3.0), "tuned by implicit": (3.0, 2.5), "by fast": (4.0, 0.0)}
    assert found().worst == (0.0, 0.0)


def test_weights_go_along_the_front() -> None:
    # By w * (0, 2, 4) + (1 - w) * (3, 2, 0): the gentle one up to w = 0.3 (0.9 + ... ), the middle, the fast one.
    sweep = found().sweep
    assert sweep[0] == (0.0, 3.0)
    assert sweep[-1] == (4.0, 0.0)
    # At w = 0.4: 1.8, 2.0 and 1.6.
    assert sweep[SWEPT.index(0.4)] == (2.0, 2.0)
    assert found().on_front == 1.0


def test_shares_are_of_the_volume_of_the_best() -> None:
    # Above (0, 0) only (2, 2) of the candidates is better in both: 4. The tuned sample alone covers 3 * 2.5 = 7.5.
    assert found().share(found().sweep) == 1.0
    assert found().share(list(found().tuned.values())) == 7.5 / 4
    assert found().share([]) == 0


def test_a_dominated_candidate_is_not_on_the_front() -> None:
    worse = fronts_of(
        {"fast": np.array([[0.0, 1.0]]), "gentle": np.array([[0.0, 1.0]])}, {}, (np.zeros((1, 2)), np.zeros((1, 2))),
        measured=False, candidates=2, policies={"policy": 0},
    )  # fmt: skip
    assert worse.on_front == 0.5
    # Nothing dominates the point of the worst candidate: there is no volume to be a share of.
    flat = fronts_of(
        {"fast": np.zeros((1, 2)), "gentle": np.zeros((1, 2))}, {}, (np.zeros((1, 2)), np.zeros((1, 2))),
        measured=False, candidates=2, policies={"policy": 0},
    )  # fmt: skip
    assert flat.share(flat.sweep) is None


def test_they_come_back_from_the_disk(tmp_path: Path) -> None:
    assert load_fronts(tmp_path) is None
    save_fronts(tmp_path, found())
    assert load_fronts(tmp_path) == found()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"objectives": ["fast"]}, "objectives must be two names"),
        ({"points": {"policy": [1.0]}}, "a point must be 2 numbers"),
        ({"points": {"policy": [1.0, float("nan")]}}, "damaged"),
        ({"sweep": [[0.0, 0.0]]}, "a front must be 11 points"),
        ({"on_front": "half"}, "must hold points"),
        ({"worst": None}, "a point must be 2 numbers"),
    ],
)
def test_damaged_ones_are_refused(tmp_path: Path, changed: dict[str, object], said: str) -> None:
    save_fronts(tmp_path, found())
    path = tmp_path / FRONTS
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))
    with pytest.raises(DataError, match=said):
        load_fronts(tmp_path)
