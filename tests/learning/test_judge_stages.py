"""A small judge in three stages: what each draws, keeps and learns, by hand."""

import math

import pytest
import torch
from torch import Tensor

from robopref.errors import ConfigError, DataError
from robopref.items import Items
from robopref.learning.fit import FitConfig
from robopref.learning.judge_accuracy import dimension_accuracy, swap_consistency, verdict_accuracy
from robopref.learning.judge_stages import (
    JudgedPairs,
    bernoulli_divergence,
    cold_start,
    group_advantages,
    learn_hard,
    learn_sifted,
    sift,
)
from robopref.rewards.dimensional_judge import DimensionalJudge, chain_log_prob, drawn, mean_scores

FIT = FitConfig(60, 2e-2, ema=0.0)


def items(count: int = 64, seed: int = 0) -> Items:
    values = torch.randn(count, 2, 3, 2, generator=torch.Generator().manual_seed(seed))
    return Items({"state": values}, torch.ones(count, 2, 3))


def known(count: int = 64, seed: int = 0) -> JudgedPairs:
    """Scores are means of both numbers of the steps; the better item has more of the first."""
    made = items(count, seed)
    mean = made.steps["state"].mean(2)
    scores = (5.5 + 4 * mean).round().clamp(1, 10).long()
    return JudgedPairs(made, (mean[:, 0, 0] > mean[:, 1, 0]).float(), scores)


def judge(made: Items) -> DimensionalJudge:
    torch.manual_seed(0)
    return DimensionalJudge.for_items(made, ["push", "calm"], width=8)


def test_scores_are_normal_over_the_levels_and_chains_multiply() -> None:
    made = judge(items())
    with torch.no_grad():
        made.scorer.weight.zero_()
        made.scorer.bias.copy_(torch.tensor([0.5, 0.0]))  # means of 5.5 + 3 * 0.5 = 7 and 5.5
        made.log_width.copy_(torch.tensor([0.0, math.log(2.0)]))
        log_probs = made.log_probs(items(1))
    each = torch.tensor([math.exp(-((level - 7) ** 2) / 2) for level in range(1, 11)])
    torch.testing.assert_close(log_probs[0, 0, 0].exp(), each / each.sum())
    wide = torch.tensor([math.exp(-((level - 5.5) ** 2) / 8) for level in range(1, 11)])
    torch.testing.assert_close(log_probs[0, 1, 1].exp(), wide / wide.sum())
    chain = torch.tensor([[[7, 5], [8, 1]]])
    by_hand = (each[6] / each.sum() * each[7] / each.sum() * wide[4] / wide.sum() * wide[0] / wide.sum()).log()
    torch.testing.assert_close(chain_log_prob(log_probs, chain), by_hand[None])
    torch.testing.assert_close(chain_log_prob(log_probs, chain.expand(3, 1, 2, 2)), by_hand.expand(3, 1))
    chains = drawn(log_probs, 4000, torch.Generator().manual_seed(0))
    assert chains.shape == (4000, 1, 2, 2)
    assert float((chains[:, 0, 0, 0] == 7).float().mean()) == pytest.approx(float(each[6] / each.sum()), abs=0.03)


def test_the_verdict_sees_scores_alone_and_turns_with_the_items() -> None:
    made, scores = judge(items()), torch.randint(1, 11, (5, 2, 2))
    torch.testing.assert_close(made.verdict(scores), -made.verdict(scores.flip(1)))
    assert made.verdict(torch.full((1, 2, 2), 4)).item() == 0
    assert swap_consistency(made, items()) == 1
    again = DimensionalJudge.of(made.settings)
    again.load_state_dict(made.state_dict())
    torch.testing.assert_close(again.judged(items())[1], made.judged(items())[1])


def test_the_verdict_goes_by_mean_scores_where_whole_ones_are_alike() -> None:
    made = judge(items())
    with torch.no_grad():
        made.log_width.zero_()
        made.scorer.weight.zero_()
        made.scorer.bias.zero_()  # both items at 5.5, between two levels
    log_probs = made.log_probs(items(1))
    torch.testing.assert_close(mean_scores(log_probs), torch.full((1, 2, 2), 5.5))
    # Levels 5 and 6 have exp(-.04 ** 2 / 2) and so on about 5.04: the likeliest is 5, the mean 5.04.
    near = (-((torch.arange(1, 11) - 5.04) ** 2) / 2).log_softmax(-1)
    assert float(mean_scores(near)) == pytest.approx(5.04, abs=1e-3)
    whole = judge(items())
    scores, odds = whole.judged(items())
    torch.testing.assert_close(odds, whole.verdict(mean_scores(whole.log_probs(items()))))
    alike = (scores[:, 0] == scores[:, 1]).all(-1)
    assert bool((odds[alike] != 0).all())


def test_steps_beyond_the_end_of_an_item_do_not_count() -> None:
    made, whole = judge(items()), items(4)
    longer = {
        name: torch.cat([value, 100 * torch.ones_like(value[:, :, :1])], 2) for name, value in whole.steps.items()
    }
    weight = torch.cat([whole.weight, torch.zeros(4, 2, 1)], 2)
    torch.testing.assert_close(made.log_probs(Items(longer, weight)), made.log_probs(whole))


def test_advantages_are_standard_deviations_within_a_group() -> None:
    # Groups of 4: one right of four: mean 1/4, deviation sqrt(3)/4; all right: nothing to learn.
    reward = torch.tensor([[1.0, 1.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    got = group_advantages(reward)
    torch.testing.assert_close(got[:, 0], torch.tensor([3.0, -1.0, -1.0, -1.0]) / math.sqrt(3), rtol=1e-4, atol=1e-4)
    assert got[:, 1].abs().max() == 0


def test_the_pull_on_verdicts_is_a_divergence_of_coins() -> None:
    # p = 1/2 from q = 3/4: 1/2 ln(2/3) + 1/2 ln 2 = 0.143841.
    got = bernoulli_divergence(torch.zeros(1), torch.tensor([math.log(3.0)]))
    torch.testing.assert_close(got, torch.tensor([0.143841]), atol=1e-6, rtol=0)
    assert bernoulli_divergence(torch.tensor([2.0]), torch.tensor([2.0])).item() == 0


def test_sifting_keeps_chains_with_the_right_verdict_and_names_hard_pairs() -> None:
    pairs = known()
    made = judge(pairs.items)
    found = sift(made, pairs, 6, seed=0)
    right = (made.verdict(found.scores) > 0) == (pairs.first[found.pair] > 0.5)
    assert bool(right.all())
    kept = torch.bincount(found.pair, minlength=len(pairs))
    assert found.hard.tolist() == (kept < 6).nonzero()[:, 0].tolist()
    assert len(found.hard) > 0


def test_three_stages_learn_scores_and_verdicts() -> None:
    pairs, test = known(256), known(256, seed=1)
    made = judge(pairs.items)
    cold_start(made, pairs, FIT, seed=0)
    first = verdict_accuracy(made, test)
    assert min(dimension_accuracy(made, test).values()) > 0.8
    found = sift(made, pairs, 4, seed=0)
    learn_sifted(made, pairs, found, pairs, FIT, seed=0)
    before: list[Tensor] = [value.clone() for value in made.parameters()]
    learn_hard(made, pairs, sift(made, pairs, 4, seed=1).hard, pairs, FIT, seed=0)
    assert any(not torch.equal(one, two) for one, two in zip(before, made.parameters(), strict=True))
    assert verdict_accuracy(made, test) > max(0.8, first - 0.03)
    learn_hard(made, pairs, torch.zeros(0, dtype=torch.long), None, FIT, seed=0)  # nothing is hard: nothing happens


def test_what_cannot_be_learnt_from_is_refused() -> None:
    pairs = known(8)
    blind = JudgedPairs(pairs.items, pairs.first)
    with pytest.raises(DataError, match="verdicts alone"):
        cold_start(judge(pairs.items), blind, FIT, seed=0)
    with pytest.raises(DataError, match="verdicts alone"):
        dimension_accuracy(judge(pairs.items), blind)
    with pytest.raises(DataError, match="one or more pairs"):
        JudgedPairs(pairs.items, pairs.first[:3])
    for names in ([], ["push", "push"], ["Push up"]):
        with pytest.raises(ConfigError, match="dimension"):
            DimensionalJudge.for_items(pairs.items, names)
