"""What rewards that learn from a reward's judgement are said to reach, by hand."""

from benchmarks import spread

# One start a seed with five candidates; the random one achieves 2, the best 4.
OUTCOMES = [[0.0, 1.0, 2.0, 3.0, 4.0]]
JUDGED = [[0.0, 1.0, 2.0, 5.0, 4.0]]  # takes the second best where it may
UP, DOWN = [[0.0, 1.0, 2.0, 3.0, 4.0]], [[4.0, 3.0, 2.0, 1.0, 0.0]]


def seed(agreement: float) -> dict[str, object]:
    part = {"scores": {"explicit": UP, "implicit": DOWN}, "agreement": {"explicit": agreement, "implicit": 0.5}}
    return {
        "outcomes": OUTCOMES, "judged": JUDGED, "states": {"10": part},
        "labelled": dict.fromkeys(("likelihood", "explicit", "implicit", "combined"), DOWN),
    }  # fmt: skip


def test_who_chooses_is_decided_seed_by_seed_and_looks_ahead_from_four() -> None:
    found = {record.claim.split(" closed by ")[1]: record for record in spread.records([seed(0.7), seed(0.3)])}
    told = "from 10 executed states that a reward of outcomes (100 orderings) judged"
    assert found["likelihood (100 orderings of actions)"].value == -1
    assert found[f"explicit {told}"].value == 1
    assert found[f"implicit {told}"].value == -1
    chosen = found[f"what agrees most with the orderings, {told}"]
    assert (chosen.value, chosen.target, chosen.holds) == (0, ">= 0.65", False)
    # Kept are 1 to 4 of the first seed, 0 to 3 of the second; either way 3 is judged best, which closes half.
    ahead = found[f"look-ahead with 4 of 16, kept by what agrees most with the orderings, {told}"]
    assert (ahead.value, ahead.target, ahead.holds) == (0.5, ">= 0.85", False)
