"""What actions that fail are said to teach, by hand."""

from benchmarks import failure_labels
from benchmarks.many_candidates import FAILURES, OUTCOME

# One start with three candidates; the random one achieves 1, the best 2.
OUTCOMES = [[0.0, 1.0, 2.0]]
RIGHT, WRONG = [[0.0, 1.0, 2.0]], [[2.0, 1.0, 0.0]]
# Two starts, each with the demonstrator's action and three others; the last is a failure in the second start only.
FAILED = [[0.02, 0.0, 0.0, 0.015], [0.02, 0.0, 0.0, 0.0]]
SEEN, FOOLED = [[3.0, 2.0, 1.0, 5.0], [3.0, 2.0, 1.0, 2.0]], [[3.0, 4.0, 1.0, 5.0], [3.0, 2.0, 1.0, 2.0]]


def test_a_score_is_fooled_by_what_fails_and_is_found_no_worse() -> None:
    shown = failure_labels.failing(20)
    names = (*failure_labels.NAMES, OUTCOME)
    seed = {
        "outcomes": OUTCOMES,
        "chosen": {failure_labels.PLAIN: dict.fromkeys(names, WRONG), shown: dict.fromkeys(names, RIGHT)},
        "failures": {
            failure_labels.PLAIN: {"outcomes": FAILED, "scores": dict.fromkeys(names, FOOLED)},
            shown: {"outcomes": FAILED, "scores": dict.fromkeys(names, SEEN)},
        },
    }
    found = {record.claim: record.value for record in failure_labels.records([seed], 20)}
    gap = "share of the random-to-oracle best-of-3 gap closed by explicit, orderings of "
    assert (found[gap + failure_labels.PLAIN], found[gap + shown]) == (-1, 1)
    missed, wrong_end, wrong_way = FAILURES
    fooled = f"explicit is fooled by a {missed}, orderings of "
    assert (found[fooled + failure_labels.PLAIN], found[fooled + shown]) == (0.5, 0)
    assert found[f"how much more rarely explicit is fooled by a {missed} with failing actions"] == 0.5
    assert found[f"how much more rarely explicit is fooled by a {wrong_end} with failing actions"] == 0
    assert (
        found[f"explicit is fooled by a {wrong_way}, orderings of {shown}"] == 0
    )  # which is no failure where it is liked
