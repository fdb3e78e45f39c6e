"""What a reward of actions chooses of fresh candidates of a policy."""

from functools import partial

import pytest
import torch
from torch import Tensor, nn

from robopref.data.labels.target_operators import best_of
from robopref.errors import ConfigError
from robopref.items import ACTION
from robopref.learning.sharpening import chosen_by_reward
from robopref.records import Observation
from robopref.scores import NoiseDraw, Scores
from tests.geometry import ropes, tiny_policy


class Rightmost(nn.Module):
    """The more is picked to the right, the better."""

    def score(self, observation: Observation, actions: Tensor, *, draw: NoiseDraw | None = None) -> Scores:
        del observation, draw
        return Scores(actions[:, :, 0, 0])


def test_the_best_of_the_candidates_that_the_policy_draws_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    policy, seen = tiny_policy().eval(), ropes(5)
    monkeypatch.setattr("robopref.learning.sharpening._AT_ONCE", 8)  # two states of four candidates
    done = list[tuple[int, int]]()
    found = chosen_by_reward(
        policy, Rightmost(), seen, partial(best_of, top=1), candidates=4, generator=torch.Generator().manual_seed(3),
        progress=lambda states, count: done.append((states, count)),
    )  # fmt: skip
    generator = torch.Generator().manual_seed(3)
    parts = [seen.map(lambda part, rows=rows: part[rows]) for rows in (slice(0, 2), slice(2, 4), slice(4, 5))]
    drawn = torch.cat([policy.sample(part, 4, generator=generator) for part in parts])
    best = drawn[torch.arange(5), drawn[:, :, 0, 0].argmax(1)]
    assert torch.equal(found.items.part(ACTION)[:, 0, 0], best)
    assert (found.target.asked == 1).all()
    assert found.target.asked.shape == (5, 1)
    assert done == [(2, 5), (4, 5), (5, 5)]
    observation, _ = found.items.decisions()
    assert torch.equal(observation.points, seen.points)


def test_a_choice_needs_candidates() -> None:
    with pytest.raises(ConfigError, match="a choice needs at least 2 candidates, got 1"):
        chosen_by_reward(
            tiny_policy(), Rightmost(), ropes(2), best_of, candidates=1, generator=torch.Generator()
        )  # fmt: skip
