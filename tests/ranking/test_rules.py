"""Rules that pick a candidate by its score."""

import math
from collections import Counter

import pytest
import torch

from robopref.errors import ConfigError
from robopref.ranking.best_of_n import BestOfN
from robopref.ranking.rules import Pessimistic, Rule, Softmax, greedy
from robopref.rewards.ensemble import EnsembleReward
from robopref.scores import Scores
from tests.geometry import ropes, tiny_policy, tiny_reward

VALUE = torch.tensor([[0.0, math.log(3), math.log(4)], [2.0, 1.0, 0.0]])


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_greedy_takes_the_highest() -> None:
    assert greedy(Scores(VALUE), generator()).tolist() == [2, 0]


def test_softmax_draws_in_proportion() -> None:
    # exp of the scores is 1 : 3 : 4; at temperature 1/2 it is 1 : 9 : 16.
    for temperature, shares in ((1.0, (1 / 8, 3 / 8, 4 / 8)), (0.5, (1 / 26, 9 / 26, 16 / 26))):
        picks = Softmax(temperature)(Scores(VALUE[:1].expand(20_000, -1)), generator())
        counted = Counter(picks.tolist())
        for index, share in enumerate(shares):
            # Four binomial standard errors.
            tolerance = 4 * (share * (1 - share) / 20_000) ** 0.5
            assert counted[index] / 20_000 == pytest.approx(share, abs=tolerance)


def test_a_cold_softmax_is_greedy() -> None:
    assert Softmax(1e-3)(Scores(VALUE), generator()).tolist() == [2, 0]


def test_pessimism_gives_up_a_high_score_that_is_unsure() -> None:
    scores = Scores(torch.tensor([[3.0, 2.5, 0.0]]), torch.tensor([[1.0, 0.2, 0.0]]))
    # 3 - 1 = 2 against 2.5 - 0.2 = 2.3; with half the weight 2.5 against 2.4.
    assert Pessimistic(1.0)(scores, generator()).tolist() == [1]
    assert Pessimistic(0.5)(scores, generator()).tolist() == [0]
    assert Pessimistic(0.0)(scores, generator()).tolist() == [0]


def test_pessimism_needs_a_spread() -> None:
    with pytest.raises(ConfigError, match="needs scores with a spread"):
        Pessimistic()(Scores(VALUE), generator())


@pytest.mark.parametrize("rule", [greedy, Softmax(0.5), Pessimistic(1.0)])
def test_best_of_n_picks_by_a_rule(rule: Rule) -> None:
    scorer = EnsembleReward([tiny_reward(seed=0), tiny_reward(seed=1)])
    ranker = BestOfN(tiny_policy(), scorer, 5, rule)
    one, same = (ranker.choose(ropes(3), generator=generator(4)) for _ in range(2))
    assert torch.equal(one.index, same.index)
    assert torch.equal(one.action, one.candidates[torch.arange(3), one.index])
    if rule is greedy:
        assert torch.equal(one.index, one.scores.value.argmax(1))


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan])
def test_a_temperature_that_cannot_be_is_refused(temperature: float) -> None:
    with pytest.raises(ConfigError, match="temperature must be positive"):
        Softmax(temperature)


def test_a_weight_that_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="weight must not be negative, got -1"):
        Pessimistic(-1)
