"""What the benchmark of rewards of outcomes makes of clouds, arrows and finished seeds."""

import numpy as np
import pytest

from benchmarks.outcome_robustness import Flaw, arrow_worth, flawed, ordered, records, seen_arrows
from robopref.robots.sim import SimTask, TaskSpec

CLOUDS = np.random.default_rng(0).uniform(-0.4, 0.4, (3, 2, 90, 3)).astype(np.float32)


def test_an_arrow_promises_that_the_point_it_begins_at_goes_where_it_ends() -> None:
    rope = np.array([[0.0, 0.0], [0.1, 0.0], [0.2, 0.0]])
    goal = np.array([[0.0, 0.3], [0.1, 0.3], [0.2, 0.4]])
    picks = np.array([[0.01, 0.02], [0.19, -0.02], [0.11, 0.0]])
    places = np.array([[0.0, 0.3], [0.2, 0.1], [0.1, -0.1]])
    # The first point of three would be 0 m off instead of 0.3; the last one 0.3 instead of 0.4; the middle one 0.4.
    np.testing.assert_allclose(arrow_worth(rope, goal, picks, places), [0.3, 0.1, -0.1])


def test_the_teacher_of_actions_looks_at_the_rope_as_it_lies_and_carries_nothing_out() -> None:
    task = SimTask(TaskSpec("envs:robopref/RopeShaping-v0", {"target": "u", "points": False}))
    snapshot = task.reset(3).snapshot
    task.rewind(snapshot, 0)
    rope, goal = task.env.vertices[:, :2], task.env.target_points
    home, away = np.append(rope[0], goal[0]), np.append(rope[0], rope[0])
    chunks = (np.stack([home, away])[:, None] / 0.4).astype(np.float32)
    task.reset(4)
    worth = seen_arrows(task, snapshot, chunks)
    np.testing.assert_allclose(worth, [np.linalg.norm(rope[0] - goal[0]), 0], atol=1e-6)
    np.testing.assert_array_equal(task.env.snapshot(), snapshot)
    task.close()


def test_candidates_are_ordered_by_what_they_promise_and_near_ones_are_ties() -> None:
    target = ordered(np.array([[0.01, 0.05, 0.011], [0.2, 0.1, 0.0]]), 0.003)
    assert (target.weight > 0).sum() == 6
    p = {(s, i, j): float(target.p[s, i, j]) for s, i, j in (target.weight > 0).nonzero().tolist()}
    assert p == {
        (0, 0, 1): 0.0, (0, 0, 2): 0.5, (0, 1, 2): 1.0, (1, 0, 1): 1.0, (1, 0, 2): 1.0, (1, 1, 2): 1.0
    }  # fmt: skip


def test_a_third_of_a_cloud_is_hidden_from_one_side_that_all_clouds_of_a_state_share() -> None:
    seen = flawed(CLOUDS, Flaw(hidden=1 / 3), np.random.default_rng(1))
    assert seen.shape == CLOUDS.shape
    for state in range(3):
        sides = []
        for one, before in zip(seen[state], CLOUDS[state], strict=True):
            left = np.array([(one == point).all(axis=1).any() for point in before])
            assert left.sum() == 60
            # The hidden third has a line to itself: some direction tells it from all that is left.
            angles = np.linspace(0, 2 * np.pi, 720)
            along = before[:, :2] @ np.stack([np.cos(angles), np.sin(angles)])
            sides.append(along[~left].min(axis=0) > along[left].max(axis=0))
            # In the old order, over which clouds are thinned.
            np.testing.assert_array_equal(one[:60], before[left])
        assert (sides[0] & sides[1]).any()


def test_noise_has_the_spread_that_is_asked_for_in_each_coordinate() -> None:
    moved = flawed(np.zeros((4, 4, 500, 3), np.float32), Flaw(noise=0.003), np.random.default_rng(0))
    np.testing.assert_allclose(moved.std(axis=(0, 1, 2)), 0.003, rtol=0.05)
    np.testing.assert_array_equal(flawed(CLOUDS, Flaw(), np.random.default_rng(0)), CLOUDS)


def test_claims_begin_with_their_part_and_pool_the_seeds() -> None:
    right, wrong = [[0.0, 1.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]
    seeds = [
        {"u": {"outcomes": right, "difference": 0.01, "scores": {"explicit": scores}, "agreement": [3.0, 4.0]}}
        for scores in (right, wrong)
    ]
    share, pairs, agreement = records(seeds)
    assert share.claim == "u: share of the random-to-oracle best-of-2 gap closed by explicit"
    assert (share.value, share.n, pairs.value, agreement.value, agreement.n) == (0.0, 4, 0.5, 0.75, 8)
    assert records(seeds[:1])[0].value == pytest.approx(1.0)
