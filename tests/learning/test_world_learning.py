"""What a world model learns from: sequences, targets of critics, and what actors imitate."""

from pathlib import Path

import numpy as np
import pytest
import torch

from robopref.errors import DataError
from robopref.interaction import AgentSpec, Transition
from robopref.learning.agency import Handover
from robopref.learning.sequence_memory import SequenceMemory
from robopref.learning.world_learning import WorldLearner, WorldLearning
from robopref.learning.world_model_agent import WorldModelAgent
from robopref.nets.latent_world import LatentWorld
from robopref.policies.plan_search import CenteredPlans
from robopref.policies.plan_value import LowerBound
from robopref.records import Observation

CPU = torch.device("cpu")


def memory() -> SequenceMemory:
    kept = SequenceMemory({"state": (1,)}, 1, CPU, discount=0.5)
    rows = np.arange(4, dtype=np.float32)
    kept.add(
        {"state": rows[:, None]}, rows[:3, None] / 10, np.array([0, 0, 1], np.float32), over=True, demonstrated=True
    )
    kept.add({"state": 10 + rows[:3, None]}, rows[:2, None] / 10, np.zeros(2, np.float32), over=False, imitated=False)
    return kept


def test_sequences_do_not_leave_their_episode() -> None:
    torch.manual_seed(0)
    drawn = memory().draw(200, 3, 0.5)
    state = drawn.observations.state[..., 0]
    assert state.shape == (4, 200)
    for column in range(200):
        seen, length = state[:, column], int(drawn.weight[:, column].sum())
        last = 3 if seen[0] < 10 else 12
        assert seen.tolist() == [min(float(seen[0]) + t, last) for t in range(4)]
        assert length == min(3, last - seen[0])
        # Only the demonstration ended for good, and earned something, after its last step.
        assert (drawn.rewards[:length, column].sum() == 1) == (seen[0] < 10 and length + seen[0] == 3)
        assert drawn.ends[:, column].sum() == (0 if seen[0] >= 10 else 3 - max(0, 2 - seen[0]))
    assert (state[0] < 10).sum() == 100  # the share of demonstrations
    assert (drawn.imitated[0] == (state[0] < 10)).all()


def test_other_rewards_reach_the_steps_that_they_are_of() -> None:
    kept = memory()
    kept.reward_by(np.array([7, 8], np.float32), demonstrated=False)
    kept.reward_by(np.array([1, 2, 3], np.float32), demonstrated=True)
    drawn = kept.draw(50, 1, 0.5)
    known = {0.0: 1.0, 1.0: 2.0, 2.0: 3.0, 10.0: 7.0, 11.0: 8.0}
    assert all(known[seen] == given for seen, given in zip(
        drawn.observations.state[0, :, 0].tolist(), drawn.rewards[0].tolist(), strict=True,
    ))  # fmt: skip
    with pytest.raises(DataError, match="state of an episode must be"):
        kept.add({"state": np.zeros((2, 1))}, np.zeros((3, 1), np.float32), np.zeros(3, np.float32), over=False)


def test_returns_are_known_of_all_steps_and_follow_other_rewards() -> None:
    torch.manual_seed(0)
    kept = memory()

    def returned(share: float) -> dict[float, tuple[float, float]]:
        drawn = kept.draw(50, 1, share)
        each = zip(drawn.returned[0].tolist(), drawn.beyond[0].tolist(), strict=True)
        return dict(zip(drawn.observations.state[0, :, 0].tolist(), each, strict=True))

    assert returned(1.0) == {0.0: (0.25, 0.0), 1.0: (0.5, 0.0), 2.0: (1.0, 0.0)}  # 0.5 * 0.5 * 1, 0.5 * 1 and 1
    assert returned(0.0) == {10.0: (0.0, 0.25), 11.0: (0.0, 0.5)}  # more may have followed after two steps, and one
    kept.reward_by(np.array([1, 2, 4], np.float32), demonstrated=True)
    kept.reward_by(np.array([7, 8], np.float32), demonstrated=False)
    assert returned(1.0) == {0.0: (3.0, 0.0), 1.0: (4.0, 0.0), 2.0: (4.0, 0.0)}  # 1 + 0.5 * (2 + 0.5 * 4), 2 + 0.5 * 4
    assert returned(0.0) == {10.0: (11.0, 0.25), 11.0: (8.0, 0.5)}  # 7 + 0.5 * 8, and 8
    for _ in range(400):  # until arrays have grown
        kept.add(
            {"state": np.zeros((4, 1), np.float32)}, np.zeros((3, 1), np.float32), np.zeros(3, np.float32), over=False
        )
    assert kept.draw(5, 1, 0.0).beyond.dtype is torch.float32


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_critics_expect_a_mixture_of_one_step_and_of_what_was_earned(share: float) -> None:
    torch.manual_seed(0)
    world = LatentWorld({"state": (1,)}, 1, latent=8, width=8, actors=2, critics=2)
    learner = WorldLearner(world, WorldLearning(returns=share), discount=0.5)
    with torch.no_grad():  # critics that say 2, whatever they are asked
        learner.targets.weights[-1].zero_()
        learner.targets.biases[-1][:] = world.numbers.encode(torch.tensor(2.0)).clamp(min=1e-9).log()
    drawn = memory().draw(40, 1, 0.5)
    worth = learner.worth(drawn, world.encoder(drawn.observations.map(lambda part: part[1])))
    # 0 + 0.5 * 2, and 1 where the task ends; returns, and 0.25 * 2 and 0.5 * 2 beyond the end of the episode cut off.
    step = {0.0: 1.0, 1.0: 1.0, 2.0: 1.0, 10.0: 1.0, 11.0: 1.0}
    whole = {0.0: 0.25, 1.0: 0.5, 2.0: 1.0, 10.0: 0.5, 11.0: 1.0}
    expected = torch.tensor([
        (1 - share) * step[seen] + share * whole[seen] for seen in drawn.observations.state[0, :, 0].tolist()
    ])  # fmt: skip
    torch.testing.assert_close(worth, expected.expand(2, -1), atol=1e-3, rtol=0)


def test_critics_are_to_expect_the_smaller_of_two_targets() -> None:
    torch.manual_seed(0)
    world = LatentWorld({"state": (1,)}, 1, latent=8, width=8, actors=2, critics=2)
    learner = WorldLearner(world, WorldLearning(returns=0.0), discount=0.5)
    with torch.no_grad():  # critics that say 2 and 4, whatever they are asked
        for index, value in enumerate((2.0, 4.0)):
            logits = world.numbers.encode(torch.tensor(value)).clamp(min=1e-9).log()
            for critics in (world.critics, learner.targets):
                critics.weights[-1].zero_()
                critics.biases[-1][index, 0] = logits
    drawn = memory().draw(8, 2, 1.0)
    worth = learner.worth(drawn, world.encoder(drawn.observations.map(lambda part: part[1:].flatten(0, 1))))
    # 0 + 0.5 * min(2, 4), and 1 where the task ends, for both critics.
    torch.testing.assert_close(
        worth, (drawn.rewards.flatten() + (1 - drawn.ends.flatten())).expand(2, -1), atol=1e-4, rtol=0
    )


def test_actors_that_are_shown_something_do_it_and_critics_learn_rewards() -> None:
    torch.manual_seed(0)
    world = LatentWorld({"state": (1,)}, 1, latent=8, width=16, actors=2, critics=2)
    learner, kept = WorldLearner(world, WorldLearning(learning_rate=1e-2), discount=0.5), memory()
    for _ in range(150):
        drawn = kept.draw(32, 2, 1.0)
        told = learner.update(drawn, shown=torch.full((2, 32, 1), 0.4))
    assert told["consistency"] < 0.05
    latents = world.encoder(Observation(state=torch.arange(3.0)[:, None]))
    torch.testing.assert_close(world.act(latents), torch.full((2, 3, 1), 0.4), atol=0.05, rtol=0)
    earned = world.earned(latents, torch.tensor([[0.0], [0.1], [0.2]]))
    assert earned[2] > 0.5 > earned[:2].max()
    expected = world.numbers.decode(world.judged(latents, torch.tensor([[0.0], [0.1], [0.2]])))
    assert (expected[:, 2] > expected[:, 0]).all()


def test_actors_imitate_what_was_worth_it_and_else_the_clone_which_the_first_one_stays() -> None:
    torch.manual_seed(0)
    world = LatentWorld({"state": (1,)}, 1, latent=8, width=8, actors=2, critics=2)  # whose critics say 0
    with torch.no_grad():  # and whose actors do 0
        world.actors.weights[-1].zero_()
    learner = WorldLearner(world, WorldLearning(imitation=3.0, judged=0.0), discount=0.5)
    drawn = memory().draw(40, 1, 0.5)
    told = learner.update(drawn, cloned=torch.full((1, 40, 1), 0.4))
    # The first differs from the clone by 0.4; the other from demonstrated actions of a tenth of the state and, in the
    # half that is not worth it, from the clone.
    worthy = (drawn.observations.state[0, :20, 0] / 10).square().sum()
    other = 3 * (worthy + 20 * 0.16) / 40
    assert told["actor"] == pytest.approx((0.16 + float(other)) / 2, rel=1e-4)
    # Without a clone there is only what is worth it.
    with torch.no_grad():
        world.actors.weights[-1].zero_()
        world.actors.biases[-1].zero_()
    assert learner.update(drawn)["actor"] == pytest.approx(float(3 * worthy / 40), rel=1e-4)


def made(steps: int = 40) -> WorldModelAgent:
    return WorldModelAgent(
        AgentSpec({"state": (1,)}, 1, steps, 3, CPU), centering=CenteredPlans(samples=4), handover=Handover(last=8),
        ensemble=LowerBound(members=2), learning=WorldLearning(batch_size=8), cloning=60, seeding=4, pretraining=3,
        latent=8, width=16, noise=0.01,
    )  # fmt: skip


def shown(agent: WorldModelAgent) -> WorldModelAgent:
    state = np.linspace(-1, 1, 12, dtype=np.float32)[:, None]
    agent.demonstrate({
        "state": state, "action": -0.5 * state, "reward": np.eye(12, dtype=np.float32)[11],
        "terminated": np.arange(12) == 11,
    })  # fmt: skip
    return agent


def lived(agent: WorldModelAgent, episode: int) -> list[Transition]:
    torch.manual_seed(episode)
    steps = []
    for step in range(4):
        seen = {"state": np.array([0.1 * step], np.float32)}
        action = agent.act(seen, explore=True)
        after = {"state": np.array([0.1 * step + 0.1], np.float32)}
        steps.append(Transition(seen, action, float(step == 3 and episode % 2), after, step == 3, False))
        agent.remember(steps[-1])
    agent.learn(4)
    return steps


def test_the_clone_acts_first_and_then_the_planner(tmp_path: Path) -> None:
    agent = shown(made())
    agent.begin()
    state = torch.tensor([[-0.8], [0.6]])
    torch.testing.assert_close(agent.decide(Observation(state=state)), -0.5 * state, atol=0.1, rtol=0)
    assert (agent.agency, agent.plans) == (0.0, False)
    past = [lived(agent, 0)]
    assert agent.agency == 0.0  # the handover begins
    past += [lived(agent, episode) for episode in (1, 2)]
    assert agent.agency == 1.0
    past.append(lived(agent, 3))
    assert agent.plans
    assert agent.acted >= 4
    # What goes on from a file does the same, without cloning again.
    agent.save(tmp_path / "agent.pt")
    again = shown(made())
    for episode in past:
        for step in episode:
            again.remember(step)
    again.load(tmp_path / "agent.pt")
    assert (again.steps, again.acted) == (agent.steps, agent.acted)
    one, other = lived(agent, 4), lived(again, 4)
    assert [step.action.tolist() for step in one] == [step.action.tolist() for step in other]
    for mine, theirs in zip(agent.world.parameters(), again.world.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_each_ingredient_can_be_left_out() -> None:
    spec = AgentSpec({"state": (1,)}, 1, 40, 3, CPU)
    agent = shown(WorldModelAgent(
        spec, learning=WorldLearning(batch_size=8), cloning=5, seeding=4, pretraining=2, latent=8, width=8
    ))  # fmt: skip
    agent.begin()
    lived(agent, 0)
    assert agent.agency == 1.0
    lived(agent, 1)
    assert agent.plans
    assert (agent.world.actors.copies, agent.world.critics.copies) == (1, 2)
    with pytest.raises(DataError, match="demonstrations have no state"):
        agent.demonstrate({"action": np.zeros((1, 1)), "reward": np.zeros(1), "terminated": np.zeros(1)})


def test_without_demonstrations_seeding_is_random() -> None:
    agent = made()
    before = lived(agent, 0)
    assert len({step.action.item() for step in before}) == 4
    lived(agent, 1)
    assert agent.plans
