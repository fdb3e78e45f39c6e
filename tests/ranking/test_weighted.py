"""A weighted sum of several rewards, whose weights are chosen when actions are."""

import math

import pytest
import torch
from torch import Tensor

from robopref.errors import ConfigError
from robopref.ranking.best_of_n import rank
from robopref.ranking.weighted import Weighted, WeightedSum, spread_of
from robopref.ranking.weights import require_named
from robopref.records import Observation
from robopref.scores import NoiseDraw, Scores
from tests.geometry import chunks, ropes


class Fixed:
    """Scores that do not depend on what is scored."""

    observes = ("points",)

    def __init__(self, *value: list[float]) -> None:
        self.value = torch.tensor(value)

    def score(self, observation: Observation, actions: Tensor, *, draw: NoiseDraw | None = None) -> Scores:
        return Scores(self.value)


SUCCESS, FORCE = Fixed([1.0, 2.0, 6.0]), Fixed([300.0, 0.0, -300.0])
SCALES = {"success": 2.0, "force": 100.0}


def test_the_sum_by_hand() -> None:
    # Less their means 3 and 0, over 2 and 100: (-1, -0.5, 1.5) and (3, 0, -3); 1 * the first + 0.3 * the second.
    scorer = Weighted({"success": 1.0, "force": 0.3}).scorer({"success": SUCCESS, "force": FORCE}, SCALES)
    assert scorer.score(ropes(1), chunks(1, 3)).value[0].tolist() == pytest.approx([-0.1, -0.5, 0.6])


def test_another_weight_chooses_another_candidate_without_training() -> None:
    rewards, chosen = {"success": SUCCESS, "force": FORCE}, []
    for weight in (0.0, 0.4, 0.6):
        rule = Weighted({"success": 1.0, "force": weight})
        chosen.append(int(rank(rule.scorer(rewards, SCALES), ropes(1), chunks(1, 3), rule=rule).index[0]))
    # Of the first and the last candidate: 3 w - 1 against 1.5 - 3 w, which meet at w = 5 / 12.
    assert chosen == [2, 2, 0]


def test_the_unit_of_a_reward_changes_nothing() -> None:
    longer = Fixed([1000.0, 2000.0, 6000.0])
    weights = {"success": 1.0, "force": 0.3}
    one = WeightedSum({"success": SUCCESS, "force": FORCE}, weights, SCALES)
    two = WeightedSum({"success": longer, "force": FORCE}, weights, {**SCALES, "success": 2000.0})
    assert torch.allclose(one.score(ropes(1), chunks(1, 3)).value, two.score(ropes(1), chunks(1, 3)).value)


def test_a_state_in_which_all_are_alike_stays_alike() -> None:
    # With a scale of each state its own, these differences would count as much as any.
    scorer = WeightedSum({"force": Fixed([0.001, 0.0])}, {"force": 1.0}, {"force": 100.0})
    assert scorer.score(ropes(1), chunks(1, 2)).value.abs().max() < 1e-5


def test_the_scale_is_the_spread_within_states() -> None:
    # Within the states (-1, 1) and (0, 0), whatever their means: sqrt((1 + 1 + 0 + 0) / 4).
    assert spread_of(Fixed([9.0, 11.0], [5.0, 5.0]), ropes(2), chunks(2, 2)) == pytest.approx(math.sqrt(0.5))


def test_a_reward_without_weight_is_not_asked() -> None:
    scorer = Weighted({"success": 1.0, "force": 0.0}).scorer({"success": SUCCESS, "force": FORCE}, SCALES)
    assert scorer.parts == (SUCCESS,)
    assert scorer.observes == ("points",)


def test_a_name_that_is_none_is_refused_with_a_near_one() -> None:
    with pytest.raises(
        ConfigError,
        match=r"unknown reward, or feature of .*, in ranker.rule.weights 'forse'.*Did you mean force\?",
    ):
        require_named(["success", "forse"], [], ["success", "force"])


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ({}, "needs a weight above zero.*got none"),
        ({"success": 0.0}, "needs a weight above zero"),
        ({"success": 1.0, "force": -0.3}, "not negative, got -0.3 for force"),
        ({"success": float("nan")}, "finite"),
        ({"success": 1.0, "force": 1e300}, r"0 or in \[1e-06, 1e\+06\], got 1e\+300 for force"),
        ({"success": 1e-300}, "got 1e-300 for success"),
    ],
)
def test_weights_that_cannot_be_are_refused(weights: dict[str, float], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Weighted(weights)


def test_a_reward_that_tells_nothing_apart_is_refused() -> None:
    with pytest.raises(ConfigError, match="force tells no candidates apart"):
        WeightedSum({"force": FORCE}, {"force": 1.0}, {"force": 0.0})


def test_a_feature_counts_as_a_reward_of_its_name() -> None:
    rule = Weighted({"success": 1.0, "smooth": 0.3}, {"smooth": "less mean(jerk(action))"})
    require_named(rule.weights, rule.features, ["success", "force"])
    scorer = rule.scorer({"success": SUCCESS, "smooth": FORCE}, {"success": 2.0, "smooth": 100.0})
    assert scorer.score(ropes(1), chunks(1, 3)).value[0].tolist() == pytest.approx([-0.1, -0.5, 0.6])
    with pytest.raises(ConfigError, match=r"features\.smooth is called as a reward is"):
        require_named(rule.weights, rule.features, ["success", "smooth"])


def test_a_feature_without_a_weight_is_refused_with_a_near_one() -> None:
    with pytest.raises(
        ConfigError,
        match=r"ranker.rule.features, without a weight in ranker.rule.weights, 'smoth'.*Did you mean smooth\?",
    ):
        Weighted({"success": 1.0, "smooth": 0.3}, {"smoth": "less mean(jerk(action))"})


class Judge:
    """A reward of outcomes."""

    keys = ("after.points",)

    def score(self, items: object, *, draw: NoiseDraw | None = None) -> Scores:
        raise NotImplementedError


def test_a_reward_of_outcomes_is_refused() -> None:
    with pytest.raises(ConfigError, match="success judges what came of an action"):
        WeightedSum({"success": Judge()}, {"success": 1.0}, {"success": 1.0})
