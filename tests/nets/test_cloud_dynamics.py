"""A network that displaces the nodes of a cloud, and the distance that it learns by."""

import dataclasses

import pytest
import torch

from robopref.nets.cloud_dynamics import CloudDynamics, chamfer
from robopref.records import Observation
from tests.geometry import PROPRIO, SIZES, chunks, initialised, pick_and_place, ropes


def network(*, moving: bool = True, horizon: int = 1) -> CloudDynamics:
    """An untrained one; `moving` with weights that do more than to leave everything where it is."""
    made: CloudDynamics = initialised(
        lambda: CloudDynamics(pick_and_place(), PROPRIO, horizon=horizon, **SIZES).eval(), seed=0
    )
    if moving:
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for last in (made.move[-1], made.feel[-1]):
                last.weight.copy_(torch.randn(last.weight.shape, generator=generator) * 0.2)
    return made


def test_chamfer_is_the_mean_of_both_directions() -> None:
    first = torch.tensor([[0.0, 0, 0], [1, 0, 0]])
    second = torch.tensor([[0.0, 0, 0], [0, 3, 0], [0, 4, 0]])
    # From the first: nearest 0 and 1, mean 0.5. From the second: 0, 3 and 4, mean 7 / 3.
    assert chamfer(first, second).item() == pytest.approx((0.5 + 7 / 3) / 2)
    assert chamfer(second, first).item() == pytest.approx(chamfer(first, second).item())
    assert chamfer(first, first).item() == 0
    assert chamfer(first.expand(4, 5, 2, 3), second.expand(4, 5, 3, 3)).shape == (4, 5)


def test_it_begins_with_nothing_that_moves() -> None:
    seen = ropes(2)
    came = network(moving=False)(seen, chunks(2, 3))
    assert torch.equal(came.points, seen.points[:, None].expand(2, 3, -1, -1))
    assert torch.equal(came.proprio, seen.proprio[:, None].expand(2, 3, -1))


def test_chunks_do_not_meet_and_states_do_not() -> None:
    model, seen, actions = network(horizon=2), ropes(3), chunks(3, 4, horizon=2)
    came = model(seen, actions)
    alone = model(seen.map(lambda part: part[1:2]), actions[1:2, 2:3])
    torch.testing.assert_close(alone.points[0, 0], came.points[1, 2])
    torch.testing.assert_close(alone.proprio[0, 0], came.proprio[1, 2])


def test_the_order_of_the_points_goes_along_with_them() -> None:
    model, seen, actions = network(), ropes(1), chunks(1, 2)
    order = torch.randperm(seen.points.shape[1], generator=torch.Generator().manual_seed(0))
    mixed = dataclasses.replace(seen, points=seen.points[:, order])
    came, other = model(seen, actions), model(mixed, actions)
    assert (came.points - seen.points[:, None]).abs().max() > 1e-3
    torch.testing.assert_close(other.points, came.points[:, :, order], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(other.proprio, came.proprio, atol=1e-5, rtol=1e-4)


def test_what_is_known_of_a_point_beside_its_place_stays_with_it() -> None:
    seen = ropes(2, points=30)
    colours = torch.rand(2, 30, 3, generator=torch.Generator().manual_seed(0))
    coloured = Observation(torch.cat([seen.points, colours], dim=-1), seen.proprio)
    came = network()(coloured, chunks(2, 3)).points
    assert came.shape == (2, 3, SIZES["nodes"], 6)
    for row in came[1, 2, :, 3:]:
        assert (colours[1] == row).all(dim=1).any()


def test_fewer_points_than_nodes_are_all_displaced() -> None:
    assert network()(ropes(2, points=5), chunks(2, 3)).points.shape == (2, 3, 5, 3)
