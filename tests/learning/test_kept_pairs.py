"""How much of each pair the filters of a training left."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from robopref.data.filters.peer_review import PeerReview
from robopref.errors import DataError
from robopref.items import ComparedItems
from robopref.learning.fit import FitConfig
from robopref.learning.kept_pairs import FILE, KeptPairs
from robopref.learning.preference import Batches, train_reward
from robopref.objectives.pairwise import bradley_terry
from robopref.records import Item
from robopref.rewards.segment import SegmentReward
from tests.learning.test_segment_preference import answered

NAMES = tuple(Item("walk", 8 * number, 8 * number + 8) for number in range(400))
BATCHES = Batches(25, filters=(PeerReview(noise=0.2),))


class Late:
    """Keeps pairs in the end that are preferred the one way, and half of the others."""

    def weigh(self, margins: torch.Tensor, p: torch.Tensor, done: float) -> torch.Tensor:
        assert done == 1
        return torch.where(p[:, None] > 0.5, 1.0, 0.5).expand_as(margins)


def test_wrong_answers_are_left_out_and_named(tmp_path: Path) -> None:
    data = replace(answered(200), called=ComparedItems(NAMES, torch.arange(400).reshape(200, 2)))
    wrong = torch.rand(200, generator=torch.Generator().manual_seed(1)) < 0.2
    data.target.p[wrong, 0, 1] = 1 - data.target.p[wrong, 0, 1]
    torch.manual_seed(0)
    reward = SegmentReward(["values"], 3, width=16, members=2)
    train_reward(reward, data, bradley_terry, FitConfig(300, 1e-2, ema=0.9), seed=0, batches=BATCHES)
    kept = KeptPairs.of(reward, data, BATCHES, seed=0)
    assert kept.first[7] == Item("walk", 112, 120)
    assert kept.second[7] == Item("walk", 120, 128)
    assert kept.share.mean() == pytest.approx(0.8)  # of each batch of 25, 20 are kept
    assert kept.share[~wrong.numpy()].mean() > 0.85
    assert kept.share[wrong.numpy()].mean() < 0.5
    kept.save(tmp_path)
    again = KeptPairs.load(tmp_path)
    assert again is not None
    assert (again.first, again.second) == (kept.first, kept.second)
    assert abs(again.share - kept.share).max() < 1e-3


def test_the_share_is_what_filters_leave_when_training_has_ended() -> None:
    data = replace(answered(7), called=ComparedItems(NAMES, torch.arange(14).reshape(7, 2)))
    kept = KeptPairs.of(SegmentReward(["values"], 3), data, Batches(3, filters=(Late(), Late())), seed=0)
    assert kept.share == pytest.approx([1.0 if p > 0.5 else 0.25 for p in data.target.p[:, 0, 1]])


def test_items_that_nobody_called_anything_are_not_kept(tmp_path: Path) -> None:
    kept = KeptPairs.of(SegmentReward(["values"], 3), answered(7), Batches(3, filters=(Late(),)), seed=0)
    assert len(kept.share) == 0
    assert KeptPairs.load(tmp_path) is None


@pytest.mark.parametrize(
    "text",
    [
        "[]", "{}", "{", '{"sources": ["a"], "first": [[0, 1, 2]], "second": [[0, 1, 2, 3]], "share": [1]}',
        '{"sources": ["a"], "first": [[0, 1, 2, "x"]], "second": [[0, 1, 2, 3]], "share": [1]}',
        '{"sources": ["a"], "first": [[4, 1, 2, 3]], "second": [[0, 1, 2, 3]], "share": [1]}',
        '{"sources": ["a"], "first": [[0, 1, 2, 3]], "second": [[0, 1, 2, 3]], "share": [2]}',
        '{"sources": ["a"], "first": [[0, 1, 2, 3]], "second": [], "share": [1]}',
        '{"sources": ["a"], "first": [[0, 1, 2, 3]], "second": [[0, 1, 2, 3]], "share": [[1]]}',
        '{"sources": ["a"], "first": [[0, 1, 2, 3]], "second": [[0, 1, 2, 3]], "share": [1' + "0" * 400 + "]}",
        '{"sources": "a", "first": [[0, 1, 2, 3]], "second": [[0, 1, 2, 3]], "share": [1]}',
        '{"sources": [1], "first": [[0, 1, 2, 3]], "second": [[0, 1, 2, 3]], "share": [1]}',
        '{"sources": ["a"], "first": [[-1, 1, 2, 3]], "second": [[0, 1, 2, 3]], "share": [1]}',
        '{"sources": ["a"], "first": [[true, 1, 2, 3]], "second": [[0, 1, 2, 3]], "share": [1]}',
    ],
)  # fmt: skip
def test_a_file_that_is_damaged_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(DataError, match=r"damaged|holds a"):
        KeptPairs.load(tmp_path)


def test_a_pair_that_several_answered_has_the_mean_of_its_shares() -> None:
    one, two, three = NAMES[:3]
    kept = KeptPairs((one, two, one), (two, one, three), np.array([1.0, 0.5, 0.25]))
    assert kept.shares() == {(one, two): 0.75, (one, three): 0.25}  # (1 + 0.5) / 2
