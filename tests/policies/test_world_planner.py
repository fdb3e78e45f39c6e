"""Plans by hand: what they are worth, where they are drawn, and which is carried out."""

from typing import Any

import pytest
import torch
from torch import Tensor

from robopref.errors import ConfigError
from robopref.nets.latent_world import LatentWorld
from robopref.nets.two_hot import TwoHot
from robopref.policies.plan_search import RADIUS, CenteredPlans, Plans, WidePlans
from robopref.policies.plan_value import LowerBound, Prospect, SmallestCritic, best_of_others
from robopref.policies.world_planner import WorldPlanner


class Line:
    """A world of one number x that actions add to; actors always do the same, and critics are formulas."""

    actions = 1

    def __init__(self, does: list[float], critics: Any) -> None:
        self.does, self.critics_ = does, critics
        self.actors = type("Actors", (), {"copies": len(does)})()
        self.numbers = type("Plain", (TwoHot,), {"decode": lambda _, values: values})()

    def advance(self, latents: Tensor, actions: Tensor) -> Tensor:
        return latents + actions

    def earned(self, latents: Tensor, actions: Tensor) -> Tensor:
        return latents[..., 0]

    def goes_on(self, latents: Tensor) -> Tensor:
        return (latents[..., 0] < 3).float()

    def act(self, latents: Tensor) -> Tensor:
        rows = latents if latents.ndim == 3 else latents.expand(len(self.does), *latents.shape)
        return torch.tensor(self.does)[:, None, None].expand(-1, rows.shape[1], 1)

    def judged(self, latents: Tensor, actions: Tensor) -> Tensor:
        return torch.stack([critic(latents[..., 0], actions[..., 0]) for critic in self.critics_])


def test_a_plan_earns_its_discounted_rewards_until_the_task_is_over() -> None:
    world: Any = Line([0.0], [])
    prospect = Prospect.at(torch.tensor([[1.0]]))
    for action in (1.0, 1.0, 0.0):
        prospect = prospect.further(world, torch.tensor([[action]]), 0.5)
    # 1 + 0.5 * 2, and at 3 it is over.
    assert (prospect.gain.item(), prospect.weight.item()) == (2.0, 0.0)
    assert prospect.actions.flatten().tolist() == [1.0, 1.0, 0.0]


def test_the_smaller_critic_counts() -> None:
    world: Any = Line([0.5], [lambda x, a: x + a, lambda x, a: x + 2 * a])
    prospect = Prospect.at(torch.tensor([[1.0], [2.0]])).further(world, torch.zeros(2, 1), 0.5)
    # Gains 1 and 2; the smaller critic says 1.5 and 2.5, at half of the weight.
    assert SmallestCritic(discount=0.5).scores(world, prospect).tolist() == [1.75, 3.25]


def test_no_critic_scores_its_own_actor() -> None:
    expected = torch.tensor([[[9.0], [1.0], [2.0]], [[5.0], [9.0], [3.0]], [[4.0], [7.0], [99.0]]])
    assert best_of_others(expected).flatten().tolist() == [2.0, 5.0, 7.0]


def test_the_lower_bound_takes_off_what_critics_disagree_on() -> None:
    # Actor 0 does 1, actor 1 does 2; critic 0 likes action times 1, critic 1 action times 3.
    world: Any = Line([1.0, 2.0], [lambda x, a: a, lambda x, a: 3 * a])
    prospect = Prospect.at(torch.tensor([[0.0]]))
    bound = LowerBound(members=2, pessimism=2.0)
    # Critic 0 takes actor 1: 2. Critic 1 takes actor 0: 3. Mean 2.5, standard deviation 0.5.
    assert bound.each(world, prospect).flatten().tolist() == [2.0, 3.0]
    assert bound.scores(world, prospect).item() == pytest.approx(1.5)
    with pytest.raises(ConfigError, match="no critic scores its own actor"):
        LowerBound(members=1)


def test_more_pessimism_chooses_what_critics_agree_on() -> None:
    # At x = 0 critics say 2 and 2, at x = 1 they say 1 and 5.
    critics = [lambda x, a: 2 - x, lambda x, a: 2 + 3 * x]
    world: Any = Line([0.0, 0.0], critics)
    prospect = Prospect.at(torch.tensor([[0.0], [1.0]]))
    spread = LowerBound(members=2, pessimism=0.0).each(world, prospect).std(0, unbiased=False)
    for pessimism, chosen in ((0.0, 1), (10.0, 0)):
        scores = LowerBound(members=2, pessimism=pessimism).scores(world, prospect)
        assert scores.argmax().item() == chosen
    assert spread[0] < spread[1]


def world() -> LatentWorld:
    torch.manual_seed(0)
    return LatentWorld({"state": (3,)}, 2, latent=16, width=8, actors=2, critics=2)


def test_centered_plans_stay_around_the_actors() -> None:
    made, search = world(), CenteredPlans(spread=0.05, samples=400)
    latents = torch.rand(3, 16)
    plans = search.search(made, latents, 2, LowerBound(members=2), generator=torch.Generator().manual_seed(1))
    assert plans.actions.shape == (3, 400, 2, 2)
    acted = made.act(latents)[:, :, None]  # (actors, B, 1, A)
    first = plans.actions[:, :, 0].unflatten(1, (2, 200)).transpose(0, 1)
    away = (first - acted).abs()
    assert away.max() <= RADIUS * 0.05 + 1e-6
    assert away.max() > 2 * 0.05
    # The first plan of each actor is the actor's own.
    torch.testing.assert_close(first[:, :, 0], acted[:, :, 0])


def test_wide_plans_find_what_pays_off_wherever_it_is() -> None:
    # Critics like to end at 0.8, which no actor would do: they do nothing.
    made: Any = Line([0.0], [lambda x, a: -10 * (x - 0.8).abs()] * 2)
    made.earned = lambda latents, actions: torch.zeros(latents.shape[:-1])
    torch.manual_seed(0)
    value = SmallestCritic(discount=0.9)
    found = WidePlans(samples=64, iterations=4).search(made, torch.zeros(1, 1), 1, value).elites(1)
    assert found.actions.item() == pytest.approx(0.8, abs=0.1)
    near = CenteredPlans(spread=0.05).search(made, torch.zeros(1, 1), 1, value).elites(1)
    assert abs(near.actions.item()) <= RADIUS * 0.05
    with pytest.raises(ConfigError, match="1 <= elites <= samples"):
        WidePlans(samples=4, elites=5)


def test_the_mean_of_the_best_is_carried_out_and_while_exploring_one_of_them() -> None:
    plans = Plans(torch.tensor([[[[0.1]], [[0.3]], [[0.2]]]]), torch.tensor([[1.0, 3.0, 2.0]]))
    assert plans.elites(2).actions.flatten().tolist() == pytest.approx([0.3, 0.2])

    class Given:
        def search(self, *_: Any, **__: Any) -> Plans:
            return plans

    made: Any = None
    planner = WorldPlanner(Given(), SmallestCritic(), elites=2, noise=0.0, temperature=50.0)
    action, best = planner.act(made, torch.zeros(1, 4), explore=False)
    assert action.item() == best.actions[0, 0, 0].item() == pytest.approx(0.3)
    mild = WorldPlanner(Given(), SmallestCritic(), elites=2, temperature=1.0)
    # (0.3 + 0.2 / e) / (1 + 1 / e): the mean of the best two, by weights of e^(3 - 3) and e^(2 - 3).
    assert mild.act(made, torch.zeros(1, 4), explore=False)[0].item() == pytest.approx(0.273106, abs=1e-5)
    action, best = planner.act(made, torch.zeros(1, 4), explore=True)
    assert best.actions[0, 0].item() == pytest.approx(0.3)  # e^-50 of the chances are the other's
    assert action.item() == pytest.approx(0.3, abs=1e-4)
