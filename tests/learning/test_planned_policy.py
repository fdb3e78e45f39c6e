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
from robopref.policies.agreed_plans import AgreedPlans
from robopref.policies.plan_search import CenteredPlans, PlanSearch, WidePlans
from robopref.policies.plan_value import LowerBound, Prospect, SmallestCritic
from robopref.policy_shapes import PolicySpec
from robopref.ranking.chunk_judges import ScoredChunks
from robopref.ranking.search import BeamSearch
from robopref.records import Observation
from robopref.rewards.imagined import ImaginedReward
from robopref.rewards.outcome import OutcomeReward
from robopref.robots.latent_dynamics import LatentDynamics
from robopref.scores import NoiseDraw, Scores

SHAPES = {"state": (3,), "proprio": (2,)}
SPEC = AgentSpec(SHAPES, 2, 10, 0, torch.device("cpu"))


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = WorldModelAgent(
        SPEC, centering=AgreedPlans(samples=6, spread=0.5), ensemble=LowerBound(members=2), latent=8, width=8
    )
    path = tmp_path_factory.mktemp("agent") / "agent.pt"
    made.save(path)
    return path


def generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def seen(batch: int) -> Observation:
    torch.manual_seed(0)
    return Observation(state=torch.randn(batch, 3), proprio=torch.randn(batch, 2), points=torch.zeros(batch, 4, 3))


def test_candidates_are_plans_and_repeatable(agent: Path) -> None:
    policy = PlannedPolicy(PolicySpec(SHAPES | {"points": (4, 3)}, 2), agent=str(agent), horizon=4)
    assert is_usable(policy)
    one, again = (policy.sample(seen(3), 5, generator=generator()) for _ in range(2))
    assert one.shape == (3, 5, 4, 2)
    assert torch.equal(one, again)
    assert one.abs().max() <= 1
    # More than are drawn at once, of which the first stays the agent's own.
    many = policy.sample(seen(3), 20, generator=generator())
    assert many.shape == (3, 20, 4, 2)
    assert torch.equal(many[:, 0], one[:, 0])
    # Each of four draws has the two actors' own plans without noise; what is there already comes last.
    assert len(many[0, :19].flatten(1).unique(dim=0)) == len(many[0].flatten(1).unique(dim=0)) == 19
    with pytest.raises(ConfigError, match="acts in 2 dimensions"):
        PlannedPolicy(PolicySpec(SHAPES, 3), agent=str(agent))


@pytest.mark.parametrize(
    ("centering", "ensemble", "planning"),
    [
        (AgreedPlans(samples=6, spread=0.4), LowerBound(members=3), 3),
        (AgreedPlans(samples=6, spread=0.4, doubt=0.0), LowerBound(members=3, discount=0.5), 2),
        (CenteredPlans(samples=9, spread=0.3), LowerBound(members=2, pessimism=1.0), 3),
        (None, None, 3),
        (WidePlans(samples=8, elites=4, iterations=2, acted=0.5), SmallestCritic(discount=0.9), 1),
    ],
    ids=["agreed", "doubtless", "centered", "plain", "wide"],
)
def test_the_first_candidate_is_what_the_agent_does_when_its_success_is_measured(
    centering: PlanSearch | None, ensemble: Any, planning: int, tmp_path: Path
) -> None:
    agent = WorldModelAgent(
        SPEC, centering=centering, ensemble=ensemble, planning=planning, latent=8, width=8, noise=0.2
    )
    with torch.no_grad():  # critics that are of different minds
        for weights in agent.world.parameters():
            weights.add_(0.3 * torch.randn(weights.shape, generator=generator(2)))
    agent.save(tmp_path / "agent.pt")
    policy = PlannedPolicy(PolicySpec(SHAPES, 2), agent=str(tmp_path / "agent.pt"))
    assert policy.shape == (planning, 2)
    start = seen(5)
    for count in (1, 4):
        torch.manual_seed(1)
        done = agent.decide(Observation(state=start.state, proprio=start.proprio), plans=True)
        torch.testing.assert_close(policy.sample(start, count, generator=generator())[:, 0, 0], done)


def test_an_agent_whose_critics_agree_on_nothing_leaves_the_first_candidate_to_its_clone(
    agent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def worse(value: LowerBound, world: LatentWorld, prospect: Prospect) -> Tensor:
        return -torch.arange(len(prospect.gain)).expand(world.critics.copies, -1).float()

    monkeypatch.setattr(LowerBound, "each", worse)
    policy, start = PlannedPolicy(PolicySpec(SHAPES, 2), agent=str(agent)), seen(1)
    with torch.no_grad():
        clone = policy.world.act(policy.world.encoder(Observation(state=start.state, proprio=start.proprio)))[0]
    found = policy.sample(start, 4, generator=generator())
    torch.testing.assert_close(found[0, 0, 0], clone[0])
    assert not torch.allclose(found[0, 1, 0], clone[0])  # others are candidates of a reward all the same
    # By the bound that plans were ranked by before critics had to agree, the mean of several would be done.
    centered = PlannedPolicy(PolicySpec(SHAPES, 2), agent=str(agent), plans=CenteredPlans(samples=6, spread=0.5))
    assert not torch.allclose(centered.sample(start, 1, generator=generator())[0, 0, 0], clone[0])


def test_how_an_agent_plans_can_be_said_and_has_to_be_where_its_file_does_not(agent: Path, tmp_path: Path) -> None:
    state = load_checkpoint(agent)
    for planner in (None, {}):
        save_checkpoint(tmp_path / "silent.pt", {**state, "planner": planner} if planner is None else {
            name: part for name, part in state.items() if name != "planner"
        })  # fmt: skip
        silent = str(tmp_path / "silent.pt")
        with pytest.raises(ConfigError, match=r"does not say how its agent plans; say it with 'policy\.plans={"):
            PlannedPolicy(PolicySpec(SHAPES, 2), agent=silent)
        said = {"plans": AgreedPlans(samples=6, spread=0.5), "value": LowerBound(members=2)}
        policy = PlannedPolicy(PolicySpec(SHAPES, 2), agent=silent, **said)
        own = PlannedPolicy(PolicySpec(SHAPES, 2), agent=str(agent))
        one, other = (made.sample(seen(2), 3, generator=generator()) for made in (policy, own))
        assert torch.equal(one, other)
    with pytest.raises(ConfigError, match=r"policy\.value goes by 5 actors and 5 critics, and .* has 2 and 2"):
        PlannedPolicy(PolicySpec(SHAPES, 2), agent=str(agent), value=LowerBound())


@pytest.mark.parametrize(
    "change",
    [
        {"horizon": 10**9}, {"elites": 2.5}, {"noise": float("nan")}, {"temperature": "hot"}, {"horizon": True},
        {"search": {"kind": "Popen", "settings": {"args": 1}}}, {"search": {"kind": "AgreedPlans"}}, {"search": []},
        {"search": {"kind": "CenteredPlans", "settings": {"samples": 10**8}}},
        {"search": {"kind": "CenteredPlans", "settings": {"spred": 1}}},
        {"value": {"kind": "LowerBound", "settings": {"members": 3}}},
    ],
    ids=str,
)  # fmt: skip
def test_a_planner_that_a_file_makes_up_is_refused(agent: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    state = load_checkpoint(agent)
    save_checkpoint(tmp_path / "other.pt", {**state, "planner": {**state["planner"], **change}})
    with pytest.raises(DataError, match="no agent with a world model") as told:
        stored_world(tmp_path / "other.pt")
    assert "\n" not in str(told.value)


def test_what_is_no_agent_is_refused(agent: Path, tmp_path: Path) -> None:
    state = load_checkpoint(agent)
    # 16,000 copies of layers of 16,000 x 16,000 would not fit into any memory.
    huge = {**state["made"], "critics": 16_000, "actors": 16_000, "width": 16_000}
    parts = {**state["made"], "shapes": {f"part {index}": [1] for index in range(10_000)}}
    broad = {**state["made"], "shapes": {"state": [1 << 40]}}
    for name, change in (
        ("made", {}), ("made", {**state["made"], "width": 16}), ("made", huge), ("made", parts), ("made", broad),
        ("world", {}),
    ):  # fmt: skip
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
    world, policy = stored_world(agent), PlannedPolicy(PolicySpec(SHAPES, 2), agent=str(agent))
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
    search = BeamSearch(policy, ScoredChunks(Sideways()), dynamics, beams=2, candidates=6, depth=3)
    plans = search.search(single, start, generator=generator(0))
    assert len(plans[0].chunks) == 3
    assert plans[0].value >= plans[1].value
    assert np.isfinite(plans[0].value)
