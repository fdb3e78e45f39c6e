"""`robopref online`: agents make behaviour data, and train against a learnt reward."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from robopref.cli.building import build
from robopref.cli.context import Context
from robopref.cli.filters import built_filters
from robopref.cli.label_asking import ask_labeler, build_labeler
from robopref.cli.made_scorers import observed
from robopref.cli.online_practice import environment_of, observed_as, require_one_task
from robopref.cli.online_practice import run as practise
from robopref.cli.online_process import train_agent, trains_on_outcomes
from robopref.cli.persons import choose_person
from robopref.cli.segment_rewards import fit_reward, require_any
from robopref.data.episodes.learnable import recorded_rewards
from robopref.data.episodes.store import EpisodeStore
from robopref.errors import ConfigError, DataError, unknown_name
from robopref.evaluation.returns import episode_outcomes
from robopref.evaluation.statistics import bootstrap_mean
from robopref.files import write_json
from robopref.interaction import Agent
from robopref.labelers.subject import Subject
from robopref.learning.agents import make_agent, require_renewable, restore_agent, save_agent
from robopref.learning.learnt_reward_env import LearntRewardEnv, agent_spec, blank_step, require_single_steps
from robopref.learning.online import OnlineTraining, PreferenceRounds, act, record
from robopref.learning.stored_models import load_reward
from robopref.protocols import StepReward
from robopref.querying.segment_queries import segment_queries
from robopref.rewards.normalized import NoReward
from robopref.rewards.segment import VIEWS
from robopref.rewards.steps import as_step_reward
from robopref.robots.sim import TaskSpec

_QUALITIES = {"low": 0.1, "medium": 0.3, "high": 1.0}


def collect(context: Context) -> None:
    """Train an agent on the task's own reward, and let it act at several qualities on the way."""
    config = context.config.collect
    shares = {str(name): float(share) for name, share in (config.qualities or _QUALITIES).items()}
    ordered = sorted(shares, key=lambda name: shares[name])
    folder, path = context.folder / "agents", context.folder / "behaviour.zarr"
    made = _task(context)
    agent = _agent(context, made)
    missing = [name for name in ordered if not (folder / f"{name}.zip").exists()]
    attrs = {**_attrs(context), "qualities": ordered}
    store = EpisodeStore.open(path, "a") if path.exists() else EpisodeStore.create(path, attrs)
    if store.attrs.get("qualities") != ordered:
        raise DataError(f"{path} holds {store.attrs.get('qualities')}, not {ordered}; choose another run folder")
    env = LearntRewardEnv(made, store, keys=list(context.config.observation))
    if missing:
        with _scratch(context, _task(context), "training.zarr") as scratch:
            training = OnlineTraining(agent, scratch, seed=context.seed)
            for name in ordered:
                steps = round(shares[name] * int(context.config.steps)) - training.steps
                with context.stage(f"Train the agent: {name}", "steps") as bar:
                    if steps > 0:
                        training.run(steps, progress=bar)
                save_agent(folder / f"{name}.zip", agent)
    for index, name in enumerate(ordered):
        restore_agent(agent, folder / f"{name}.zip")
        with context.stage(f"Record {name}", "episodes", resumes=True) as bar:
            record(
                agent, env, episodes=(index + 1) * int(config.episodes), seed=context.seed,
                notes={"quality": index}, progress=bar,
            )  # fmt: skip
    env.close()
    shutil.rmtree(context.folder / "training.zarr", ignore_errors=True)
    context.console.print(f"{len(store)} episodes, {store.steps} steps: {path}", soft_wrap=True)


def run(context: Context) -> None:
    """Train an agent against a learnt reward; the true one is only measured."""
    if context.config.data is not None:
        try:
            return practise(context)
        except KeyboardInterrupt as stop:
            raise KeyboardInterrupt("the same command goes on from here") from stop
    built_filters(context)  # what is wrong with them is said before any long work
    config, path = context.config, context.folder / "agent.zip"
    if path.exists() and (context.folder / "evaluation.json").exists():
        raise DataError(f"{path} is trained already; choose another run folder to train again")
    if trains_on_outcomes(context):
        return _evaluate(context, train_agent(context, partial(_task, context)))
    if path.exists():  # it was killed before it was measured
        agent = _agent(context, _task(context))
        restore_agent(agent, path)
        return _evaluate(context, agent)
    given = None if config.model is None else _given(context, Path(config.model))
    if given is not None:
        require_single_steps(given)
    else:
        _require_single_steps(context)
    labeler = _labeler(context) if given is None else None
    made = _task(context)
    agent = _agent(context, made)
    require_renewable(agent)
    _require_seen(context, made, given)
    schedule = PreferenceRounds(
        partial(_unchanged, NoReward() if given is None else given), first=int(config.first), every=int(config.every),
        rounds=int(config.rounds) if given is None else 1,
    )  # fmt: skip
    _require_rounds(context, schedule)
    with _scratch(context, made, "online.zarr", NoReward()) as env:
        if given is None:
            schedule = replace(schedule, update=_learning(context, labeler, env.store))
        training = OnlineTraining(agent, env, seed=context.seed, rounds=schedule)
        with context.stage("Train the agent", "steps") as bar:
            training.run(int(config.steps), progress=bar)
        save_agent(path, agent)
    context.console.print(f"agent: {path}", soft_wrap=True)
    return _evaluate(context, agent)


def _file(model: Path) -> Path:
    if model.is_dir():
        raise ConfigError(
            f"model={model} is a folder; name the file of a reward: model={model}/reward/<name>/weights.pt"
        )
    return model


def _require_single_steps(context: Context) -> None:
    require_any(context)
    use = str(context.config.use)
    if context.config.rewards[use].scorer.get("history") is not None:
        raise ConfigError(f"online, a reward looks at single steps; leave rewards.{use}.scorer.history")


def _require_seen(context: Context, task: Any, given: StepReward | None) -> None:
    """Refuse a reward that looks at what the task does not show."""
    use, there = str(context.config.use), blank_step(task, list(context.config.observation))
    looked_at = observed(context.config, context.config.rewards[use]) if given is None else given.keys
    said = f"rewards.{use}.observes" if given is None else f"array that model={context.config.model} looks at"
    for key in looked_at:
        if key not in there:
            raise unknown_name(said, key, there)
    if given is not None and not set(VIEWS) & set(given.keys):
        try:
            given.reward(there)
        except DataError as error:
            raise ConfigError(f"model={context.config.model}: {error}") from error


def _require_rounds(context: Context, schedule: PreferenceRounds) -> None:
    """Refuse a schedule of which nothing comes, and point out one of which not all comes."""
    steps = int(context.config.steps)
    begun = schedule.within(steps)
    if begun == 0:
        raise ConfigError(
            f"after first={schedule.first} steps the agent is given its first reward, and steps={steps} end before; "
            "lower first, or raise steps"
        )
    if begun < schedule.rounds:
        context.console.print(
            f"note: steps={steps} have room for {begun} of rounds={schedule.rounds}", soft_wrap=True, highlight=False
        )


def _labeler(context: Context) -> object:
    if context.config.label.budget is not None:
        raise ConfigError("online, label.segments.count says how many pairs each round asks about; leave label.budget")
    return build_labeler(context)


def _given(context: Context, path: Path) -> StepReward:
    """A trained reward, which scores for ``person`` if it knows any."""
    reward = load_reward(_file(path))
    choose_person(context.config, {str(path): [reward]}, context.say, every=True)
    return as_step_reward(reward)


def _unchanged(reward: StepReward, _: int) -> StepReward:
    return reward


def _learning(context: Context, labeler: object, store: EpisodeStore) -> Callable[[int], StepReward]:
    """What asks about the steps so far and gives the reward of each round."""
    sources: list[str] = []

    def update(number: int) -> StepReward:
        # Named by its content: answers of an earlier run count only if it did the same.
        sources.append(store.fingerprint())
        _ask(context, labeler, store, sources[-1], number)
        reward = as_step_reward(fit_reward(context, store, sources, str(context.config.use), f"round-{number + 1}"))
        require_single_steps(reward)
        return reward

    return update


def _ask(context: Context, labeler: object, store: EpisodeStore, source: str, number: int) -> None:
    config = context.config.label
    if not len(store):
        raise ConfigError(f"no episode is over after first={context.config.first} steps; raise it")
    pool = segment_queries(
        source, store.episode_ends, length=int(config.segments.length), count=int(config.segments.count),
        seed=context.seed * 1_000_003 + number,
        instruction=str(context.config.task or store.attrs.get("instruction", "")),
    )  # fmt: skip

    subject = Subject(
        source, store, pool, lambda: recorded_rewards(store, "reward"), task=str(context.config.task or ""),
        seed=context.seed, folder=context.folder,
    )  # fmt: skip
    if not ask_labeler(context, labeler, subject):
        raise DataError("whoever labels is out of reach; what was answered is kept for the next attempt")


def _agent(context: Context, task: Any) -> Agent:
    config = context.config
    spec = agent_spec(
        task, list(config.observation), steps=int(config.steps), seed=context.seed, device=context.device
    )  # fmt: skip
    return make_agent(build(config.agent), spec)


@contextmanager
def _scratch(context: Context, task: Any, name: str, reward: StepReward | None = None) -> Generator[LearntRewardEnv]:
    """The task, and an empty store for what an agent does in it while it learns; no store of half a training stays."""
    path = context.folder / name
    shutil.rmtree(path, ignore_errors=True)
    store = EpisodeStore.create(path, _attrs(context))
    env = LearntRewardEnv(
        task, store, keys=list(context.config.observation), reward=reward, zero=str(context.config.zero)
    )
    try:
        yield env
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise
    finally:
        env.close()


def _task(context: Context) -> Any:
    require_one_task(context)
    if context.config.env is not None:
        spec: TaskSpec = build(context.config.env)
        return environment_of(observed_as(spec, list(context.config.observation)))
    if context.config.environment is None:
        raise ConfigError(
            "name a task: environment=<gymnasium id>, such as Pendulum-v1, or env=<task>, such as env=planar_push"
        )
    return build(context.config.make)


def _attrs(context: Context) -> dict[str, Any]:
    return {
        "task": str(context.config.environment or context.config.env.id),
        "instruction": str(context.config.task or ""),
    }


def _evaluate(context: Context, agent: Agent) -> None:
    config, env = context.config.evaluate, _task(context)
    with context.stage("Evaluate", "episodes") as bar:
        returns, success = episode_outcomes(
            env, act(agent, list(context.config.observation)), episodes=int(config.episodes),
            seed=2_000_000 + context.seed, progress=bar,
        )  # fmt: skip
    env.close()
    mean = bootstrap_mean(returns)
    found = {"returns": returns.tolist(), "return": [mean.mean, mean.low, mean.high]}
    if np.isfinite(success).all():
        found["success"] = float(success.mean())
    write_json(context.folder / "evaluation.json", found)
    context.console.print(
        f"true return {mean.mean:.4g} ({mean.low:.4g} to {mean.high:.4g}): {context.folder / 'evaluation.json'}",
        soft_wrap=True,
    )
