"""The bandit whose optimum is known."""

import numpy as np
import pytest
import torch

from benchmarks.worlds.four_mode_bandit import MODES, SPREAD, FourModeBandit, total_variation
from robopref.records import Observation


class Fixed:
    """A policy whose samples are given."""

    def __init__(self, actions: torch.Tensor) -> None:
        self.actions = actions

    def sample(self, observation: Observation, n: int, *, generator: torch.Generator) -> torch.Tensor:
        del observation, generator
        return self.actions.expand(n, 1, 2)[None]


def test_the_optimum_by_hand() -> None:
    # exp(R / beta) at beta 0.5 = 1, e, e^2, e^3; times the shares 0.4, 0.8155, 1.4778, 2.0086, together 4.7018.
    np.testing.assert_allclose(FourModeBandit().optimum(0.5), [0.0851, 0.1734, 0.3143, 0.4272], atol=1e-4)


def test_the_optimum_beats_its_neighbours() -> None:
    world, beta = FourModeBandit(), 0.5
    shares, rewards = np.array(world.shares), np.array(world.rewards)

    def objective(masses: np.ndarray) -> float:
        return float(masses @ rewards - beta * (masses * np.log(masses / shares)).sum())

    best = world.optimum(beta)
    for one in range(4):
        for other in range(4):
            if one != other:
                moved = best + 0.02 * (np.eye(4)[one] - np.eye(4)[other])
                assert objective(moved) < objective(best)


def test_best_of_n_by_hand() -> None:
    # Best of two: rewards 0, 0.5, 1, 1.5 below with 0.4^2, 0.7^2, 0.9^2, 1: masses 0.16, 0.33, 0.32, 0.19.
    assert FourModeBandit().best_of(2) == pytest.approx(0.33 * 0.5 + 0.32 + 0.19 * 1.5)
    assert FourModeBandit().best_of(1) == pytest.approx(0.5)


def test_best_of_n_does_not_depend_on_the_order_of_the_modes() -> None:
    turned = FourModeBandit(rewards=(1.5, 1.0, 0.5, 0.0), shares=(0.1, 0.2, 0.3, 0.4))
    assert turned.best_of(5) == pytest.approx(FourModeBandit().best_of(5))


def test_samples_of_the_reference_have_its_masses_and_spread() -> None:
    world = FourModeBandit()
    actions = world.draw(40_000, torch.Generator().manual_seed(0))
    masses = torch.bincount(world.mode(actions), minlength=4) / 40_000
    np.testing.assert_allclose(masses, world.shares, atol=0.01)
    # Beyond three standard deviations in the plane lies exp(-4.5) = 1.1%.
    assert world.off_mode(actions).float().mean().item() == pytest.approx(0.0111, abs=0.002)


def test_rewards_are_those_of_the_nearest_mode() -> None:
    actions = (MODES + 0.2)[None, :, None]
    assert FourModeBandit().reward(actions).tolist() == [[0.0, 0.5, 1.0, 1.5]]
    assert FourModeBandit().off_mode(actions).tolist() == [[True] * 4]  # 0.28 away, more than 0.24


def test_measuring_a_policy() -> None:
    world = FourModeBandit()
    on = world.measure(Fixed(MODES[2] + torch.tensor([2.9 * SPREAD, 0.0])), count=10)
    assert (on.masses.tolist(), on.reward, on.off) == ([0, 0, 1, 0], 1.0, 0.0)
    assert world.measure(Fixed(MODES[2] + torch.tensor([0.0, 3.1 * SPREAD])), count=10).off == 1


def test_total_variation_by_hand() -> None:
    assert total_variation(np.array([0.5, 0.5]), np.array([0.8, 0.2])) == pytest.approx(0.3)
