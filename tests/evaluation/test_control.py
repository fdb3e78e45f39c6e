"""Strategies beside a control: what is compared, and what is said of it."""

import numpy as np
import pytest

from robopref.evaluation.control import StartOutcomes, against_control, finding_in_words, matched_tables, outcomes_of
from robopref.evaluation.run_folder import Episodes
from robopref.records import Goal

STARTS = 20


def outcomes(solved: int, distance: float) -> StartOutcomes:
    """The first so many starts are solved, and the distances differ a little from start to start."""
    return StartOutcomes(np.arange(STARTS) < solved, distance + 0.001 * np.arange(STARTS))


@pytest.fixture(scope="module")
def matched() -> dict:
    jitter = np.tile([0.002, -0.002], STARTS // 2)
    found = against_control(
        {
            "policy": outcomes(5, 0.1002),
            "good": StartOutcomes(np.arange(STARTS) < 15, outcomes(0, 0.0502).distance + jitter),
            "same": outcomes(5, 0.1002),
            "near": StartOutcomes(np.arange(STARTS) < 8, outcomes(0, 0.1012).distance + jitter),
        }
    )
    assert found is not None
    return found


def test_every_strategy_is_compared_with_the_control(matched: dict) -> None:
    assert (matched["control"], matched["level"], matched["power"]) == ("policy", 0.95, 0.8)
    assert list(matched["strategies"]) == ["good", "same", "near"]
    success = matched["strategies"]["good"]["success"]
    assert {key: success[key] for key in ("both", "gained", "lost", "neither")} == {
        "both": 5, "gained": 10, "lost": 0, "neither": 5,
    }  # fmt: skip
    assert (success["control"], success["tried"], success["finding"]) == (0.25, 0.75, "gain")
    distance = matched["strategies"]["good"]["final_distance"]
    # 10.02 to 11.92 cm without: 10.97 on average. With, 5 cm less: the gain is positive.
    assert distance["control"] == pytest.approx(0.1097)
    assert distance["tried"] == pytest.approx(0.0597)
    assert distance["gain"]["mean"] == pytest.approx(0.05)
    assert distance["finding"] == "gain"


def test_the_tables_call_nothing_a_gain_that_the_starts_cannot_show(matched: dict) -> None:
    (title, (header, *success)), (other, (_, *distance)) = matched_tables(matched, Goal("shape distance"))
    assert title == "Success [%] with and without, on the same 20 starts"
    assert other == "Final shape distance [cm] with and without, on the same 20 starts"
    assert header == ["strategy", "without → with", "gain", "McNemar's p", "what 20 starts can show"]
    good, same, near = success
    assert good[:2] == ["good", "25.0 → 75.0"]
    assert good[2].startswith("+50.0 (+")
    assert good[3:] == ["0.002", "a gain (smallest: 43.1)"]  # 2 / 1024
    # Nothing differs, and the worst is taken.
    assert same[1] == "25.0 → 25.0"
    assert same[3:] == ["1.000", "no difference (smallest: 59.7)"]
    assert near[2].startswith("+15.0 (")
    assert near[3:] == ["0.250", "no difference (smallest: 36.7)"]  # 2 / 8
    good, same, near = distance
    assert good[1] == "11.0 → 6.0"
    assert good[3].startswith("a gain (smallest: ")
    assert same[2:] == ["0.0 (0.0 to 0.0)", "no difference (smallest: 0.0)"]
    # 1 mm farther on average; sd 2.05 mm * 0.659 = 1.35 mm.
    assert near[2].startswith("-0.1 (")
    assert near[3] == "no difference (smallest: 0.1)"


def test_few_starts_show_nothing() -> None:
    found = against_control({
        "policy": StartOutcomes(np.zeros(2, bool), np.ones(2)), "mine": StartOutcomes(np.ones(2, bool), np.zeros(2)),
    })  # fmt: skip
    assert found is not None
    assert {rows[1][-1] for _, rows in matched_tables(found, Goal())} == {"no difference (too few)"}


def test_a_loss_is_called_one() -> None:
    assert finding_in_words({"smallest": 0.02, "finding": "loss"}, 100) == "a loss (smallest: 2.0)"


def test_what_is_not_known_is_left_out() -> None:
    none, far = StartOutcomes(np.ones(6, bool), None), StartOutcomes(None, np.ones(6))
    found = against_control({"policy": none, "a": none, "b": far})
    assert found is not None
    assert found["strategies"]["a"]["final_distance"] is None
    assert found["strategies"]["b"] == {"success": None, "final_distance": None}
    ((_, rows),) = matched_tables(found, Goal())
    assert [row[0] for row in rows[1:]] == ["a"]


def test_without_a_control_nothing_is_compared() -> None:
    assert against_control({"policy": outcomes(1, 0)}) is None
    assert against_control({"a": outcomes(1, 0), "b": outcomes(1, 0)}) is None


def test_success_is_told_by_the_distance_or_else_by_the_task() -> None:
    distances = {"policy": np.array([[0.2, 0.1], [0.2, 0.02]])}
    task = {"policy": np.array([1, -1])}
    assert outcomes_of(Episodes(distances, 0.03, task))["policy"].solved.tolist() == [False, True]
    assert outcomes_of(Episodes(distances, 0.0, task))["policy"].solved.tolist() == [True, False]
    assert outcomes_of(Episodes(distances, 0.0))["policy"].solved is None
    assert outcomes_of(Episodes(distances, 0.0))["policy"].distance.tolist() == [0.1, 0.02]
