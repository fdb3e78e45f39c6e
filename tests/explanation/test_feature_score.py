"""Scores of candidates by features of what they do."""

import numpy as np
import pytest
import torch

from robopref.errors import ConfigError, DataError
from robopref.explanation.feature_score import FeatureScore
from robopref.records import ActionGeometry, Observation

# Two candidates of three actions of one number: 0, 1, 3 changes by 1 and 2; 0, 0, 1 by 0 and 1.
ACTIONS = torch.tensor([[[[0.0], [1.0], [3.0]], [[0.0], [0.0], [1.0]]]])
SEEN = Observation(proprio=torch.tensor([[2.0, 0.0, 0.0]]), state=torch.tensor([[4.0, 0.0, 0.0]]))
# The action moves the hand, which is where the proprioception says, along x.
MOVES = ActionGeometry(
    np.array([[[1.0], [0.0], [0.0]]]), np.zeros((1, 3)), np.eye(3)[None], np.eye(1)[None], 1.0, ("hand",),
    origin=np.eye(3)[None],
)  # fmt: skip


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("more mean(speed(action))", [1.5, 0.5]),
        ("less mean(speed(action))", [-1.5, -0.5]),
        ("more change(action)", [3.0, 1.0]),
        # The hand goes from 2 by 0, 1, 3 to 2, 3, 6, and by 0, 0, 1 to 2, 2, 3; the state lies at 4.
        ("more least(distance(path, state))", [1.0, 1.0]),
        ("less last(distance(path, state))", [-2.0, -1.0]),
    ],
)
def test_scores_by_hand(said: str, value: list[float]) -> None:
    scorer = FeatureScore(said, ["proprio", "state"], geometry=MOVES)
    assert scorer.score(SEEN, ACTIONS).value.tolist() == [pytest.approx(value)]


def test_it_looks_at_what_it_names_and_at_where_the_robot_is() -> None:
    parts = ["points", "proprio", "state"]
    assert FeatureScore("less mean(jerk(action))", parts, geometry=MOVES).observes == ()
    assert FeatureScore("more least(distance(path, state))", parts, geometry=MOVES).observes == ("proprio", "state")


def test_of_several_observations_the_last_counts() -> None:
    before = torch.zeros(1, 1, 3)
    seen = Observation(state=torch.cat([before, before + 4.0], 1))
    scorer = FeatureScore("more last(distance(state[0], action))", ["state"], history=2)
    assert scorer.score(seen, ACTIONS).value.tolist() == [[1.0, 3.0]]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("mean(speed(action))", "does not say which way is better"),
        ("less", "name is missing"),
        ("less mean(sped(action))", r"Did you mean speed\?"),
        ("less duration()", "alike for all candidates"),
        ("less last(norm(state))", "alike for all candidates"),
        ("less mean(path[0])", "unknown quantity or measure 'path'"),
    ],
)
def test_what_is_no_feature_of_candidates_is_refused(said: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        FeatureScore(said, ["proprio", "state"])


def test_a_channel_that_is_not_there_is_refused() -> None:
    with pytest.raises(DataError, match="action has 1 channels"):
        FeatureScore("less mean(action[3])", []).score(SEEN, ACTIONS)
