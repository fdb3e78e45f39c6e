"""Encoding a state, and distances along an object."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from robopref.errors import ConfigError
from robopref.nets.points import ActionFrame, Encoding, StateEncoder, encoded_beside, geodesic_distances, thin
from robopref.records import ActionGeometry, Observation
from tests.geometry import POINTS, PROPRIO, REACH, chunks, initialised, pick_and_place, ropes


def tiny_encoder(*, points: int = POINTS, nodes: int = POINTS, seed: int = 0) -> StateEncoder:
    return initialised(
        lambda: StateEncoder(pick_and_place(), PROPRIO, width=8, points=points, nodes=nodes).eval(), seed=seed
    )


def u_shape(*, gap: int, spacing: float = 0.02, sides: int = 20) -> torch.Tensor:
    """Points (1, P, 3) down one side of a U, across `gap` spacings, and up the other."""
    down = [(0.0, y) for y in range(sides, -1, -1)]
    across = [(float(x), 0) for x in range(1, gap)]
    up = [(float(gap), y) for y in range(sides + 1)]
    flat = torch.tensor([*down, *across, *up]) * spacing
    return torch.cat([flat, torch.zeros(len(flat), 1)], dim=1)[None]


def test_along_a_line_is_its_length() -> None:
    x = torch.tensor([0.0, 0.01, 0.03, 0.05, 0.06, 0.10])
    line = torch.stack([0.6 * x, 0.8 * x, torch.zeros(6)], dim=1)[None]
    expected = (x[:, None] - x).abs()[None]
    torch.testing.assert_close(geodesic_distances(line), expected, atol=1e-6, rtol=0)


def test_the_ends_of_a_u_are_far_though_near_in_space() -> None:
    # Two sides of 20 spacings of 0.02 m, 20 across: 1.2 m along. Jumps of up to five spacings are free, so each corner
    # is cut by a diagonal of 5 instead of 3 + 4: 1.2 - 2 * 2 * 0.02 = 1.12 m. A jump of 20 would cost 0.4 * 4^2 m.
    points = u_shape(gap=20)
    assert (points[0, 0] - points[0, -1]).norm().item() == pytest.approx(0.4)
    assert geodesic_distances(points)[0, 0, -1].item() == pytest.approx(1.12, abs=1e-4)


def test_a_u_as_narrow_as_a_gap_counts_as_one() -> None:
    # 6 spacings across are hardly more than five, and cost 0.12 * (6 / 5)^2 = 0.1728 m.
    assert geodesic_distances(u_shape(gap=6))[0, 0, -1].item() == pytest.approx(0.1728, abs=1e-4)


def test_a_gap_that_the_camera_left_is_crossed() -> None:
    # Spacing 0.02 m, gap 0.2 m = 10 spacings: it costs 0.2 * (10 / 5)^2 = 0.8 m.
    x = torch.tensor([*range(10), *range(19, 29)]) * 0.02
    line = torch.stack([x, torch.zeros(20), torch.zeros(20)], dim=1)[None]
    distance = geodesic_distances(line)[0]
    assert distance[9, 10].item() == pytest.approx(0.8, abs=1e-4)
    # 9 spacings on either side of it: 0.8 + 18 * 0.02 = 1.16 m.
    assert distance[0, -1].item() == pytest.approx(1.16, abs=1e-4)


def test_distances_are_cut_off() -> None:
    points = torch.tensor([[[0.0, 0, 0], [0.01, 0, 0], [5, 0, 0], [5.01, 0, 0]]])
    distance = geodesic_distances(points, largest=1.5)
    assert distance[0, 0, 3] == 1.5
    assert distance.max() == 1.5


def test_distances_are_a_metric() -> None:
    cloud = torch.rand(3, 20, 3, generator=torch.Generator().manual_seed(0)) * 0.5
    distance = geodesic_distances(cloud)
    torch.testing.assert_close(distance, distance.mT)
    assert distance.diagonal(dim1=1, dim2=2).abs().max() < 1e-6
    around = distance[:, :, :, None] + distance[:, None]  # (B, i, k, j)
    assert (distance[:, :, None] <= around.transpose(2, 3).mT + 1e-5).all()
    assert (distance >= torch.cdist(cloud, cloud) - 1e-5).all()


def test_distances_do_not_move_with_the_object() -> None:
    cloud = ropes(2).points
    turn = torch.tensor([[0.6, -0.8, 0], [0.8, 0.6, 0], [0, 0, 1]])
    moved = cloud @ turn.T + torch.tensor([0.1, -0.2, 0.05])
    torch.testing.assert_close(geodesic_distances(moved), geodesic_distances(cloud), atol=1e-5, rtol=1e-4)


def test_states_of_a_batch_do_not_meet() -> None:
    cloud = ropes(3).points
    one_by_one = torch.cat([geodesic_distances(cloud[row : row + 1]) for row in range(3)])
    torch.testing.assert_close(geodesic_distances(cloud), one_by_one)


def test_distances_are_taken_over_where_the_nodes_are_the_same() -> None:
    first, other = tiny_encoder(), tiny_encoder(seed=1)
    states = ropes(2)
    known = first(states)
    beside, alone = encoded_beside(other, states, first, known), other(states)
    assert beside.geodesic is known.geodesic
    assert all(map(torch.equal, beside, alone))
    fewer = tiny_encoder(seed=1)
    fewer.nodes = other.nodes - 1  # one that looks at fewer nodes finds their distances by itself
    assert all(map(torch.equal, encoded_beside(fewer, states, first, known), fewer(states)))


def test_thin_keeps_evenly_spaced_points_and_both_ends() -> None:
    points = torch.arange(9.0)[None, :, None].expand(2, 9, 3)
    assert thin(points, 5)[1, :, 0].tolist() == [0, 2, 4, 6, 8]
    assert thin(points, 3)[0, :, 2].tolist() == [0, 4, 8]
    assert thin(points, 1).shape == (2, 1, 3)


@pytest.mark.parametrize("count", [9, 20])
def test_thin_keeps_fewer_as_they_are(count: int) -> None:
    points = torch.rand(2, 9, 3)
    assert torch.equal(thin(points, count), points)


@pytest.mark.parametrize(("points", "nodes"), [(4, 5), (4, 0), (0, 0)])
def test_counts_that_cannot_be_are_refused(points: int, nodes: int) -> None:
    with pytest.raises(ConfigError, match="1 <= nodes <= points"):
        tiny_encoder(points=points, nodes=nodes)


def test_an_encoding_has_a_token_a_node() -> None:
    state = tiny_encoder(points=10, nodes=6)(ropes(3, points=40))
    assert state.nodes.shape == (3, 6, 3)
    assert state.tokens.shape == (3, 6, 8)
    assert state.geodesic.shape == (3, 6, 6)
    assert state.proprio.shape == (3, PROPRIO)


def test_readings_are_normalised_and_a_constant_one_only_centred() -> None:
    encoder = tiny_encoder()
    # Column 0: mean 3, variance ((1 - 3)^2 + 0 + 2^2) / 3 = 8 / 3; column 1 is always 7.
    data = torch.tensor([[1.0, 7, 0, 0], [3, 7, 0, 0], [5, 7, 0, 0]])
    encoder.normalize(data)
    got = encoder(Observation(ropes(3).points, data)).proprio
    step = 2 / math.sqrt(8 / 3)
    torch.testing.assert_close(got[:, 0], torch.tensor([-step, 0, step]))
    assert got[:, 1:].abs().max() == 0
    other = encoder(Observation(ropes(1).points, torch.tensor([[3.0, 9, 0, 0]]))).proprio
    assert other[0].tolist() == [0, 2, 0, 0]


def test_statistics_are_saved_with_the_weights() -> None:
    encoder, other = tiny_encoder(), tiny_encoder()
    encoder.normalize(torch.randn(20, PROPRIO) * 3 + 1)
    other.load_state_dict(encoder.state_dict())
    assert torch.equal(other.proprio_mean, encoder.proprio_mean)
    assert torch.equal(other.proprio_std, encoder.proprio_std)


def test_the_order_of_points_that_are_no_nodes_does_not_matter() -> None:
    encoder, observation = tiny_encoder(points=POINTS, nodes=3), ropes(2)
    # Nodes are points 0, 5 and 11.
    order = torch.tensor([0, 4, 3, 2, 1, 5, 10, 9, 8, 7, 6, 11])
    before, after = encoder(observation), encoder(Observation(observation.points[:, order], observation.proprio))
    torch.testing.assert_close(after.tokens, before.tokens)
    # They are seen, all the same.
    moved = observation.points.clone()
    moved[:, 3] += 0.1
    assert not torch.allclose(encoder(Observation(moved, observation.proprio)).tokens, before.tokens, atol=1e-4)


def test_permuted_nodes_give_permuted_tokens() -> None:
    encoder, observation = tiny_encoder(), ropes(2)
    order = torch.randperm(POINTS, generator=torch.Generator().manual_seed(0))
    before, after = encoder(observation), encoder(Observation(observation.points[:, order], observation.proprio))
    torch.testing.assert_close(after.tokens, before.tokens[:, order], atol=1e-5, rtol=1e-4)


def test_the_description_of_an_action_ignores_the_order_of_nodes() -> None:
    frame = initialised(lambda: ActionFrame(pick_and_place(), horizon=1, width=8, condition=2), seed=0)
    state, actions, given = tiny_encoder()(ropes(2)), chunks(2, 3), torch.ones(2, 3, 2)
    order = torch.randperm(POINTS, generator=torch.Generator().manual_seed(0))
    turned = Encoding(state.nodes[:, order], state.tokens[:, order], state.geodesic[:, order][:, :, order], *state[3:])
    got = frame(state, actions, given)
    assert got.shape == (2, 3, frame.size)
    torch.testing.assert_close(frame(turned, actions, given), got, atol=1e-5, rtol=1e-4)


def test_moving_object_and_action_together_leaves_the_description() -> None:
    # The frame sees nodes relative to anchors only; 0.1 of an action is 0.1 * 0.4 m.
    frame = initialised(lambda: ActionFrame(pick_and_place(), horizon=1, width=8, condition=2), seed=0)
    state, actions, given = tiny_encoder()(ropes(2)), chunks(2, 3) * 0.5, torch.ones(2, 3, 2)
    shifted = state._replace(nodes=state.nodes + torch.tensor([0.1 * REACH, -0.2 * REACH, 0]))
    before = frame(state, actions, given)
    moved = frame(shifted, actions + torch.tensor([0.1, -0.2, 0.1, -0.2]), given)
    torch.testing.assert_close(moved, before, atol=1e-5, rtol=1e-4)
    assert not torch.allclose(frame(shifted, actions, given), before, atol=1e-3)


def test_anchors_lie_where_the_geometry_puts_them() -> None:
    shift = np.array([0.1, 0, -0.05], np.float32)
    geometry = pick_and_place()
    moved = dataclasses.replace(geometry, offset=geometry.offset + shift)
    here, there = (
        initialised(lambda g=g: ActionFrame(g, horizon=1, width=8, condition=2), seed=0) for g in (geometry, moved)
    )
    state, actions, given = tiny_encoder()(ropes(2)), chunks(2, 3), torch.ones(2, 3, 2)
    shifted = state._replace(nodes=state.nodes + torch.as_tensor(shift))
    torch.testing.assert_close(there(shifted, actions, given), here(state, actions, given), atol=1e-5, rtol=1e-4)
    assert not torch.allclose(there(state, actions, given), here(state, actions, given), atol=1e-3)


def test_anchors_of_steps_that_add_up_start_where_the_robot_is() -> None:
    # One anchor: proprio (x, y, -, -) in metres plus 0.1 m per unit of the first two actions.
    plane = np.diag([1, 1, 0]).astype(np.float32) @ np.eye(3, 4, dtype=np.float32)
    geometry = ActionGeometry(
        matrix=0.1 * plane[None],
        offset=np.zeros((1, 3), np.float32),
        symmetry_points=np.eye(3, dtype=np.float32)[None],
        symmetry_actions=np.eye(4, dtype=np.float32)[None],
        radius=REACH,
        labels=("tool",),
        origin=plane[None],
    )
    absolute = dataclasses.replace(geometry, origin=None)
    one, other = (
        initialised(lambda g=g: ActionFrame(g, horizon=2, width=8, condition=2), seed=0) for g in (geometry, absolute)
    )
    encoder = StateEncoder(geometry, PROPRIO, width=8, points=POINTS, nodes=POINTS)
    encoder.normalize(torch.randn(9, PROPRIO))
    observation, given = ropes(1), torch.ones(1, 1, 2)
    at = torch.tensor([[0.2, -0.1, 3.0, 4.0]])
    state = encoder(dataclasses.replace(observation, proprio=at))
    assert state.origin.tolist() == [[[pytest.approx(0.2), pytest.approx(-0.1), 0]]]
    # Anchors 0.2 + 0.1 * 0.5 and that + 0.1 * 0.3; an action that names them itself is 10 times as large.
    moved = one(state, torch.tensor([[[[0.5, 1, 0, 0], [0.3, 0, 0, 0]]]]), given)
    named = torch.tensor([[[[2.5, 0, 0, 0], [2.8, 0, 0, 0]]]])
    torch.testing.assert_close(moved, other(state._replace(origin=torch.zeros(1, 1, 3)), named, given))


def test_a_geometry_for_another_proprioception_is_refused() -> None:
    geometry = dataclasses.replace(pick_and_place(), origin=np.zeros((2, 3, PROPRIO + 1), np.float32))
    with pytest.raises(ConfigError, match="proprioception of 5 numbers, got 4"):
        StateEncoder(geometry, PROPRIO, width=8, points=POINTS, nodes=POINTS)


@pytest.mark.parametrize(("horizon", "steps"), [(1, [0]), (3, [0, 1, 2]), (4, [0, 1, 2, 3]), (16, [0, 5, 10, 15])])
def test_at_most_four_steps_of_a_chunk_lend_their_anchors(horizon: int, steps: list[int]) -> None:
    frame = initialised(lambda: ActionFrame(pick_and_place(), horizon=horizon, width=8, condition=2), seed=0)
    assert frame.steps.tolist() == steps
    got = frame(tiny_encoder()(ropes(2)), chunks(2, 3, horizon=horizon), torch.ones(2, 3, 2))
    # Mean and maximum, then one neighbourhood for pick and place of each step.
    assert got.shape == (2, 3, (2 + 2 * len(steps)) * 8)


def test_many_candidates_are_pooled_in_blocks_as_they_would_be_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = initialised(lambda: ActionFrame(pick_and_place(), horizon=1, width=8, condition=2), seed=0).eval()
    state, actions = tiny_encoder()(ropes(2)), chunks(2, 7)
    condition = torch.randn(2, 7, 2, generator=torch.Generator().manual_seed(0))
    whole = frame(state, actions, condition)
    monkeypatch.setattr("robopref.nets.points._BLOCK", 3 * 2 * POINTS)  # three candidates of two states
    torch.testing.assert_close(frame(state, actions, condition), whole)


def test_an_encoding_goes_by_where_points_are_and_not_by_their_colour() -> None:
    encoder, seen = tiny_encoder(), ropes(2)
    coloured = dataclasses.replace(seen, points=torch.cat([seen.points, 255 * torch.ones_like(seen.points)], dim=-1))
    for plain, other in zip(encoder(seen), encoder(coloured), strict=True):
        torch.testing.assert_close(plain, other, rtol=0, atol=0)
