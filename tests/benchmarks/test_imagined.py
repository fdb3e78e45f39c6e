"""What imagined outcomes are said to reach, by hand."""

from benchmarks import imagined

# One start a seed with five candidates; the random one achieves 2, the best 4.
OUTCOMES = [[0.0, 1.0, 2.0, 3.0, 4.0]]
UP, DOWN = [[0.0, 1.0, 2.0, 3.0, 4.0]], [[4.0, 3.0, 2.0, 1.0, 0.0]]


def seed(agreement: float) -> dict[str, object]:
    error = {"imagined": 0.01, "still": 0.04, "transitions": 8}
    part = {
        "scores": {"not tuned": DOWN, "tuned": UP}, "agreement": {"not tuned": 0.5, "tuned": agreement},
        "error": {"not tuned": error, "tuned": error},
    }  # fmt: skip
    labelled = {"likelihood": DOWN, "combined": UP}
    return {"outcomes": OUTCOMES, "judged": UP, "states": {"10": part}, "labelled": labelled}


def test_who_imagines_is_decided_seed_by_seed_and_looks_ahead_from_four() -> None:
    found = {record.claim.split(" closed by ")[-1]: record.value for record in imagined.records([seed(0.7), seed(0.3)])}
    told = "by a dynamics from 10 explored states"
    assert found[f"Chamfer distance of held-out clouds imagined {told}, tuned, over that if nothing moved"] == 0.25
    assert found["a reward of outcomes (100 orderings), all 16 simulated"] == 1
    # Of 0 to 3, which likelihood keeps, 3 is the best, which closes half.
    assert found["look-ahead with 4 of 16 simulated, kept by likelihood"] == 0.5
    assert found["look-ahead with 4 of 16 simulated, kept by combined"] == 1
    assert found[f"outcomes of all 16 imagined {told}, tuned"] == 1
    assert found[f"outcomes of all 16 imagined {told}, not tuned"] == -1
    # The tuned weights imagine the first seed, the others the second.
    assert found[f"outcomes of all 16 imagined {told}, by the weights that agree most with the orderings"] == 0
    # Seed 0 takes 4 of 1 to 4 kept by combined, seed 1 the worst of them, 1: gains 1 and -1/2.
    assert found[f"look-ahead with 4 of 16 imagined {told}, kept by combined"] == 0.25
