"""What recordings of a robot are said to bring, by hand."""

import pytest

from benchmarks import recorded
from benchmarks.recorded import CLONED, FIRST, IMITATED


def test_choices_and_policies_are_compared_with_the_first_policy() -> None:
    # Two starts with two candidates each, 0 and 1; one reward finds the better one in both, the other in one.
    found = {
        "goal": {"distance": "shape distance", "success": 0.03},
        "outcomes": [[0.0, 1.0], [1.0, 0.0]],
        "scores": {"explicit": [[0, 1], [1, 0]], "distilled": [[0, 1], [0, 1]]},
        "own": {FIRST: [0.0, 1.0], **{name: [0.0, 1.0] for name in CLONED}, IMITATED: [1.0, 1.0]},
    }
    made = {record.claim: record for record in recorded.records([found])}

    def share(name: str) -> float:
        return made[f"share of the random-to-oracle best-of-2 gap closed by {name}"].value

    assert (share("the best of 16 by the explicit reward"), share(IMITATED)) == (1, 1)
    assert (share(FIRST), share("the best of 16 by the distilled reward")) == (0, 0)
    gains = {name: made[f"gain over {FIRST} of {name}"] for name in (*CLONED, IMITATED)}
    assert [gains[name].value for name in CLONED] == [0, 0, 0]
    assert gains[IMITATED].value == pytest.approx(0.5)
    assert gains[IMITATED].holds is False, "the interval of two starts includes zero"
