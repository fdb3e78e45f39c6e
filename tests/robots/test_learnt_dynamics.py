"""A learnt dynamics in place of a simulator: equivariant, chained by a search, and a score of its own."""

import pytest
import torch

from robopref.data.episodes.augment import transform
from robopref.errors import ConfigError
from robopref.interaction import Dynamics
from robopref.items import Items
from robopref.ranking.chunk_judges import ScoredChunks
from robopref.ranking.look_ahead import LookAhead
from robopref.ranking.search import BeamSearch
from robopref.records import Observation
from robopref.rewards.imagined import ImaginedReward
from robopref.robots.learnt_dynamics import LearntDynamics
from robopref.scores import NoiseDraw, Scores
from tests.geometry import chunks, pick_and_place, ropes, tiny_policy, tiny_reward
from tests.nets.test_cloud_dynamics import network


class Height:
    """The farther in y the cloud lies after an action, the better; it looks at parts that it is told to."""

    def __init__(self, *parts: str) -> None:
        self.keys = tuple(f"after.{part}" for part in parts or ("points",))

    def score(self, items: Items, *, draw: NoiseDraw | None = None) -> Scores:
        return Scores(items.part("after.points")[..., 1].mean(-1)[..., 0])


def learnt() -> LearntDynamics:
    return LearntDynamics(network(), pick_and_place())


def rows(seen: Observation) -> list[Observation]:
    return [seen.map(lambda part, k=k: part[k]) for k in range(len(seen.points))]


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_what_is_imagined_of_a_mirror_image_is_the_mirror_image(turn: int) -> None:
    seen, actions, geometry = ropes(2), chunks(2, 3), pick_and_place()
    choice = torch.full((2,), turn)
    came = learnt().imagine(seen, actions)
    other = learnt().imagine(*transform(seen, actions, geometry, choice))
    expected, _ = transform(came, actions, geometry, choice)
    torch.testing.assert_close(other.points, expected.points, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(other.proprio, came.proprio, atol=1e-5, rtol=1e-4)
    plain = LearntDynamics(network(), geometry, symmetric=False)
    assert (plain.imagine(seen, actions).points - came.points).abs().max() > 1e-4


def test_states_are_observations_and_one_object_is_encoded_once() -> None:
    dynamics, seen, actions = learnt(), ropes(2), chunks(6, 1)[:, 0]
    assert isinstance(dynamics, Dynamics)
    states = [state for state in rows(seen) for _ in range(3)]
    came = dynamics.advance(states, actions)
    torch.testing.assert_close(
        came.observation.points, dynamics.imagine(seen, actions.unflatten(0, (2, 3))).points.flatten(0, 1)
    )
    assert torch.equal(came.states[4].points, came.observation.points[4])
    assert came.reward.tolist() == [0] * 6
    assert not came.over.any()
    # Unlike numbers of chunks of a state are imagined one by one, as alone.
    uneven = dynamics.advance([states[0], states[0], states[3]], actions[:3])
    alone = dynamics.advance([states[0]], actions[1:2])
    torch.testing.assert_close(uneven.observation.points[1], alone.observation.points[0])


def test_the_score_of_all_candidates_is_that_of_looking_ahead_from_all_of_them() -> None:
    dynamics, seen, actions = learnt(), ropes(2), chunks(2, 5)
    score = ImaginedReward(dynamics, Height()).score(seen, actions)
    choice = LookAhead(dynamics, Height(), keep=5).choose(rows(seen), seen, actions)
    torch.testing.assert_close(score.value, choice.scores.value)
    assert choice.index.tolist() == score.value.argmax(1).tolist()


def test_a_search_goes_on_from_what_is_imagined() -> None:
    search = BeamSearch(tiny_policy(), ScoredChunks(tiny_reward()), learnt(), beams=2, candidates=3, depth=3)
    seen = ropes(1)
    plans = search.search(rows(seen)[0], seen, generator=torch.Generator().manual_seed(0))
    assert [len(plan.chunks) for plan in plans] == [3, 3]
    assert plans[0].value >= plans[1].value
    assert isinstance(plans[0].state, Observation)


def test_what_cannot_be_imagined_is_not_judged_by() -> None:
    with pytest.raises(ConfigError, match="looks at image after an action, and only points and proprio"):
        ImaginedReward(learnt(), Height("points", "image"))
    with pytest.raises(ConfigError, match="this one judges actions: name another with use="):
        ImaginedReward(learnt(), tiny_reward())
