"""Scores from several scorers, and scores that respect the task's symmetries."""

import math

import pytest
import torch
from torch import Tensor, nn

from robopref.data.episodes.augment import transform
from robopref.errors import ConfigError
from robopref.policies.draws import StratifiedDraw, UniformDraw
from robopref.protocols import CandidateScorer
from robopref.records import Observation
from robopref.rewards.ensemble import EnsembleReward, SymmetricReward, symmetric
from robopref.rewards.implicit import ImplicitReward
from robopref.scores import NoiseDraw, Scores
from tests.geometry import chunks, pick_and_place, ropes, tiny_policy, tiny_reward


class Fixed(nn.Module):
    """Scores that do not depend on what is scored, and the draws it was given."""

    def __init__(self, value: list[list[float]], spread: float | None = None) -> None:
        super().__init__()
        self.value, self.spread, self.draws = torch.tensor(value), spread, list[NoiseDraw | None]()

    def score(self, observation: Observation, actions: Tensor, *, draw: NoiseDraw | None = None) -> Scores:
        self.draws.append(draw)
        return Scores(self.value, None if self.spread is None else torch.full_like(self.value, self.spread))


class PlaceX(nn.Module):
    """Scores the x at which an action places; its spread is that of the pick."""

    def score(self, observation: Observation, actions: Tensor, *, draw: NoiseDraw | None = None) -> Scores:
        return Scores(actions[:, :, 0, 2], actions[:, :, 0, 0])


def test_mean_and_spread_of_members_by_hand() -> None:
    # Centred: (-1, 0, 1) and (-3, -1, 4). Mean (-2, -0.5, 2.5); standard deviation of two is |difference| / sqrt 2.
    ensemble = EnsembleReward([Fixed([[1.0, 2, 3]]), Fixed([[0.0, 2, 7]])])
    assert isinstance(ensemble, CandidateScorer)
    scores = ensemble.score(ropes(1), chunks(1, 3))
    torch.testing.assert_close(scores.value, torch.tensor([[-2.0, -0.5, 2.5]]))
    torch.testing.assert_close(scores.spread, torch.tensor([[2.0, 1, 3]]) / math.sqrt(2))


def test_offsets_of_a_member_do_not_count_as_disagreement() -> None:
    scores = EnsembleReward([Fixed([[1.0, 2, 3]]), Fixed([[101.0, 102, 103]])]).score(ropes(1), chunks(1, 3))
    assert scores.spread.abs().max() < 1e-5
    torch.testing.assert_close(scores.value, torch.tensor([[-1.0, 0, 1]]))


def test_one_member_has_no_disagreement() -> None:
    scores = EnsembleReward([Fixed([[1.0, 5]])]).score(ropes(1), chunks(1, 2))
    assert scores.value.tolist() == [[-2, 2]]
    assert scores.spread.tolist() == [[0, 0]]


def test_every_member_gets_the_draw() -> None:
    members = [Fixed([[1.0, 2]]), Fixed([[2.0, 1]])]
    draw = UniformDraw(2)(1, (1, 4), torch.Generator().manual_seed(0))
    EnsembleReward(members).score(ropes(1), chunks(1, 2), draw=draw)
    assert [member.draws for member in members] == [[draw], [draw]]


def test_explicit_and_implicit_members_mix() -> None:
    implicit = ImplicitReward(tiny_policy(), StratifiedDraw(4))
    scores = EnsembleReward([tiny_reward(seed=0), tiny_reward(seed=1), implicit]).score(ropes(2), chunks(2, 5))
    assert scores.value.shape == (2, 5)
    assert scores.value.mean(dim=1).abs().max() < 1e-5
    assert (scores.spread > 0).all()


def test_an_ensemble_needs_a_member() -> None:
    with pytest.raises(ConfigError, match="at least one member"):
        EnsembleReward([])


def test_a_member_that_cannot_score_is_named() -> None:
    with pytest.raises(ConfigError, match="Linear cannot score candidates"):
        EnsembleReward([nn.Linear(2, 2)]).score(ropes(1), chunks(1, 2))
    with pytest.raises(ConfigError, match="Linear cannot score candidates"):
        SymmetricReward(nn.Linear(2, 2), pick_and_place()).score(ropes(1), chunks(1, 2))


@pytest.mark.parametrize("kind", ["explicit", "energy", "error"])
@pytest.mark.parametrize("turn", [1, 2, 3])
def test_equivalent_actions_get_equal_scores(kind: str, turn: int) -> None:
    if kind == "explicit":
        plain = tiny_reward()
    else:
        plain = ImplicitReward(tiny_policy(), StratifiedDraw(4), cost=kind)
        with torch.no_grad():
            plain.policy.denoiser.trunk.enter.weight.mul_(1.5)
    geometry, observation, actions = pick_and_place(), ropes(3), chunks(3, 4)
    turned, turned_actions = transform(observation, actions, geometry, torch.full((3,), turn))
    fair = SymmetricReward(plain, geometry)
    one, other = (fair.score(*given).value.detach() for given in ((observation, actions), (turned, turned_actions)))
    torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)
    # Of itself, the scorer prefers one of the two.
    before, after = (plain.score(*given).value.detach() for given in ((observation, actions), (turned, turned_actions)))
    assert (before - after).abs().max() > 1e-3


def test_symmetric_score_is_the_mean_over_mirrors() -> None:
    actions = torch.tensor([[[[0.5, 0.1, 0.7, 0.2]], [[-0.2, 0.3, -0.9, 0.4]]]])
    scores = SymmetricReward(PlaceX(), pick_and_place()).score(ropes(1), actions)
    # Two of four mirrors negate x: mean 0.
    assert scores.value.abs().max() < 1e-6
    assert scores.spread.abs().max() < 1e-6


def test_symmetric_spread_is_the_mean_spread_if_there_is_one() -> None:
    with_spread = SymmetricReward(Fixed([[1.0, 2]], spread=0.25), pick_and_place()).score(ropes(1), chunks(1, 2))
    assert with_spread.value.tolist() == [[1, 2]]
    assert with_spread.spread.tolist() == [[0.25, 0.25]]
    assert SymmetricReward(Fixed([[1.0, 2]]), pick_and_place()).score(ropes(1), chunks(1, 2)).spread is None


class Looking(nn.Module):
    """Looks at a state."""

    observes = ("state",)

    def score(self, observation: Observation, actions: torch.Tensor, *, draw: NoiseDraw | None = None) -> Scores:
        return Scores(actions.sum((-1, -2)) + observation.state.sum(-1, keepdim=True))


def test_without_a_geometry_a_reward_is_as_it_is() -> None:
    reward = Looking()
    assert symmetric(reward, None) is reward
    assert isinstance(symmetric(reward, pick_and_place()), SymmetricReward)


def test_composed_rewards_look_at_what_their_parts_look_at() -> None:
    plain = Fixed([[1.0, 2]])
    assert EnsembleReward([Looking(), plain, Looking()]).observes == ("state", "points", "proprio")
    assert EnsembleReward([Looking()]).observes == ("state",)
    # Symmetries turn points and proprioception, whatever is scored.
    assert SymmetricReward(Looking(), pick_and_place()).observes == ("points", "proprio", "state")
