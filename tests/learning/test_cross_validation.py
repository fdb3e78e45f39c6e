"""What a reward says of questions that it did not learn from."""

from pathlib import Path

import pytest
import torch

from robopref.errors import ConfigError, MismatchError
from robopref.learning.cross_validation import held_out_margins, pair_margins
from robopref.learning.fit import FitConfig
from robopref.learning.preference import Batches
from robopref.objectives.pairwise import bradley_terry
from robopref.rewards.segment import SegmentReward
from tests.learning.test_segment_preference import answered

FIT = FitConfig(60, 1e-2, ema=0.9)


def made() -> SegmentReward:
    torch.manual_seed(0)
    return SegmentReward(["values"], 3, width=16, members=1)


def test_every_question_is_asked_once_of_a_reward_that_did_not_see_it() -> None:
    heard = list[int]()
    data = answered(120)
    margins, p = held_out_margins(
        made, data, bradley_terry, FIT, seed=0, batches=Batches(16), progress=lambda step, _: heard.append(step)
    )
    assert len(margins) == 120
    assert sorted(p.tolist()) == sorted(data.target.p[:, 0, 1].tolist())
    assert ((margins > 0) == (p > 0.5)).float().mean() > 0.7
    assert 0 < heard[0] < 60 < heard[-1] <= 120
    # Answers that are turned round in the half that is asked about change nothing of what is said of it, so a reward
    # that had seen them could not follow them: on coin flips nothing is foreseen.
    data.target.p[:, 0, 1] = (torch.rand(120, generator=torch.Generator().manual_seed(3)) < 0.5).float()
    margins, p = held_out_margins(made, data, bradley_terry, FIT, seed=0, batches=Batches(16))
    assert 0.3 < ((margins > 0) == (p > 0.5)).float().mean() < 0.7


def test_a_training_that_is_done_is_taken_from_its_folder_and_one_of_other_labels_is_not(tmp_path: Path) -> None:
    def ask(data: object, heard: list[int]) -> torch.Tensor:
        return held_out_margins(
            made, data, bradley_terry, FIT, seed=0, batches=Batches(16), folder=tmp_path,  # type: ignore[arg-type]
            progress=lambda step, _: heard.append(step),
        )[0]  # fmt: skip

    first, again, other = list[int](), list[int](), list[int]()
    found = ask(answered(80), first)
    assert torch.equal(ask(answered(80), again), found)
    assert first
    assert not again
    assert not torch.equal(ask(answered(84), other), found[:1])
    assert other


def test_margins_are_of_the_pairs_that_were_compared() -> None:
    reward, data = made(), answered(5)
    data.target.weight[2] = 0
    margins, p = pair_margins(reward, data)
    value = reward.score(data.items).value
    some = [0, 1, 3, 4]
    assert torch.allclose(margins, (value[:, 0] - value[:, 1])[some])
    assert torch.equal(p, data.target.p[some, 0, 1])


def test_one_question_has_no_halves() -> None:
    with pytest.raises(ConfigError, match="1 questions are too few"):
        held_out_margins(made, answered(1), bradley_terry, FIT, seed=0)


def test_halves_that_were_trained_with_other_settings_name_the_folder_of_the_whole(tmp_path: Path) -> None:
    def ask(width: int, config: FitConfig) -> None:
        def make() -> SegmentReward:
            return SegmentReward(["values"], 3, width=width, members=1)

        held_out_margins(make, answered(20), bradley_terry, config, seed=0, batches=Batches(16), folder=tmp_path)

    ask(16, FitConfig(2, 1e-2))
    for width, config in ((8, FitConfig(2, 1e-2)), (16, FitConfig(2, 1e-3))):
        with pytest.raises(MismatchError) as caught:
            ask(width, config)
        assert f"remove {tmp_path} to train again" in str(caught.value)
        assert "fold-" not in str(caught.value)
