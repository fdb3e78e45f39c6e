"""The rule that a judge is to find: a collision outweighs all, and scores are tenths."""

import numpy as np

from benchmarks.worlds.judged_walks import HIT, WORTH, WalkRule, measures, walks


def test_scores_are_tenths_and_a_collision_outweighs_all() -> None:
    rng = np.random.default_rng(0)
    rule = WalkRule(walks(2000, rng))
    measured = measures(walks(1000, rng))
    scores, worth, hit = rule.scores(measured), rule.worth(measured), measured[:, 1] < rule.hit
    assert scores.min() == 1
    assert scores.max() == 10
    assert (hit == (scores[:, 1] == 1)).all()
    assert abs(hit.mean() - HIT) < 0.05
    assert worth[hit].max() < worth[~hit].min()
    # Without a collision, levels add up; what lies between two levels is less than one of each.
    difference = worth[~hit] - scores[~hit] @ WORTH
    assert difference.min() >= 0
    assert difference.max() <= WORTH.sum()


def test_the_first_is_the_better_one_where_the_verdict_says_so() -> None:
    rng = np.random.default_rng(1)
    rule = WalkRule(walks(2000, rng))
    pairs = rule.pairs(200, rng, scored=True)
    hits = (pairs.scores[..., 1] == 1).numpy()
    one = hits[:, 0] != hits[:, 1]
    assert ((pairs.first.numpy() > 0.5) == ~hits[:, 0])[one].all()
    assert rule.pairs(3, rng).scores is None
