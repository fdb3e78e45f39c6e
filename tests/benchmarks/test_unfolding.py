"""What the benchmark of unfolding makes of costs, actions and finished seeds."""

from typing import Any

import numpy as np
import pytest

from benchmarks.unfolding import CLONING, DEFORMPAM, KEPT_BY, Costs, decision_records, drags, records
from robopref.errors import ConfigError

OUTCOMES = [[0.0, 0.2, 0.4], [0.3, 0.0, 0.0]]


def test_demonstrations_cost_a_person_as_much_time_as_the_orderings_in_their_place() -> None:
    assert Costs(ordering=40, demonstration=20).demonstrations(100) == 200
    assert Costs(ordering=30, demonstration=45).demonstrations(10) == 7


@pytest.mark.parametrize("costs", [{"ordering": 0}, {"demonstration": -1}, {"demonstration": float("nan")}])
def test_what_takes_no_time_is_refused(costs: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="must be positive"):
        Costs(**costs)


def test_the_last_number_of_an_action_says_whether_it_drags() -> None:
    chunks = np.zeros((2, 2, 1, 5), np.float32)
    chunks[0, 1, 0, 4], chunks[1, 0, 0, 4] = 0.4, -0.4
    np.testing.assert_array_equal(drags(chunks), [[False, True], [False, False]])


def seed() -> dict[str, Any]:
    """What two starts and two episodes of a seed might give."""
    drag = [[True, False, False], [True, False, False]]
    scores = {KEPT_BY: [[3.0, 2.0, 1.0], [1.0, 2.0, 3.0]], "likelihood": OUTCOMES, DEFORMPAM: [[1.0, 0.0, 0.0]] * 2}
    return {
        "cost": {"orderings": 100, "seconds": [40.0, 20.0], "demonstrations": 200},
        "decisions": {
            "outcomes": OUTCOMES, "drags": drag, "scores": scores, "judged": OUTCOMES,
            "own": {
                CLONING: {"outcomes": OUTCOMES, "drags": drag},
                "more": {"outcomes": [[0.4]] * 2, "drags": [[True]] * 2},
            },
        },
        "episodes": {
            CLONING: {"progress": [[0.3, 0.5], [0.3, 0.7]], "solved": [False, False], "drags": [1, 4]},
            "more": {"progress": [[0.3, 0.95], [0.3, 0.65]], "solved": [True, False], "drags": [0, 2]},
        },
    }  # fmt: skip


def test_ways_of_choosing_stand_between_a_random_candidate_and_the_best() -> None:
    found = {record.claim: record for record in decision_records([seed()["decisions"]])}
    share = {
        name.removeprefix("share of the random-to-oracle best-of-3 gap closed by "): record.value
        for name, record in found.items()
        if name.startswith("share")
    }
    # Random candidates bring 0.2 and 0.1, the best 0.4 and 0.3.
    assert share == {
        "a sample of more (mean of 1)": 1.25, "combined selection": -0.75, "likelihood": 1.0,
        "DeformPAM's implicit selection": 0.0, "look-ahead from 4 of 3": 1.0, "look-ahead from all 3": 1.0,
    }  # fmt: skip
    assert found["decisions that drag: look-ahead from all 3"].value == 0.5
    assert found["decisions that drag: DeformPAM's implicit selection"].value == 1.0
    assert found[f"decisions that drag: a sample of {CLONING} (mean of 3)"].n == 6
    assert found["gain of coverage by a random candidate in one decision"].value == pytest.approx(0.15)


def test_coverage_is_compared_after_the_last_decision_and_the_cost_is_said() -> None:
    found = {record.claim: record for record in records([seed(), seed()])}
    assert found["demonstrated decisions of 20 s in the time of 100 orderings of 40 s"].value == 200
    assert found["coverage after episodes by more"].value == pytest.approx(0.8)
    gain = found[f"coverage after episodes: more minus {CLONING}"]
    assert (gain.value, gain.n) == (pytest.approx(0.2), 4)
    assert found["episodes that succeed by more"].value == 0.5
    assert found[f"decisions that drag: {CLONING} in episodes"].value == 0.25
