"""Rounds: a policy draws candidates, they are judged, it is tuned, and so on."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from benchmarks.worlds.gauss_linear import GaussianDenoiser
from robopref.data.labels.target_operators import best_of, compare
from robopref.errors import ConfigError
from robopref.items import Comparisons
from robopref.learning.fit import FitConfig
from robopref.learning.rounds import improve
from robopref.objectives.imitation import imitate
from robopref.objectives.pairwise import bradley_terry
from robopref.objectives.regression import vote_regression
from robopref.policies.diffusion import DiffusionPolicy
from robopref.policies.draws import StratifiedDraw
from robopref.rewards.implicit import ImplicitReward
from robopref.scores import Target
from tests.geometry import POINTS, pick_and_place, ropes, tiny_policy

CONFIG = FitConfig(steps=12, learning_rate=3e-2, ema=0, save_every=4)
DRAWS = StratifiedDraw(8)


def gaussian(reference: str | None = "frozen") -> ImplicitReward:
    """A policy of actions N(mean, I), whose mean can be tuned; it starts at zero."""
    policy = tiny_policy(denoiser=GaussianDenoiser)
    return ImplicitReward(policy, DRAWS, cost="error", reference=reference)  # type: ignore[arg-type]


def worth(actions: Tensor) -> Tensor:
    """The more is picked to the right, the better, (S, K)."""
    return actions[:, :, 0, 0]


def judge(target: Callable[[Tensor], Target]) -> Callable[[DiffusionPolicy, torch.Generator], Comparisons]:
    def gather(policy: DiffusionPolicy, generator: torch.Generator) -> Comparisons:
        assert not policy.training
        observation = ropes(8)
        actions = policy.sample(observation, 4, generator=generator)
        return Comparisons.of_candidates(observation, actions, target(worth(actions)), pick_and_place())

    return gather


def mean(reward: ImplicitReward) -> Tensor:
    return reward.policy.denoiser.mean.detach().clone()[0]


class Unmirrored:
    """The task without symmetries, in which right is right."""

    def __init__(self, target: Callable[[Tensor], Target]) -> None:
        self.gather = judge(target)

    def __call__(self, policy: DiffusionPolicy, generator: torch.Generator) -> Comparisons:
        data, whole = self.gather(policy, generator), pick_and_place()
        alone = type(whole)(
            whole.matrix,
            whole.offset,
            whole.symmetry_points[:1],
            whole.symmetry_actions[:1],
            whole.radius,
            whole.labels,
        )
        return replace(data, geometry=alone)


def run(reward: ImplicitReward, **settings: object) -> ImplicitReward:
    given = {"rounds": 3, "seed": 0, "points": POINTS, "batch_size": 8, **settings}
    return improve(reward, Unmirrored(compare), bradley_terry, CONFIG, **given)  # type: ignore[arg-type]


def test_every_round_moves_the_policy_further_and_its_reference_follows() -> None:
    reward, seen = gaussian(), list[tuple[int, float]]()

    def after(rounds: int, policy: DiffusionPolicy) -> None:
        assert policy is reward.policy
        assert torch.equal(reward.reference.denoiser.mean, policy.denoiser.mean)
        seen.append((rounds, policy.denoiser.mean[0, 0].item()))

    assert run(reward, after=after) is reward
    assert [rounds for rounds, _ in seen] == [1, 2, 3]
    assert 0.05 < seen[0][1] < seen[1][1] < seen[2][1]
    # What nobody judged moves less.
    assert mean(reward)[1:].abs().max() < mean(reward)[0]
    assert not any(p.requires_grad for p in reward.reference.parameters())


def test_candidates_are_those_of_the_policy_so_far() -> None:
    means, draws = list[Tensor](), list[Tensor]()

    def gather(policy: DiffusionPolicy, generator: torch.Generator) -> Comparisons:
        means.append(policy.denoiser.mean.detach().clone())
        draws.append(torch.randn(3, generator=generator))
        generator.manual_seed(generator.initial_seed())
        return Unmirrored(compare)(policy, generator)

    improve(gaussian(), gather, bradley_terry, CONFIG, rounds=2, seed=0, points=POINTS, batch_size=8)
    assert means[0].abs().max() == 0
    assert means[1].abs().max() > 0
    assert not torch.equal(draws[0], draws[1])


def test_rounds_that_were_killed_end_with_the_same_weights(tmp_path: Path) -> None:
    def stop(rounds: int, _: DiffusionPolicy) -> None:
        if rounds == 2:
            raise KeyboardInterrupt

    whole, killed, resumed = gaussian(), gaussian(), gaussian()
    run(whole)
    with pytest.raises(KeyboardInterrupt):
        run(killed, folder=tmp_path, after=stop)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["round-1", "round-2"]
    run(resumed, folder=tmp_path)
    assert torch.equal(mean(resumed), mean(whole))
    assert torch.equal(resumed.reference.denoiser.mean, whole.reference.denoiser.mean)
    # Nothing was trained twice: the state of the first round is the killed run's.
    again = gaussian()
    before = (tmp_path / "round-1" / "metrics.jsonl").read_text()
    run(again, folder=tmp_path)
    assert (tmp_path / "round-1" / "metrics.jsonl").read_text() == before
    assert torch.equal(mean(again), mean(whole))


def test_the_seed_decides() -> None:
    one, same, other = (run(gaussian(), rounds=1, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(mean(one), mean(same))
    assert not torch.equal(mean(one), mean(other))


def test_without_a_reference_the_best_are_cloned() -> None:
    reward = gaussian(reference=None)
    improve(reward, Unmirrored(best_of), imitate, CONFIG, rounds=3, seed=0, points=POINTS, batch_size=8)
    assert reward.reference is None
    assert mean(reward)[0] > 0.1


def test_votes_are_regressed_on_in_rounds() -> None:
    def votes(values: Tensor) -> Target:
        return compare(values, temperature=0.5, votes=8, generator=torch.Generator().manual_seed(0))

    reward = gaussian()
    improve(reward, Unmirrored(votes), vote_regression, CONFIG, rounds=2, seed=0, points=POINTS, batch_size=8)
    assert mean(reward)[0] > 0.05


@pytest.mark.parametrize("rounds", [0, -1])
def test_rounds_that_cannot_be_are_refused(rounds: int) -> None:
    with pytest.raises(ConfigError, match=f"rounds must be at least 1, got {rounds}"):
        run(gaussian(), rounds=rounds)


def test_a_reason_to_stop_ends_the_rounds() -> None:
    done = list[int]()

    def after(index: int, _: object) -> str:
        done.append(index)
        return "that is enough" if index == 2 else ""

    run(gaussian(), rounds=4, after=after)
    assert done == [1, 2]
