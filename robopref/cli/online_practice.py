"""`robopref online data=`: an agent begins with demonstrations, and practises the task that `env` names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from omegaconf import OmegaConf

from robopref.cli.building import build
from robopref.cli.context import Context
from robopref.cli.persons import choose_person
from robopref.cli.tables import print_table
from robopref.data.episodes.store import EpisodeStore
from robopref.errors import ConfigError, DataError, unknown_name
from robopref.evaluation.intervals import wilson
from robopref.evaluation.statistics import LEVEL
from robopref.files import write_json
from robopref.interaction import Agent, DemonstratedAgent
from robopref.learning.agents import make_agent, save_agent
from robopref.learning.learnt_reward_env import LearntRewardEnv, agent_spec, require_single_steps
from robopref.learning.practice import Practice, Practised, PractisedStretch, practice_store, shown_paths
from robopref.learning.practice_trials import STARTS, Acts, live, trials
from robopref.learning.stored_models import load_reward
from robopref.protocols import StepReward, lacking
from robopref.records import Observation
from robopref.reports.practice_report import newtons, write_practice_report
from robopref.rewards.solved import SolvedReward
from robopref.rewards.steps import as_step_reward
from robopref.robots.env_abilities import tool_of
from robopref.robots.maps import action_map
from robopref.robots.sim import SimTask, TaskSpec, film
from robopref.safety.filtered_actions import FilteredActions
from robopref.safety.violations import KINDS, Bounds
from robopref.seeding import derive
from robopref.video import write_video

_OURS = "envs:robopref/"
# Settings that a practice has to go on with.
_FIXED = ("agent", "observation", "seed", "steps", "model")
_FIXED_OF_PRACTICE = ("reward", "filter")
_NOT_OBSERVED = ("action", "reward", "terminated", "truncated")


def run(context: Context) -> None:
    """Clone, seed, practise, measure, and write ``practice.html``."""
    config = context.config
    store = context.recordings
    if store is None:
        raise ConfigError("name demonstrations with data=<path>, such as data=runs/push/demos.zarr")
    task = SimTask(task_of(context, store))
    for name in config.observation:
        if name not in store.keys:
            raise unknown_name(f"array of {store.path}, which observation={list(config.observation)} names,", name, [
                key for key in store.keys if key not in _NOT_OBSERVED
            ])  # fmt: skip
    demonstrations = [store.episode(index) for index in range(len(store))]
    bounds = Bounds.of(shown_paths(store))
    if bounds.force is None:
        context.say(
            "note: the demonstrations do not tell contact forces; where the task measures them, collect with "
            "+env.options.impacts=true"
        )
    reward = _reward(context)
    made = environment_of(task.spec)
    agent = _agent(context, made)
    for episode in demonstrations:
        agent.demonstrate({**episode, "reward": _rewards(reward, episode)})
    folder = context.folder / "practice"
    known = cast(dict[str, Any], OmegaConf.to_container(config))
    fixed: dict[str, Any] = {name: known[name] for name in _FIXED}
    fixed |= {"practice": {name: config.practice[name] for name in _FIXED_OF_PRACTICE}}
    fixed |= {"env": {"id": task.spec.id, "options": _plain(task.spec.options)}, "data": store.fingerprint()}
    told = practice_store(
        context.folder / "online.zarr", folder, fixed, {"task": task.spec.id, "options": _plain(task.spec.options)}
    )
    env = LearntRewardEnv(made, told, keys=list(config.observation), reward=reward)
    screen = _screen(task, bounds)
    practice = Practice(
        agent, env, bounds=bounds, tool=lambda seen: tool_of(task.env, seen["proprio"]), folder=folder, settings=fixed,
        seed=context.seed, screen=screen if config.practice.filter else None, keep_every=int(config.practice.every),
    )  # fmt: skip
    stage = ("Remember what was done", "episodes") if practice.begun else ("Learn from demonstrations", "updates")
    with context.stage(*stage) as bar:
        practice.begin(bar)
    _practise(context, practice, bounds)
    save_agent(context.folder / "agent.pt", agent)
    found = _measure(context, task, agent, bounds, screen)
    write_json(context.folder / "evaluation.json", found)
    films = _films(context, task, agent)
    path = write_practice_report(
        context.folder / "practice.html",
        practice.episodes,
        bounds,
        found,
        every=int(config.practice.every),
        films=films,
    )
    context.console.print(f"agent: {context.folder / 'agent.pt'}", soft_wrap=True)
    context.console.print(f"how it went: {path}", soft_wrap=True)


def task_of(context: Context, store: EpisodeStore) -> TaskSpec:
    """The task as it was demonstrated, and as the agent observes it.

    Args:
        context: Whose settings name the task.
        store: The demonstrations.

    Raises:
        ConfigError: No task is named.
        DataError: It was demonstrated otherwise.
    """
    require_one_task(context)
    if context.config.env is None:
        raise ConfigError("name the task that the demonstrations are of: env=planar_push; data= goes with env=")
    spec: TaskSpec = build(context.config.env)
    shown, was = store.attrs.get("task"), store.attrs.get("options")
    options: dict[str, Any] = dict(was) if isinstance(was, dict) and shown == spec.id else {}
    for name, value in spec.options.items():
        if name in options and options[name] != value:
            raise DataError(
                f"{store.path} was demonstrated with {name}={options[name]}, not {value}; give env.options.{name}="
                f"{options[name]}, or collect demonstrations with the other"
            )
    if isinstance(shown, str) and shown.startswith(_OURS) and shown != spec.id:
        raise DataError(f"{store.path} was demonstrated in {shown}, not in {spec.id}; name that task with env=")
    named = TaskSpec(spec.id, {**options, **spec.options}, spec.max_steps, spec.quality)
    return observed_as(named, list(context.config.observation))


def require_one_task(context: Context) -> None:
    """Refuse settings that name two tasks.

    Raises:
        ConfigError: Both ``env`` and ``environment`` name one.
    """
    if context.config.env is not None and context.config.environment is not None:
        raise ConfigError(
            f"env={context.config.env.id} and environment={context.config.environment} both name a task; leave one, "
            "such as environment=null"
        )


def observed_as(spec: TaskSpec, parts: Sequence[str]) -> TaskSpec:
    """A task that shows some parts; of our own, no clouds that nobody looks at, which take most of the time."""
    if not spec.id.startswith(_OURS):
        return spec
    seen = {name: name in parts for name in ("points", "state")}
    return TaskSpec(spec.id, {**spec.options, **seen}, spec.max_steps, spec.quality)


def environment_of(spec: TaskSpec) -> Any:
    """The gymnasium task of a spec, which ends after its longest episode."""
    return build({
        "_target_": "gymnasium.make", "id": spec.id, "max_episode_steps": spec.max_steps, "disable_env_checker": True,
        **spec.options,
    })  # fmt: skip


def _reward(context: Context) -> StepReward | None:
    """What the agent is rewarded by; None leaves it to the task."""
    model = context.config.model
    if model is None:
        return SolvedReward() if context.config.practice.reward == "success" else None
    reward = load_reward(Path(model))
    choose_person(context.config, {str(model): [reward]}, context.say, every=True)
    found = as_step_reward(reward)
    require_single_steps(found)
    return found


def _rewards(reward: StepReward | None, episode: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
    if reward is None:
        return np.asarray(episode["reward"], np.float32).reshape(-1)
    return reward.reward(episode).cpu().numpy().astype(np.float32)


def _agent(context: Context, env: Any) -> DemonstratedAgent:
    config = context.config
    spec = agent_spec(
        env, list(config.observation), steps=int(config.steps), seed=context.seed, device=context.device
    )  # fmt: skip
    agent: Agent = make_agent(build(config.agent), spec)
    if missing := lacking(agent, DemonstratedAgent):
        raise ConfigError(
            f"agent: {type(agent).__name__} takes no demonstrations (it lacks {', '.join(missing)}); choose "
            "agent=world_model, or leave data="
        )
    return agent  # type: ignore[return-value]


def _screen(task: SimTask, bounds: Bounds) -> FilteredActions | None:
    """The safety filter, for tasks whose actions are steps of a tool; None where they are not."""
    if task.geometry.origin is None:
        return None
    actions = action_map(task.geometry)
    return FilteredActions(bounds, actions, points=len(task.geometry.labels), gripper=actions.gripper)


def _practise(context: Context, practice: Practice, bounds: Bounds) -> None:
    """Practise, with a row for every so many episodes."""
    every, steps = int(context.config.practice.every), int(context.config.steps)
    kinds = [kind for kind in KINDS if kind != "force" or bounds.force is not None]
    if practice.steps >= steps:
        return
    context.say(_row("steps", "success", *kinds, "agency", "peak N"))
    context.say(_row("", "", *["in 1,000"] * len(kinds), "", ""))

    def told(_: Practised) -> None:
        count = len(practice.episodes)
        if count % every == 0 or practice.steps >= steps:
            last = practice.episodes[count - (count % every or every) :]
            row = PractisedStretch.of(last, practice.steps - sum(one.steps for one in last))
            context.say(_row(
                str(row.steps), f"{row.success:.0%}", *(f"{row.rates[kind]:.1f}" for kind in kinds),
                f"{row.agency:.0%}", newtons(row.force),
            ))  # fmt: skip

    with context.stage("Practise", "steps", resumes=True) as bar:
        practice.run(steps, told=told, progress=bar)


def _row(*cells: str) -> str:
    return "".join(f"{cell:>14}" for cell in cells)


def _acts(agent: DemonstratedAgent, names: list[str], device: torch.device, *, plans: bool) -> Acts:
    def act(parts: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        seen = Observation.of({name: torch.as_tensor(parts[name], device=device)[None] for name in names})
        return agent.decide(seen, plans=plans)[0].cpu().numpy()

    return act


def _measure(
    context: Context, task: SimTask, agent: DemonstratedAgent, bounds: Bounds, screen: FilteredActions | None
) -> dict[str, Any]:
    """Success and violations of clone and agent from the same held-out starts, raw and with the filter."""
    names, count = list(context.config.observation), int(context.config.evaluate.episodes)
    found: dict[str, Any] = {}
    columns = [["", "success", f"{LEVEL:.0%} interval", *(f"{kind} in 1,000" for kind in KINDS), "peak force, N"]]
    tried = [("clone", False, None), ("agent", True, None)] + ([("agent, filtered", True, screen)] if screen else [])
    for title, plans, through in tried:
        with context.stage(f"Evaluate the {title}", "episodes") as bar:
            count_of = trials(
                task, _acts(agent, names, context.device, plans=plans), bounds, episodes=count, seed=context.seed,
                screen=through, progress=bar,
            )  # fmt: skip
        mean = wilson(sum(count_of.success), count, level=LEVEL)
        found[title] = {**asdict(count_of), "mean": [mean.mean, mean.low, mean.high]}
        rates = [f"{count_of.rates[kind]:.1f}" if kind in count_of.rates else "–" for kind in KINDS]
        success = [f"{mean.mean:.0%}", f"{mean.low:.0%} to {mean.high:.0%}"]
        columns.append([title, *success, *rates, newtons(count_of.force)])
    # A row of each figure: with a column of each they are not readable on 80 letters.
    print_table(context.console, f"From {count} held-out starts", list(zip(*columns, strict=True)))
    return {"bounds": bounds.to_dict(), "starts": count, **found}


def _films(context: Context, task: SimTask, agent: DemonstratedAgent) -> dict[str, str]:
    """The first held-out start before and after practice, filmed; names of files by who acts."""
    names, seed = list(context.config.observation), derive(context.seed, STARTS, 0) % 2**32
    found: dict[str, str] = {}
    for title, plans in (("before", False), ("after", True)) if context.config.practice.film else ():
        lived = live(task, _acts(agent, names, context.device, plans=plans), seed)
        write_video(context.folder / f"{title}.mp4", film(task, lived.trail), fps=12)
        if (context.folder / f"{title}.mp4").exists():
            found[title] = f"{title}.mp4"
    return found


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    return {str(name): value if isinstance(value, (int, float, str, bool, type(None))) else repr(value)
            for name, value in options.items()}  # fmt: skip
