"""Answers that a reward contradicts count as if they might be wrong."""

import math

import pytest
import torch
from torch import nn

from robopref.data.filters.noise_aware import NoiseAware
from robopref.errors import ConfigError
from robopref.items import Comparisons, Items
from robopref.learning.fit import FitConfig
from robopref.learning.preference import Batches, train_reward
from robopref.objectives.pairwise import bradley_terry
from robopref.protocols import LiveFilter, SmoothingFilter
from robopref.scores import NoiseDraw, PairTarget, Scores

# How much the answers and the margins agree: 2, -1, 0.5 * 3 and 0.
MARGINS, TOLD = torch.tensor([[2.0], [1.0], [3.0], [-4.0]]), torch.tensor([1.0, 0.0, 0.75, 0.5])


def test_the_least_credible_share_of_a_batch_is_smoothed() -> None:
    # Of four, the half that agrees least: the second (-1) and the fourth (0), a tie, of which smoothing leaves 0.5.
    assert NoiseAware(alpha=0.1, share=0.5).smooth(MARGINS, TOLD, 0.5).flatten().tolist() == pytest.approx(
        [1.0, 0.1, 0.75, 0.5]
    )
    # Of three quarters also the third: 0.9 * 0.75 + 0.1 * 0.25 = 0.7.
    assert NoiseAware(alpha=0.1, share=0.75).smooth(MARGINS, TOLD, 0.5)[2].item() == pytest.approx(0.7)


def test_each_member_doubts_by_its_own_margins() -> None:
    both = torch.cat([MARGINS, MARGINS * torch.tensor([[-1.0], [-1], [1], [1]])], 1)
    found = NoiseAware(alpha=0.2, share=0.25).smooth(both, TOLD, 0.5)
    assert found[:, 0].tolist() == pytest.approx([1.0, 0.2, 0.75, 0.5])
    assert found[:, 1].tolist() == pytest.approx([0.8, 0.0, 0.75, 0.5])


def test_nothing_is_doubted_before_its_time_or_without_a_share() -> None:
    for filter_, done in ((NoiseAware(begin=0.2), 0.19), (NoiseAware(share=0.0), 0.9), (NoiseAware(alpha=0.0), 0.9)):
        assert filter_.smooth(MARGINS, TOLD, done).flatten().tolist() == TOLD.tolist()


def test_extrapolation_from_the_reference_doubts_the_same_pairs() -> None:
    generator = torch.Generator().manual_seed(0)
    # Logits of policy and reference over nine actions; the extrapolated density is normalised anew.
    logits, reference = torch.randn(2, 64, 9, generator=generator, dtype=torch.float64).unbind()
    found = (1 + 0.5) * logits - 0.5 * reference
    ratio = found.log_softmax(-1) - reference.log_softmax(-1)
    plain = logits.log_softmax(-1) - reference.log_softmax(-1)
    torch.testing.assert_close(ratio[:, 0] - ratio[:, 1], 1.5 * (plain[:, 0] - plain[:, 1]))


class OneWeight(nn.Module):
    keys = ("state",)

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(-0.1))

    def score(self, items: Items, *, draw: NoiseDraw | None = None) -> Scores:
        return Scores(self.weight * items.steps["state"][..., 0, 0])


def test_training_learns_from_the_smoothed_answer() -> None:
    # One pair, which is all of every batch and doubted in all of it: it counts as 0.9, whose best margin is log 9.
    data = Comparisons(
        Items({"state": torch.tensor([[[[1.0]], [[-1.0]]]])}, torch.ones(1, 2, 1)),
        PairTarget(torch.tensor([[[0.5, 1.0], [0.0, 0.5]]]), torch.tensor([[[0.0, 1.0], [0.0, 0.0]]])),
    )
    batches = Batches(4, filters=(NoiseAware(alpha=0.1, share=0.99, begin=0.0),))
    config = FitConfig(200, 0.1, weight_decay=0, ema=0)
    reward = train_reward(OneWeight(), data, bradley_terry, config, seed=0, batches=batches)
    assert 2 * float(reward.weight) == pytest.approx(math.log(9), abs=0.01)


def test_it_is_a_live_filter_that_smooths() -> None:
    assert isinstance(NoiseAware(), LiveFilter)
    assert isinstance(NoiseAware(), SmoothingFilter)
    assert NoiseAware().weigh(MARGINS, TOLD, 0.5).tolist() == [[1.0]] * 4


@pytest.mark.parametrize("settings", [{"alpha": 0.6}, {"alpha": float("nan")}, {"share": 1.0}, {"begin": -0.1}])
def test_settings_out_of_range_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=r"filter\.noise_aware\."):
        NoiseAware(**settings)
