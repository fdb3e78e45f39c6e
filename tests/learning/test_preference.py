"""Training scorers on preferences: one loop for explicit and implicit ones."""

import math
from dataclasses import replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn

from robopref.errors import ConfigError, DataError
from robopref.items import Comparisons
from robopref.learning.fit import FitConfig
from robopref.learning.preference import Batches, train_reward
from robopref.objectives.classification import group_cross_entropy, kahneman_tversky, success_cross_entropy
from robopref.objectives.imitation import imitate
from robopref.objectives.listwise import plackett_luce
from robopref.objectives.margins import MultiObjective
from robopref.objectives.outside_draws import OutsideDraws
from robopref.objectives.pairwise import bradley_terry, pair_agreement
from robopref.objectives.regularize import ValueTerm
from robopref.policies.draws import CleanDraw, StratifiedDraw, UniformDraw
from robopref.protocols import Objective
from robopref.records import Observation
from robopref.rewards.implicit import ImplicitReward
from robopref.scores import Loss, NoiseDraw, PairTarget, Scores, SuccessTarget
from tests.geometry import POINTS, chunks, pick_and_place, ropes, tiny_policy, tiny_reward

if TYPE_CHECKING:
    from robopref.scores import Target


def near_the_centre(actions: Tensor) -> Tensor:
    """A taste (S, K) that all four mirrors share: place near the centre of the table."""
    return -actions[:, :, 0, 2:].norm(dim=-1)


def problem(states: int, *, seed: int, candidates: int = 4) -> Comparisons:
    actions = chunks(states, candidates, seed=seed)
    value = near_the_centre(actions)
    p, weight = torch.full((states, candidates, candidates), 0.5), torch.zeros(states, candidates, candidates)
    for i, j in combinations(range(candidates), 2):
        p[:, i, j], weight[:, i, j] = (value[:, i] > value[:, j]).float(), 1
    return Comparisons.of_candidates(ropes(states, seed=seed), actions, PairTarget(p, weight), pick_and_place())


TRAIN, HELD_OUT = problem(40, seed=0), problem(60, seed=1)
CANDIDATES = TRAIN.items.decisions()[1]


def accuracy(scorer: nn.Module) -> float:
    with torch.no_grad():
        return pair_agreement(scorer.score(*HELD_OUT.items.decisions()), HELD_OUT.target).item()


class Recorder(nn.Module):
    """Scores everything zero, and remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.asked = list[tuple[Observation, Tensor, NoiseDraw | None]]()

    def score(self, observation: Observation, actions: Tensor, *, draw: NoiseDraw | None = None) -> Scores:
        self.asked.append((observation, actions, draw))
        return Scores(actions.sum((-1, -2)) * self.weight)


@pytest.mark.parametrize(
    ("objective", "least"), [(bradley_terry, 0.85), (plackett_luce, 0.85), (partial(plackett_luce, top=1), 0.75)]
)
def test_an_explicit_reward_learns_to_order_pairs_it_never_saw(objective: Objective, least: float) -> None:
    reward = tiny_reward()
    assert 0.2 < accuracy(reward) < 0.8
    config = FitConfig(steps=120, learning_rate=1e-2, ema=0.9)
    assert train_reward(reward, TRAIN, objective, config, seed=0, batches=Batches(points=POINTS)) is reward
    assert accuracy(reward) > least


@pytest.mark.slow
@pytest.mark.parametrize("cost", ["energy", "error"])
def test_an_implicit_reward_rises_above_chance(cost: str) -> None:
    draws = StratifiedDraw(4, 0, 40)
    scorer = ImplicitReward(tiny_policy(), CleanDraw() if cost == "energy" else StratifiedDraw(16, 0, 40), cost=cost)
    assert accuracy(scorer) == 0.5  # all scores are zero, and equal scores count half
    config = FitConfig(steps=120, learning_rate=5e-3, ema=0.9)
    reference = [value.clone() for value in scorer.reference.state_dict().values()]
    train_reward(scorer, TRAIN, bradley_terry, config, seed=0, batches=Batches(size=16, points=POINTS, draws=draws))
    assert accuracy(scorer) > 0.6  # 360 pairs: four standard errors above chance
    for value, before in zip(scorer.reference.state_dict().values(), reference, strict=True):
        assert torch.equal(value, before)


def test_the_preferences_are_what_is_learnt() -> None:
    turned = replace(TRAIN, target=PairTarget(1 - TRAIN.target.p, TRAIN.target.weight))
    config = FitConfig(steps=120, learning_rate=1e-2, ema=0.9)
    assert (
        accuracy(train_reward(tiny_reward(), turned, bradley_terry, config, seed=0, batches=Batches(points=POINTS)))
        < 0.15
    )


def test_states_without_a_compared_pair_are_left_out() -> None:
    weight = TRAIN.target.weight.clone()
    weight[[0, *range(3, 40)]] = 0
    data = replace(TRAIN, target=PairTarget(TRAIN.target.p, weight))
    recorder, weights = Recorder(), list[Tensor]()

    def objective(scores: Scores, target: PairTarget) -> Loss:
        weights.append(target.weight)
        return bradley_terry(scores, target)

    train_reward(recorder, data, objective, FitConfig(steps=5), seed=0, batches=Batches(size=8, points=POINTS))
    assert len(recorder.asked) == 5
    assert all((given.sum((1, 2)) == 6).all() for given in weights)
    # Mirrors keep absolute values, which say which state it was.
    seen = {tuple(row.abs().flatten().tolist()) for _, actions, _ in recorder.asked for row in actions}
    assert seen == {tuple(CANDIDATES[row].abs().flatten().tolist()) for row in (1, 2)}


def test_batches_bring_states_with_their_candidates_and_fresh_draws() -> None:
    recorder = Recorder()
    train_reward(
        recorder,
        TRAIN,
        bradley_terry,
        FitConfig(steps=3),
        seed=0,
        batches=Batches(size=6, points=5, draws=UniformDraw(2)),
    )
    proprio = TRAIN.items.decisions()[0].proprio
    for observation, actions, draw in recorder.asked:
        assert observation.points.shape == (6, 5, 3)
        assert draw is not None
        assert draw.noise.shape == (6, 2, 1, 4)
        for row in range(6):
            (state,) = (proprio == observation.proprio[row]).all(dim=1).nonzero()[0].tolist()
            torch.testing.assert_close(actions[row].abs(), CANDIDATES[state].abs())
    first, second = recorder.asked[0][2], recorder.asked[1][2]
    assert not torch.equal(first.noise, second.noise)


def test_what_symmetries_would_leave_behind_keeps_all_as_it_is() -> None:
    recorder, (observation, actions) = Recorder(), TRAIN.items.decisions()
    seen = replace(observation, state=actions[:, 0, 0].clone())
    data = Comparisons.of_candidates(seen, actions, TRAIN.target, pick_and_place())
    train_reward(recorder, data, bradley_terry, FitConfig(steps=3), seed=0, batches=Batches(size=6, points=5))
    for given, candidates, _ in recorder.asked:
        assert torch.equal(given.state, candidates[:, 0, 0])
        assert given.points.shape == (6, POINTS, 3)
        assert all(any(torch.equal(one, other) for other in observation.points) for one in given.points)


def test_without_draws_the_scorer_takes_its_own() -> None:
    recorder = Recorder()
    train_reward(recorder, TRAIN, bradley_terry, FitConfig(steps=2), seed=0, batches=Batches(points=POINTS))
    assert [draw for _, _, draw in recorder.asked] == [None, None]


@pytest.mark.parametrize("objective", [bradley_terry, plackett_luce])
def test_batches_of_nothing_but_ties_are_survived(objective: Objective) -> None:
    tied = replace(TRAIN, target=PairTarget(torch.full_like(TRAIN.target.p, 0.5), TRAIN.target.weight))
    reward = train_reward(tiny_reward(), tied, objective, FitConfig(steps=3), seed=0, batches=Batches(points=POINTS))
    assert math.isfinite(reward.score(ropes(1), chunks(1, 2)).value.sum().item())


def test_the_seed_decides_what_is_learnt() -> None:
    def learnt(seed: int) -> Tensor:
        reward = train_reward(
            tiny_reward(), TRAIN, bradley_terry, FitConfig(steps=3), seed=seed, batches=Batches(points=POINTS)
        )
        return reward.score(*HELD_OUT.items.decisions()).value.detach()

    assert torch.equal(learnt(0), learnt(0))
    assert not torch.equal(learnt(0), learnt(1))


def test_a_killed_run_ends_with_the_same_scorer(tmp_path: Path) -> None:
    config = FitConfig(steps=6, save_every=2, learning_rate=1e-2)

    def scorer() -> ImplicitReward:
        return ImplicitReward(tiny_policy(), CleanDraw())

    def stop(step: int, _: dict[str, float]) -> None:
        if step == 5:
            raise KeyboardInterrupt

    whole = train_reward(scorer(), TRAIN, bradley_terry, config, seed=0, batches=Batches(points=POINTS))
    with pytest.raises(KeyboardInterrupt):
        train_reward(
            scorer(),
            TRAIN,
            bradley_terry,
            config,
            seed=0,
            folder=tmp_path,
            progress=stop,
            batches=Batches(points=POINTS),
        )
    resumed = train_reward(
        scorer(), TRAIN, bradley_terry, config, seed=0, folder=tmp_path, batches=Batches(points=POINTS)
    )
    for name, value in whole.named_parameters():
        assert torch.equal(resumed.get_parameter(name), value), name


@pytest.mark.parametrize(
    ("objective", "draws"),
    [
        (partial(plackett_luce, top=2), StratifiedDraw(2)),
        (plackett_luce, StratifiedDraw(2)),
        (partial(plackett_luce, top=1), StratifiedDraw(4)),
        (partial(plackett_luce, top=1), UniformDraw(2)),
    ],
)
def test_training_is_not_continued_with_another_objective_or_draws(
    tmp_path: Path, objective: Objective, draws: UniformDraw
) -> None:
    def train(objective: Objective, draws: UniformDraw) -> None:
        scorer = ImplicitReward(tiny_policy(), draws)
        config = FitConfig(steps=2, save_every=1)
        train_reward(
            scorer,
            TRAIN,
            objective,
            config,
            seed=0,
            folder=tmp_path,
            batches=Batches(points=POINTS, size=4, draws=draws),
        )

    begun = partial(plackett_luce, top=1), StratifiedDraw(2)
    train(*begun)
    train(*begun)
    with pytest.raises(DataError, match="on other data or with other settings"):
        train(objective, draws)


def test_an_objective_that_holds_others_is_the_same_when_it_is_made_again(tmp_path: Path) -> None:
    for _ in range(2):
        objective = OutsideDraws(OutsideDraws(partial(plackett_luce, top=1)))
        train_reward(
            ImplicitReward(tiny_policy(), CleanDraw()),
            TRAIN,
            objective,
            FitConfig(steps=2, save_every=1),
            seed=0,
            folder=tmp_path,
            batches=Batches(points=POINTS, size=4),
        )


def test_no_compared_pair_is_refused() -> None:
    nothing = PairTarget(TRAIN.target.p, torch.zeros_like(TRAIN.target.weight))
    data = replace(TRAIN, target=nothing)
    with pytest.raises(DataError, match="nothing is known of any item") as caught:
        train_reward(tiny_reward(), data, bradley_terry, FitConfig(steps=1), seed=0)
    assert "\n" not in str(caught.value)


def test_what_cannot_score_is_refused() -> None:
    with pytest.raises(ConfigError, match="Linear cannot score candidates"):
        train_reward(nn.Linear(1, 1), TRAIN, bradley_terry, FitConfig(steps=1), seed=0, batches=Batches(points=POINTS))


def segments(groups: int, *, seed: int) -> Comparisons:
    """Four segments of one or two decisions, of which the better is the one whose sum is."""
    shape, source = (groups, 4, 2), torch.Generator().manual_seed(seed)
    flat = problem(groups * 8, seed=seed, candidates=2)
    seen, chosen = flat.items.decisions()
    mask = torch.rand(shape, generator=source) > 0.3
    mask[:, :, 0] = True
    actions = chosen[:, 0].unflatten(0, shape)
    value = ((near_the_centre(chosen)[:, 0].unflatten(0, shape) + 0.75) * mask).sum(-1)
    p = (value[:, :, None] > value[:, None]).float()
    observation = Observation(
        seen.points.unflatten(0, shape), seen.proprio.unflatten(0, shape)
    )  # fmt: skip
    return Comparisons.of_segments(
        observation, actions, mask, PairTarget(p, torch.ones(groups, 4, 4).triu(1)), flat.geometry
    )


@pytest.mark.parametrize(("objective", "least"), [(bradley_terry, 0.8), (success_cross_entropy, 0.7)])
def test_decisions_are_ordered_by_what_was_said_of_segments(objective: Objective, least: float) -> None:
    # No decision was ever compared with another, or called good.
    data = segments(60, seed=0)
    if objective is success_cross_entropy:
        better = SuccessTarget((data.target.share > 0.5).float(), torch.ones(60, 4))
        data = replace(data, target=better)
    config = FitConfig(steps=150, learning_rate=1e-2, ema=0.9)
    assert (
        accuracy(train_reward(tiny_reward(), data, objective, config, seed=0, batches=Batches(size=16, points=POINTS)))
        > least
    )


def test_batches_of_segments_bring_every_decision_with_fresh_draws() -> None:
    data, recorder = segments(5, seed=0), Recorder()
    train_reward(
        recorder,
        data,
        bradley_terry,
        FitConfig(steps=2),
        seed=0,
        batches=Batches(size=4, points=5, draws=UniformDraw(2)),
    )
    (first, actions, draw), (_, _, other) = recorder.asked
    assert first.points.shape == (32, 5, 3)
    assert actions.shape == (32, 1, 1, 4)
    assert draw.noise.shape == (32, 2, 1, 4)
    assert not torch.equal(draw.noise, other.noise)
    observed, decisions = data.items.decisions()
    flat = observed.proprio
    for row in range(32):
        (found,) = (flat == first.proprio[row]).all(dim=1).nonzero()[0].tolist()
        torch.testing.assert_close(actions[row, 0].abs(), decisions[found, 0].abs())


def test_training_on_segments_goes_on_where_it_was_killed(tmp_path: Path) -> None:
    data, config = segments(6, seed=0), FitConfig(steps=4, save_every=2, learning_rate=1e-2)

    def stop(step: int, _: dict[str, float]) -> None:
        if step == 3:
            raise KeyboardInterrupt

    def train(data: Comparisons, **settings: Any) -> nn.Module:
        return train_reward(
            tiny_reward(), data, bradley_terry, config, seed=0, **settings, batches=Batches(points=POINTS, size=3)
        )

    whole = train(data)
    with pytest.raises(KeyboardInterrupt):
        train(data, folder=tmp_path, progress=stop)
    resumed = train(data, folder=tmp_path)
    for name, value in whole.named_parameters():
        assert torch.equal(resumed.get_parameter(name), value), name
    longer = replace(data, items=replace(data.items, weight=torch.ones_like(data.items.weight)))
    with pytest.raises(DataError, match="on other data or with other settings"):
        train(longer, folder=tmp_path)


def outcomes(weight: float = 1.0) -> Comparisons:
    value = near_the_centre(CANDIDATES)
    target = SuccessTarget((value > value.median()).float(), torch.full_like(value, weight))
    return replace(TRAIN, target=target)


@pytest.mark.parametrize("objective", [success_cross_entropy, group_cross_entropy])
def test_outcomes_alone_teach_an_order(objective: Objective) -> None:
    config = FitConfig(steps=120, learning_rate=1e-2, ema=0.9)
    assert (
        accuracy(train_reward(tiny_reward(), outcomes(), objective, config, seed=0, batches=Batches(points=POINTS)))
        > 0.8
    )


@pytest.mark.parametrize(
    "objective",
    [
        success_cross_entropy,
        partial(kahneman_tversky, desirable=2.0),
        partial(imitate, divergence="chi2"),
    ],
)
def test_an_objective_of_outcomes_refuses_preferences(objective: Objective) -> None:
    said = r"^objective .* takes success of every item, and is given preferences.*; choose an operator, .*\Z"
    with pytest.raises(ConfigError, match=said):
        train_reward(tiny_reward(), TRAIN, objective, FitConfig(steps=1), seed=0, batches=Batches(points=POINTS))


@pytest.mark.parametrize(
    "objective",
    [
        bradley_terry,
        partial(plackett_luce, top=1),
        OutsideDraws(bradley_terry),
        MultiObjective(bradley_terry),
        partial(ValueTerm(bradley_terry, 0.1)),
    ],
)
def test_an_objective_of_preferences_refuses_outcomes(objective: Objective) -> None:
    with pytest.raises(ConfigError, match="takes preferences among items, and is given success of every item"):
        train_reward(tiny_reward(), outcomes(), objective, FitConfig(steps=1), seed=0, batches=Batches(points=POINTS))


def bare(scores, target):
    return success_cross_entropy(scores, target)


class Bare:
    def __call__(self, scores, target):
        return success_cross_entropy(scores, target)


def checked_only(scores: Scores, target: "Target") -> Loss:
    return success_cross_entropy(scores, target)


@pytest.mark.parametrize("objective", [bare, Bare(), checked_only])
def test_objectives_that_do_not_say_what_they_take_are_let_through(objective: Objective) -> None:
    recorder = Recorder()
    train_reward(recorder, outcomes(), objective, FitConfig(steps=1), seed=0, batches=Batches(points=POINTS))
    assert len(recorder.asked) == 1


def test_no_known_outcome_is_refused() -> None:
    with pytest.raises(DataError, match="label some first"):
        train_reward(tiny_reward(), outcomes(0.0), success_cross_entropy, FitConfig(steps=1), seed=0)
