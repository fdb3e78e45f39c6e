"""Segments as the decisions that a policy would have taken in them."""

from pathlib import Path

import numpy as np
import torch

from robopref.answers import Answers
from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.segment_decisions import decision_comparisons
from robopref.records import Feedback, Item, Preference, Query, Ranking


def store(path: Path) -> EpisodeStore:
    """Two episodes of six steps, in which everything is the number of the step."""
    made = EpisodeStore.create(path / "steps.zarr", {})
    for first in (0, 6):
        steps = np.arange(first, first + 6, dtype=np.float32)
        made.append(
            {"state": steps[:, None], "action": steps[:, None], "points": np.tile(steps[:, None, None], (2, 6))}
        )
    return made


def answers(*segments: tuple[int, int], answer: Preference | Ranking) -> Answers:
    items = tuple(Item("steps", start, stop) for start, stop in segments)
    query = Query("q", "pair" if len(items) == 2 else "ranking", items)
    return Answers.of([query], [Feedback("q", answer, "ann")])


def test_a_decision_is_every_whole_chunk_of_a_segment(tmp_path: Path) -> None:
    given = answers((1, 6), (6, 8), answer=Preference(0.75))
    found = decision_comparisons(given, store(tmp_path), ["state", "points"], horizon=2, history=2)
    # Of steps 1..5 decisions are at 1 and 3, as the chunk of 5 is not whole; of 6 and 7 there is one, at 6.
    assert found.items.part("action")[0, :, :, :, 0].tolist() == [[[1, 2], [3, 4]], [[6, 7], [0, 0]]]
    assert found.items.part("state")[0, :, :, :, 0].tolist() == [[[0, 1], [2, 3]], [[6, 6], [0, 0]]]
    assert found.items.part("points").shape == (1, 2, 2, 2, 2, 6)
    assert found.items.weight.tolist() == [[[1, 1], [1, 0]]]
    assert found.target.p[0, 0, 1] == 0.75  # type: ignore[union-attr]


def test_a_segment_shorter_than_a_chunk_goes_on_to_the_end_of_its_episode(tmp_path: Path) -> None:
    found = decision_comparisons(answers((4, 5), (9, 10), answer=Preference(1)), store(tmp_path), ["state"], horizon=4)
    assert found.items.part("action")[0, :, 0, :, 0].tolist() == [[4, 5, 5, 5], [9, 10, 11, 11]]
    assert found.items.part("state").shape == (1, 2, 1, 1)


def test_rankings_are_pairs(tmp_path: Path) -> None:
    given = answers((0, 1), (2, 3), (4, 5), answer=Ranking((0, 2, 1)))
    found = decision_comparisons(given, store(tmp_path), ["state"])
    assert found.items.part("state")[:, :, 0, 0].tolist() == [[0, 2], [0, 4], [2, 4]]
    torch.testing.assert_close(found.target.p[:, 0, 1], torch.tensor([1.0, 1.0, 0.0]))  # type: ignore[union-attr]


def test_a_decision_neither_looks_nor_acts_beyond_a_gap_in_time(tmp_path: Path) -> None:
    made = EpisodeStore.create(tmp_path / "steps.zarr", {})
    steps = np.arange(8, dtype=np.float32)
    made.append({"state": steps[:, None], "action": steps[:, None], "time": steps / 10 + (steps >= 3)})
    given = answers((0, 4), (4, 8), answer=Preference(1))
    found = decision_comparisons(given, made, ["state"], horizon=2, history=2)
    assert found.items.part("action")[0, :, :, :, 0].tolist() == [[[0, 1], [2, 2]], [[4, 5], [6, 7]]]
    assert found.items.part("state")[0, :, :, :, 0].tolist() == [[[0, 0], [1, 2]], [[3, 4], [5, 6]]]
