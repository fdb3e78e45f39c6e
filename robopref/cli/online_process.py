"""`robopref online reward=implicit_process`: an agent learns by process rewards that its own outcomes refresh."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robopref.cli.building import build, settings
from robopref.cli.configuration import compose_alone
from robopref.cli.context import Context
from robopref.cli.curves import say_curves
from robopref.errors import ConfigError, DataError
from robopref.files import write_json
from robopref.interaction import Agent, AgentSpec
from robopref.labelers.subject import Bar
from robopref.learning.agents import make_agent, restore_agent, save_agent
from robopref.learning.learnt_reward_env import agent_spec
from robopref.learning.loop import train
from robopref.learning.origin import TrainingOrigin, settings_of
from robopref.learning.process_training import ProcessSettings, ProcessTraining
from robopref.learning.rollout_agent import RolloutBaseline
from robopref.learning.rollouts import RolloutTasks
from robopref.learning.stored_models import save_model
from robopref.rewards.implicit_process import ImplicitProcessReward

_SIDE_BY_SIDE = 16  # copies of the task
_ROWS = 12  # of the table


@dataclass(frozen=True)
class _Pace:
    """Every batch is recorded and saved; they are counted in steps of the task, of which each has at least one."""

    steps: int
    log_every: int = 1
    save_every: int = 1


def trains_on_outcomes(context: Context) -> bool:
    """Whether the reward that `use` names learns from outcomes while the agent acts."""
    reward = context.config.rewards.get(str(context.config.use))
    return reward is not None and reward.get("online") is not None


def train_agent(context: Context, make: Callable[[], Any]) -> Agent:
    """Train an agent, and keep it and its reward; goes on where an earlier call was stopped.

    Args:
        context: Of the run.
        make: Makes a copy of the task.

    Returns:
        The agent; where the reward was hacked, as it was when it succeeded most.

    Raises:
        ConfigError: The agent or the task is of another kind.
    """
    config, use = context.config, str(context.config.use)
    if config.model is not None:
        raise ConfigError(f"reward={use} learns from outcomes while the agent acts; leave model")
    how = build(config.rewards[use].online)
    if not isinstance(how, ProcessSettings):
        raise ConfigError(
            f"rewards.{use}.online has to be of reward=implicit_process, as it is shipped; leave its _target_"
        )
    task = make()
    spec = agent_spec(
        task, list(config.observation), steps=int(config.steps), seed=context.seed, device=context.device
    )  # fmt: skip
    agent = _agent(context, spec)
    learner = RolloutBaseline(agent)
    if (begin := config.rewards[use].begin.path) is not None:
        if not Path(begin).exists():
            raise DataError(
                f"no agent at {begin}, which rewards.{use}.begin.path= names; robopref online collect run=<folder> "
                "makes some, <folder>/agents/<name>.zip"
            )
        restore_agent(agent, Path(begin))
    reward = ImplicitProcessReward(
        list(config.observation), learner.density(), beta=float(config.rewards[use].scorer.beta)
    )  # fmt: skip
    copies = [task, *(make() for _ in range(min(_SIDE_BY_SIDE, how.starts * how.rollouts) - 1))]
    tasks = RolloutTasks(copies, list(config.observation), how.least)
    training = ProcessTraining(learner, tasks, reward, how, seed=context.seed)
    folder = context.folder / "reward" / use
    with context.stage("Train agent and reward", "steps", resumes=True) as bar:
        try:
            train(
                training, _Pace(steps=int(config.steps)), seed=context.seed, origin=_origin(context, how),
                folder=folder, progress=_Table(context, training, bar),
                stop=lambda _: _over(training, int(config.steps)),
            )  # fmt: skip
        except KeyboardInterrupt as interrupt:  # other agents begin again
            raise KeyboardInterrupt("the same command goes on from its last batch") from interrupt
    for copy in copies:
        copy.close()
    if training.stopped:
        training.keep_best()
        context.say(f"stopped after {training.steps} steps: {training.stopped}; the agent is that of its best rollouts")
    write_json(folder / "stopped.json", {"steps": training.steps, "reason": training.stopped or "steps were taken"})
    save_model(folder / "weights.pt", reward)
    save_agent(context.folder / "agent.zip", agent)
    say_curves(context, folder)
    return agent


def _agent(context: Context, spec: AgentSpec) -> Agent:
    """What the settings make; where none is chosen, PPO, for the one that is shipped does not learn from rollouts."""
    chosen, shipped = context.config.agent, compose_alone("online", []).agent
    if settings(chosen) == settings(shipped):
        chosen = compose_alone("online", ["agent=ppo"]).agent
        context.say("agent: ppo, which learns from whole rollouts; agent.<name>= sets it after agent=ppo")
    return make_agent(build(chosen), spec)


def _over(training: ProcessTraining, steps: int) -> bool:
    return bool(training.stopped) or training.steps >= steps


def _origin(context: Context, how: ProcessSettings) -> TrainingOrigin:
    config = context.config
    parts = {
        **settings_of(how), "agent": settings(config.agent), "environment": config.environment,
        "env": str(config.get("env")),        "make": settings(config.make), "observation": list(config.observation),
        "beta": config.rewards[str(config.use)].scorer.beta, "begin": config.rewards[str(config.use)].begin.path,
    }  # fmt: skip
    return TrainingOrigin(repr(parts), parts)


class _Table:
    """Rows of how training goes, a dozen over all of it, under a progress bar."""

    def __init__(self, context: Context, training: ProcessTraining, bar: Bar) -> None:
        self._context, self._training, self._bar = context, training, bar
        self._steps, self._shown = int(context.config.steps), -1

    def __call__(self, step: int, metrics: dict[str, float]) -> None:
        """Move the bar, and write a row if it is time."""
        done = self._training.steps
        self._bar(min(done, self._steps), self._steps)
        row = min(done, self._steps) * _ROWS // self._steps
        if row == self._shown and not self._training.stopped:
            return
        if self._shown < 0:
            self._context.say(" rollouts    steps  success  ordered right  score")
        self._shown = row
        how = self._training.how
        both = 0 < metrics["success"] < 1  # else there are no pairs, and the figure is of an earlier batch
        ordered = f"{metrics['ordered']:.2f}" if both else "-"
        self._context.say(
            f"{step * how.starts * how.rollouts:9d}{done:9d}{metrics['success']:9.2f}{ordered:>15}"
            f"{metrics['score']:7.2f}"
        )
