"""Best-of-n: the candidate with the highest score."""

import math

import pytest
import torch
from torch import Tensor

from robopref.errors import ActionError, ConfigError
from robopref.policies.draws import CleanDraw
from robopref.ranking.best_of_n import BestOfN, rank
from robopref.records import Observation
from robopref.rewards.implicit import ImplicitReward
from robopref.scores import NoiseDraw, Scores
from tests.geometry import chunks, ropes, tiny_policy, tiny_reward


class Fixed:
    """Scores that do not depend on what is scored."""

    def __init__(self, value: list[list[float]]) -> None:
        self.value = torch.tensor(value)

    def score(self, observation: Observation, actions: Tensor, *, draw: NoiseDraw | None = None) -> Scores:
        return Scores(self.value)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_takes_the_best_of_each_state() -> None:
    candidates, scores = chunks(3, 4, horizon=2), [[0.0, 3, 1, 2], [5, 4, 3, 2], [-4, -3, -2, -1]]
    choice = rank(Fixed(scores), ropes(3), candidates)
    assert choice.index.tolist() == [1, 0, 3]
    assert choice.action.shape == (3, 2, 4)
    for row, best in enumerate([1, 0, 3]):
        assert torch.equal(choice.action[row], candidates[row, best])
    assert choice.candidates is candidates
    assert choice.scores.value.tolist() == scores


def test_samples_n_candidates_and_takes_the_one_the_scorer_likes() -> None:
    policy, reward = tiny_policy(), tiny_reward()
    choice = BestOfN(policy, reward, n=6).choose(ropes(2), generator=generator())
    assert torch.equal(choice.candidates, policy.sample(ropes(2), 6, generator=generator()))
    expected = reward.score(ropes(2), choice.candidates).value
    assert torch.equal(choice.index, expected.argmax(dim=1))
    assert torch.equal(choice.action, choice.candidates[torch.arange(2), choice.index])
    assert not choice.scores.value.requires_grad


@pytest.mark.parametrize("scorer", ["explicit", "implicit"])
def test_the_same_seed_gives_the_same_choice(scorer: str) -> None:
    policy = tiny_policy()
    reward = tiny_reward() if scorer == "explicit" else ImplicitReward(tiny_policy(seed=1), CleanDraw())
    ranker = BestOfN(policy, reward, n=5)
    one, same, other = (ranker.choose(ropes(2), generator=generator(seed)) for seed in (4, 4, 5))
    assert torch.equal(one.action, same.action)
    assert torch.equal(one.scores.value, same.scores.value)
    assert not torch.equal(one.action, other.action)


def test_one_candidate_leaves_no_choice() -> None:
    choice = BestOfN(tiny_policy(), tiny_reward(), n=1).choose(ropes(2), generator=generator())
    assert choice.index.tolist() == [0, 0]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_not_finite_chooses_nothing(bad: float) -> None:
    with pytest.raises(ActionError, match="the reward gave a score that is not finite"):
        rank(Fixed([[0.0, 1, 2], [0, bad, 2]]), ropes(2), chunks(2, 3))


@pytest.mark.parametrize("n", [0, -1])
def test_n_must_be_positive(n: int) -> None:
    with pytest.raises(ConfigError, match=f"n >= 1, got {n}"):
        BestOfN(tiny_policy(), tiny_reward(), n=n)
