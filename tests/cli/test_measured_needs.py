"""What scores learnt from that are made of others."""

from robopref.cli.measured_needs import learnt_by_score
from robopref.evaluation.choice_needs import LearntFrom

GIVEN, JUDGE, DISTILLED = LearntFrom(6, 0), LearntFrom(6, 18), LearntFrom(6, 34)
SCORES = ["explicit", "implicit", "distilled", "outcome", "combined", "tuned likelihood", "likelihood"]


def test_what_was_executed_for_a_part_was_executed_for_the_whole() -> None:
    trained = {
        "explicit": GIVEN,
        "implicit": GIVEN,
        "outcome": JUDGE,
        "distilled": DISTILLED,
        "earlier": LearntFrom(9, 0),
    }
    found = learnt_by_score(trained, SCORES, ["outcome"], "implicit")
    assert found["combined"] == DISTILLED
    assert found["tuned likelihood"] == GIVEN
    assert found["outcome"] == JUDGE
    assert found.keys() == {*SCORES} - {"likelihood"}
    tuned = learnt_by_score(trained | {"implicit": DISTILLED}, SCORES, ["outcome"], "implicit")
    assert tuned["tuned likelihood"] == DISTILLED


def test_what_is_not_known_of_a_part_is_not_known_of_the_whole() -> None:
    unknown = LearntFrom(6, None)
    assert learnt_by_score({"explicit": GIVEN, "distilled": unknown}, SCORES, [], None)["combined"] == unknown
    unlike = learnt_by_score({"explicit": GIVEN, "distilled": LearntFrom(7, 34)}, SCORES, [], None)
    assert "combined" not in unlike
    assert "tuned likelihood" not in unlike
