"""The loop of online learning: what an agent is told, when the reward changes, and what is recorded."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from robopref.errors import ActionError, ConfigError, PartError, TrainingError
from robopref.evaluation.returns import episode_outcomes
from robopref.interaction import Agent, OffPolicyAgent, OnPolicyAgent, Transition
from robopref.learning.agents import save_agent
from robopref.learning.online import OnlineTraining, PreferenceRounds, act, record
from robopref.protocols import StepReward
from tests.learning.pendulum import Linear, pendulum


class Keeper:
    """Acts at random, and keeps all that it is told."""

    def __init__(self, loss: float = 0.0) -> None:
        self.loss, self.kept, self.learnt = loss, list[Transition](), list[int]()

    def act(self, observation: Mapping[str, NDArray[Any]], *, explore: bool) -> NDArray[np.float32]:
        return torch.rand(1).numpy() if explore else np.tanh(observation["state"][:1])

    def remember(self, transition: Transition) -> None:
        self.kept.append(transition)

    def learn(self, steps: int) -> dict[str, float]:
        self.learnt.append(steps)
        return {"loss": self.loss}

    def save(self, path: Path, /) -> None: ...

    def load(self, path: Path, /) -> None: ...


class Relabelled(Keeper):
    def __init__(self) -> None:
        super().__init__()
        self.told = list[tuple[int, StepReward, NDArray[np.float32]]]()

    def relabel(self, reward: StepReward, rewards: NDArray[np.float32]) -> None:
        self.told.append((len(self.kept), reward, rewards))


class InStretches(Keeper):
    """Learns from eight steps at a time, and keeps none."""

    @property
    def collecting(self) -> bool:
        return len(self.kept) % 8 != 0


def test_the_agents_of_these_tests_are_what_the_loop_expects() -> None:
    assert isinstance(Keeper(), Agent)
    assert isinstance(Relabelled(), OffPolicyAgent)
    assert isinstance(InStretches(), OnPolicyAgent)
    assert not isinstance(Keeper(), OffPolicyAgent | OnPolicyAgent)


def test_an_agent_is_told_of_every_step_as_it_was(tmp_path: Path) -> None:
    env, agent = pendulum(tmp_path / "d.zarr", Linear(2.0), steps=4), Keeper()
    training, told = OnlineTraining(agent, env, seed=3), list[tuple[int, int]]()
    for steps in (5, 3):
        training.run(steps, progress=lambda done, wanted: told.append((done, wanted)))
    assert (training.steps, agent.learnt) == (8, [1] * 8)
    assert told == [(k, 5) for k in range(1, 6)] + [(k, 3) for k in range(1, 4)]
    assert [(one.terminated, one.truncated) for one in agent.kept] == [(False, k % 4 == 3) for k in range(8)]
    for name, kept in (
        ("state", [one.observation["state"] for one in agent.kept]),
        ("next_state", [one.next_observation["state"] for one in agent.kept]),
        ("action", [one.action for one in agent.kept]),
    ):
        np.testing.assert_array_equal(env.store.array(name), kept)
    rewards = [2 * one.observation["state"][0] + one.action[0] for one in agent.kept]
    assert [one.reward for one in agent.kept] == pytest.approx(rewards)
    first, _ = pendulum(tmp_path / "other.zarr").reset(seed=3)
    np.testing.assert_array_equal(agent.kept[0].observation["state"], first["state"])


def test_an_agent_is_told_what_its_steps_are_worth_after_each_round(tmp_path: Path) -> None:
    env, agent = pendulum(tmp_path / "d.zarr", Linear(0.0), steps=7), Relabelled()
    asked = list[tuple[int, int]]()

    def update(number: int) -> Linear:
        asked.append((number, len(agent.kept)))
        return Linear(number + 1.0)

    OnlineTraining(agent, env, seed=0, rounds=PreferenceRounds(update, first=10, every=5, rounds=2)).run(30)
    assert asked == [(0, 10), (1, 15)]
    assert [count for count, *_ in agent.told] == [10, 15]
    for number, (count, reward, rewards) in enumerate(agent.told):
        raw = np.array([(number + 1) * one.observation["state"][0] + one.action[0] for one in agent.kept[:count]])
        np.testing.assert_allclose(rewards, (raw - raw.mean()) / raw.std(), rtol=1e-4, atol=1e-5)
        imagined = {"state": torch.ones(2, 3), "action": torch.zeros(2, 1)}
        assert reward.reward(imagined).tolist() == pytest.approx([(number + 1 - raw.mean()) / raw.std()] * 2, rel=1e-4)
    last = agent.kept[-1]
    assert last.reward == pytest.approx((2 * last.observation["state"][0] + last.action[0] - raw.mean()) / raw.std())


def test_the_reward_of_a_stretch_does_not_change_within_it(tmp_path: Path) -> None:
    agent, asked = InStretches(), list[int]()

    def update(number: int) -> Linear:
        asked.append(len(agent.kept))
        return Linear(1.0)

    rounds = PreferenceRounds(update, first=10, every=5, rounds=3)
    OnlineTraining(agent, pendulum(tmp_path / "d.zarr"), seed=0, rounds=rounds).run(33)
    # Due after 10, 15 and 20 steps; what has begun is learnt from before the training ends.
    assert (asked, len(agent.kept)) == ([16, 24, 32], 40)


def test_an_agent_that_would_learn_from_old_rewards_is_refused(tmp_path: Path) -> None:
    env, rounds = pendulum(tmp_path / "d.zarr"), PreferenceRounds(Linear, first=1, every=1, rounds=1)
    with pytest.raises(ConfigError, match=r"^agent: Keeper has neither relabel,.* nor collecting,") as refused:
        OnlineTraining(Keeper(), env, seed=0, rounds=rounds)
    assert "\n" not in str(refused.value)
    OnlineTraining(Keeper(), env, seed=0).run(1)  # with a reward that stays it may


def test_a_loss_that_is_not_finite_ends_it(tmp_path: Path) -> None:
    training = OnlineTraining(Keeper(loss=float("nan")), pendulum(tmp_path / "d.zarr"), seed=0)
    with pytest.raises(TrainingError, match="the agent's loss is nan after 1 steps"):
        training.run(5)


@pytest.mark.parametrize("learnt", [None, 0.5, [1.0], {"loss": "low"}, {"loss": None}])
def test_what_is_no_loss_is_refused(tmp_path: Path, learnt: Any) -> None:
    agent = Keeper()
    agent.learn = lambda steps: learnt
    with pytest.raises(ConfigError, match=r"learn\(steps\) of Keeper has to return losses by name") as refused:
        OnlineTraining(agent, pendulum(tmp_path / "d.zarr"), seed=0).run(1)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("method", ["act", "remember", "learn", "relabel"])
def test_an_agent_that_fails_is_one_line_that_names_it(tmp_path: Path, method: str) -> None:
    agent, env = Relabelled(), pendulum(tmp_path / "d.zarr")
    setattr(agent, method, lambda *_, **__: next(iter([])))
    rounds = PreferenceRounds(lambda _: Linear(1.0), first=1, every=1, rounds=1)
    line = rf"^agent: {method} of Relabelled raised StopIteration \(test_online\.py, line \d+\); mend it"
    with pytest.raises(PartError, match=line):
        OnlineTraining(agent, env, seed=0, rounds=rounds).run(2)


def test_losses_of_any_kind_of_number_are_taken(tmp_path: Path) -> None:
    agent = Keeper()
    agent.learn = lambda steps: {"a": 1, "b": np.float32(0.5), "c": torch.tensor(2.0)}
    OnlineTraining(agent, pendulum(tmp_path / "d.zarr"), seed=0).run(2)
    assert len(agent.kept) == 2


@pytest.mark.parametrize(
    "action", [[2.0], 0.0, None, [[0.0], 1], np.zeros(2, np.float32), np.full(1, 2.0), np.array(["left"])]
)
def test_what_is_no_action_is_refused(tmp_path: Path, action: Any) -> None:
    agent = Keeper()
    agent.act = lambda observation, *, explore: action
    with pytest.raises(ActionError, match=r"expected an array of 1 numbers in \[-1, 1\]"):
        OnlineTraining(agent, pendulum(tmp_path / "d.zarr"), seed=0).run(1)


@pytest.mark.parametrize(("steps", "count"), [(0, 0), (10, 0), (11, 1), (15, 1), (16, 2), (21, 3), (1000, 3)])
def test_it_is_known_how_many_rounds_there_will_be(tmp_path: Path, steps: int, count: int) -> None:
    rounds = PreferenceRounds(lambda _: Linear(1.0), first=10, every=5, rounds=3)
    assert rounds.within(steps) == count
    if steps <= 21:
        training = OnlineTraining(Relabelled(), pendulum(tmp_path / "d.zarr", steps=7), seed=0, rounds=rounds)
        training.run(steps)
        assert training.done == count


def test_an_agent_that_writes_no_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"save\(path\) of Keeper wrote no file"):
        save_agent(tmp_path / "agent.zip", Keeper())
    assert not list(tmp_path.iterdir())


def test_rounds_have_to_make_sense() -> None:
    with pytest.raises(ConfigError, match="at least 1, got 0, 1 and 1"):
        PreferenceRounds(Linear, first=0, every=1, rounds=1)


def test_recording_goes_on_where_it_stopped_and_draws_the_same(tmp_path: Path) -> None:
    kept = []
    for name, stops in (("a", [3]), ("b", [1, 3])):
        env, agent = pendulum(tmp_path / f"{name}.zarr", steps=5), Keeper()
        for stop in stops:
            record(agent, env, episodes=stop, seed=7, notes={"quality": 2})
        assert len(env.store) == 3
        assert set(env.store.array("quality").tolist()) == {2}
        assert not agent.kept
        kept.append(env.store.array("action"))
    np.testing.assert_array_equal(*kept)
    assert len(np.unique(kept[0])) > 10


def test_an_agent_that_fails_while_it_is_recorded_or_evaluated_is_named(tmp_path: Path) -> None:
    agent, env = Keeper(), pendulum(tmp_path / "d.zarr")
    agent.act = lambda observation, *, explore: observation["state"] / "1"
    with pytest.raises(PartError, match=r"^agent: act of Keeper raised"):
        record(agent, env, episodes=1, seed=0)
    with pytest.raises(PartError, match=r"^agent: act of Keeper raised"):
        episode_outcomes(env.env, act(agent, ["state"]), episodes=1, seed=0)


def test_an_agent_is_evaluated_by_what_it_thinks_best(tmp_path: Path) -> None:
    env = pendulum(tmp_path / "d.zarr", steps=5)
    best = act(Keeper(), ["state"])
    first, second = (episode_outcomes(env.env.env, best, episodes=2, seed=0)[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)
