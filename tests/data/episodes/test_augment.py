"""Training-time variation: points that are seen, and symmetries of the task."""

import dataclasses

import numpy as np
import pytest
import torch

from robopref.data.episodes.augment import augment, transform
from robopref.records import Observation
from tests.geometry import chunks, pick_and_place, ropes

GEOMETRY = pick_and_place()
POINTS, ACTIONS = torch.as_tensor(GEOMETRY.symmetry_points), torch.as_tensor(GEOMETRY.symmetry_actions)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def anchors(actions: torch.Tensor) -> torch.Tensor:
    """Pick and place points (..., 2, 3) of actions (..., 4)."""
    return torch.einsum("lxa,...a->...lx", torch.as_tensor(GEOMETRY.matrix), actions) + torch.as_tensor(GEOMETRY.offset)


@pytest.mark.parametrize("turn", range(4))
def test_anchors_of_a_turned_action_are_the_turned_anchors(turn: int) -> None:
    actions = chunks(3, 5, horizon=2)
    _, turned = transform(ropes(3), actions, GEOMETRY, torch.full((3,), turn))
    expected = torch.einsum("ij,...j->...i", POINTS[turn], anchors(actions))
    torch.testing.assert_close(anchors(turned), expected)


def test_each_state_gets_its_own_symmetry() -> None:
    observation, actions, choice = ropes(4), chunks(4, 2), torch.tensor([2, 0, 3, 1])
    turned, turned_actions = transform(observation, actions, GEOMETRY, choice)
    for row, turn in enumerate(choice.tolist()):
        torch.testing.assert_close(turned.points[row], observation.points[row] @ POINTS[turn].T)
        torch.testing.assert_close(turned_actions[row], actions[row] @ ACTIONS[turn].T)
    assert turned.proprio is observation.proprio


def test_a_rotation_turns_the_right_way() -> None:
    quarter = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    turn = torch.block_diag(quarter[:2, :2], quarter[:2, :2])
    geometry = type(GEOMETRY)(
        matrix=GEOMETRY.matrix, offset=GEOMETRY.offset, radius=0.4, labels=GEOMETRY.labels,
        symmetry_points=quarter[None].numpy(), symmetry_actions=turn[None].numpy(),
    )  # fmt: skip
    observation = Observation(torch.tensor([[[1.0, 2, 3]]]), torch.zeros(1, 4))
    turned, actions = transform(observation, torch.tensor([[[0.1, 0.2, 0.3, 0.4]]]), geometry, torch.tensor([0]))
    # A quarter turn takes (x, y) to (-y, x).
    torch.testing.assert_close(turned.points, torch.tensor([[[-2.0, 1, 3]]]))
    torch.testing.assert_close(actions, torch.tensor([[[-0.2, 0.1, -0.4, 0.3]]]))


def test_proprioception_is_turned_where_the_geometry_says_how() -> None:
    mirror = np.stack([np.eye(4), np.diag([-1, 1, 1, 1])])[[0, 1, 0, 1]].astype(np.float32)
    geometry = dataclasses.replace(GEOMETRY, symmetry_proprio=mirror)
    observation = ropes(2)
    turned, _ = transform(observation, chunks(2, 1), geometry, torch.tensor([2, 3]))
    torch.testing.assert_close(turned.proprio[0], observation.proprio[0])
    torch.testing.assert_close(turned.proprio[1], observation.proprio[1] * torch.tensor([-1.0, 1, 1, 1]))


@pytest.mark.parametrize("shape", [(3, 4), (3, 2, 4), (3, 5, 2, 4)])
def test_actions_may_have_any_leading_dimensions(shape: tuple[int, ...]) -> None:
    actions = torch.rand(shape, generator=generator())
    _, turned = transform(ropes(3), actions, GEOMETRY, torch.full((3,), 1))
    torch.testing.assert_close(turned, actions * torch.tensor([1.0, -1, 1, -1]))


def mirrored_like(points: torch.Tensor, cloud: torch.Tensor) -> list[int]:
    """Symmetries under which all of `points` come from `cloud`."""
    return [turn for turn in range(4) if all((cloud @ POINTS[turn].T == p).all(dim=1).any() for p in points)]


def test_points_and_actions_get_the_same_symmetry() -> None:
    observation, actions = ropes(40), chunks(40, 3)
    varied, varied_actions = augment(observation, actions, GEOMETRY, 7, generator())
    assert varied.points.shape == (40, 7, 3)
    assert varied_actions.shape == actions.shape
    turns = []
    for row in range(40):
        # Nothing but one of the four symmetries explains both.
        (turn,) = mirrored_like(varied.points[row], observation.points[row])
        torch.testing.assert_close(varied_actions[row], actions[row] @ ACTIONS[turn].T)
        turns.append(turn)
    assert set(turns) == {0, 1, 2, 3}


def test_kept_points_are_different_ones_of_the_cloud() -> None:
    observation = ropes(20)
    varied, _ = augment(observation, chunks(20, 1), GEOMETRY, 5, generator())
    kept = set[tuple[float, ...]]()
    for row in range(20):
        (turn,) = mirrored_like(varied.points[row], observation.points[row])
        x = (varied.points[row] @ POINTS[turn])[:, 0].tolist()
        assert len(set(x)) == 5
        kept.add(tuple(sorted(x)))
    # Two states keep the same 5 of 12 points with probability 1 / 792.
    assert len(kept) >= 18


def test_keeping_all_points_only_reorders_and_turns() -> None:
    observation = ropes(3)
    varied, _ = augment(observation, chunks(3, 1), GEOMETRY, 12, generator())
    for row in range(3):
        assert mirrored_like(varied.points[row], observation.points[row])
        assert len(varied.points[row].unique(dim=0)) == 12


def test_the_generator_alone_decides() -> None:
    observation, actions = ropes(6), chunks(6, 2)
    one, one_actions = augment(observation, actions, GEOMETRY, 5, generator(1))
    torch.manual_seed(9)
    same, same_actions = augment(observation, actions, GEOMETRY, 5, generator(1))
    other, _ = augment(observation, actions, GEOMETRY, 5, generator(2))
    assert torch.equal(one.points, same.points)
    assert torch.equal(one_actions, same_actions)
    assert not torch.equal(one.points, other.points)


def test_what_was_given_stays_as_it_is() -> None:
    observation, actions = ropes(3), chunks(3, 2)
    before = observation.points.clone(), actions.clone()
    augment(observation, actions, GEOMETRY, 5, generator())
    assert torch.equal(observation.points, before[0])
    assert torch.equal(actions, before[1])


def test_colours_stay_with_their_points_and_are_not_turned() -> None:
    seen, actions = ropes(3), chunks(3, 1, horizon=2)
    colours = torch.rand(seen.points.shape, generator=generator(3))
    coloured = dataclasses.replace(seen, points=torch.cat([seen.points, colours], dim=-1))
    (one, one_actions), (two, two_actions) = (
        augment(observation, actions, GEOMETRY, 5, generator()) for observation in (seen, coloured)
    )
    assert torch.equal(one.points, two.points[..., :3])
    assert torch.equal(one_actions, two_actions)
    for row in range(3):
        # Mirrors keep absolute values, which say which point it was.
        before = [tuple(point) for point in coloured.points[row].abs().tolist()]
        assert all(tuple(point) in before for point in two.points[row].abs().tolist())


def test_a_history_is_turned_as_one() -> None:
    one, two, actions = ropes(3), ropes(3, seed=1), chunks(3, 2)
    both = Observation(torch.stack([one.points, two.points], 1), torch.stack([one.proprio, two.proprio], 1))
    choice = torch.tensor([1, 3, 2])
    turned, _ = transform(both, actions, GEOMETRY, choice)
    for index, alone in enumerate((one, two)):
        assert torch.equal(turned.points[:, index], transform(alone, actions, GEOMETRY, choice)[0].points)
    varied, _ = augment(both, actions, GEOMETRY, 5, generator())
    assert varied.points.shape == (3, 2, 5, 3)
