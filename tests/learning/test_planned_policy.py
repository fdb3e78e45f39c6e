"""A practised agent as a source of candidates, and its world model as dynamics."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from robopref.cli.looking_ahead import beam_search
from robopref.errors import ConfigError, DataError
from robopref.interaction import AgentSpec, Dynamics
from robopref.items import Items
from robopref.learning.checkpoint import load_checkpoint, save_checkpoint
from robopref.learning.planned_policy import PlannedPolicy, stored_world
from robopref.learning.world_model_agent import WorldModelAgent
from robopref.nets.latent_world import LatentWorld
from robopref.policies.abilities import is_usable
from robopref.policies.plan_value import LowerBound
from robopref.policy_shapes import PolicySpec
from robopref.ranking.search import BeamSearch
from robopref.records import Observation
from robopref.rewards.imagined import ImaginedReward
from robopref.rewards.outcome import OutcomeReward
from robopref.robots.latent_dynamics import LatentDynamics
from robopref.scores import NoiseDraw, Scores

SHAPES = {"state": (3,), "proprio": (2,)}


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = WorldModelAgent(
        AgentSpec(SHAPES, 2, 10, 0, torch.device("cpu")), ensemble=LowerBound(members=2), latent=8, width=8
    )
    path = tmp_path_factory.mktemp("agent") / "agent.pt"
    made.save(path)
    return path


def seen(batch: int) -> Observation:
    torch.manual_seed(0)
    return Observation(state=torch.randn(batch, 3), proprio=torch.randn(batch, 2), points=torch.zeros(batch, 4, 3))


def test_candidates_are_plans_best_first_and_repeatable(agent: Path) -> None:
    policy = PlannedPolicy(PolicySpec(SHAPES | {"points": (4, 3)}, 2), agent=str(agent), horizon=4)
    assert is_usable(policy)
    one, again = (policy.sample(seen(3), 5, generator=torch.Generator().manual_seed(1)) for _ in range(2))
    assert one.shape == (3, 5, 4, 2)
    assert torch.equal(one, again)
    assert one.abs().max() <= 1
    with pytest.raises(ConfigError, match="acts in 2 dimensions"):
        PlannedPolicy(PolicySpec(SHAPES, 3), agent=str(agent))


def test_what_is_no_agent_is_refused(agent: Path, tmp_path: Path) -> None:
    state = load_checkpoint(agent)
    # 16,000 copies of layers of 16,000 x 16,000 would not fit into any memory.
    huge = {**state["made"], "critics": 16_000, "actors": 16_000, "width": 16_000}
    for name, change in (("made", {}), ("made", {**state["made"], "width": 16}), ("made", huge), ("world", {})):
        save_checkpoint(tmp_path / "other.pt", {**state, name: change})
        with pytest.raises(DataError, match="no agent with a world model"):
            stored_world(tmp_path / "other.pt")


def test_a_world_model_of_clouds_judges_no_outcomes_by_clouds_and_is_not_searched() -> None:
    sizes = {"latent": 8, "width": 8, "actors": 2, "critics": 2}
    dynamics = LatentDynamics(LatentWorld({"points": (4, 3), "state": (3,)}, 2, **sizes))
    assert (dynamics.observes, dynamics.imagines) == (("points", "state"), ("state",))
    clouds, states = torch.zeros(1, 1, 1, 4, 3), torch.zeros(1, 1, 1, 3)
    seen = Items({"points": clouds, "state": states, "action": torch.zeros(1, 1, 1, 2)}, torch.ones(1, 1, 1))
    assert ImaginedReward(dynamics, OutcomeReward.for_items(seen, observes=["state"])).observes == ("points", "state")
    with pytest.raises(ConfigError, match=r"looks at points after an action, and only state can .*observes=\[state\]"):
        ImaginedReward(dynamics, OutcomeReward.for_items(seen))
    blind = LatentDynamics(LatentWorld({"points": (4, 3)}, 2, **sizes))
    with pytest.raises(ConfigError, match="imagines neither clouds nor pictures; choose dynamics=sim"):
        ImaginedReward(blind, OutcomeReward.for_items(seen))
    unread: Any = None  # settings, and a policy that sees points
    with pytest.raises(ConfigError, match="they look at points, of which nothing is imagined, only state; choose dyn"):
        beam_search(unread, unread, {"mine": Sideways()}, "mine", dynamics)


class Sideways:
    """Likes actions to the side; looks at what is imagined, too."""

    def score(self, observation: Observation, actions: Tensor, *, draw: NoiseDraw | None = None) -> Scores:
        assert observation.state.shape[1:] == (3,)
        return Scores(actions[..., 0].sum(-1))


def test_the_world_model_can_be_searched(agent: Path) -> None:
    world, policy = stored_world(agent), PlannedPolicy(PolicySpec(SHAPES, 2), agent=str(agent), spread=0.5)
    dynamics = LatentDynamics(world)
    assert isinstance(dynamics, Dynamics)
    start = seen(1)
    single = Observation(state=start.state[0].numpy(), proprio=start.proprio[0].numpy())
    chunk = torch.tensor([[[0.1, 0.2], [0.3, -0.4]]])
    came = dynamics.advance([single], chunk)
    with torch.no_grad():
        latent = world.encoder(start)
        first = world.advance(latent, chunk[:, 0])
        second = world.advance(first, chunk[:, 1])
        earned = world.earned(latent, chunk[:, 0]) + world.goes_on(first) * world.earned(first, chunk[:, 1])
    torch.testing.assert_close(came.states[0], second[0])
    torch.testing.assert_close(came.reward, earned)
    torch.testing.assert_close(came.observation.state, world.decoded(second).state)
    torch.testing.assert_close(dynamics.imagine(start, chunk[None]).proprio[:, 0], came.observation.proprio)
    search = BeamSearch(policy, Sideways(), dynamics, beams=2, candidates=6, depth=3)
    plans = search.search(single, start, generator=torch.Generator().manual_seed(0))
    assert len(plans[0].chunks) == 3
    assert plans[0].value >= plans[1].value
    assert np.isfinite(plans[0].value)
