"""`robopref deploy`: a reward chooses among the policy's actions, on a robot."""

from __future__ import annotations

import contextlib
import getpass
import sys
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import torch
from torch import nn

from robopref.cli.building import build, settings
from robopref.cli.checkpoints import choose_weights, weights_named
from robopref.cli.context import Context
from robopref.cli.deploy_page import Page
from robopref.cli.deploy_robot import guarded, recorded_points, require_fit, require_following
from robopref.cli.deploy_trials import EveryStartOnce, EveryStartTwice
from robopref.cli.deploy_view import Keys, TerminalView, on_terminal, print_timing
from robopref.cli.dynamics import earning_dynamics, imagined_reward, learnt_dynamics, simulates
from robopref.cli.looking_ahead import (
    EARNED,
    beam_search,
    earned_search,
    earns,
    look_ahead,
    looks_ahead,
    ranker_of_dynamics,
    require_of_actions,
    require_of_outcomes,
    searches,
)
from robopref.cli.persons import require_personal, served_person, shares_of, told
from robopref.cli.principles import require_principled, served_principle
from robopref.cli.tables import print_table
from robopref.cli.trained_rewards import load_rewards, trained_names
from robopref.cli.weighing import WEIGHTED, require_weights, weighs, weighted_sum
from robopref.data.episode_formats.dataset import with_observations
from robopref.data.episodes.geometry import optional_geometry
from robopref.decisions import as_scorer, outcome_parts, rewards_within
from robopref.errors import ConfigError, DataError, SafetyError, unknown_name
from robopref.files import write_json
from robopref.motion import RobotSpec
from robopref.policies.abilities import history_of
from robopref.policies.draws import StratifiedDraw, UniformDraw
from robopref.protocols import CandidateScorer, ChunkPolicy
from robopref.ranking.plackett_luce import PlackettLuce
from robopref.ranking.rules import Softmax, greedy
from robopref.recording.episode_writer import EpisodeWriter
from robopref.recording.event_log import EventLog
from robopref.recording.operator_feedback import OperatorFeedback
from robopref.recording.timing import Timing
from robopref.rewards.implicit import ImplicitReward
from robopref.robot_protocols import Subscriber
from robopref.robots.dynamics import SimDynamics
from robopref.robots.sim import SimPool
from robopref.robots.task_robot import TaskRobot
from robopref.runtime.budget import Budgeting, DeadlineBudget, FixedBudget
from robopref.runtime.control_loop import ControlPace, Runtime
from robopref.runtime.foresight import Foresight
from robopref.runtime.history import History
from robopref.runtime.planner import Draws, Planner
from robopref.runtime.recovery import Recovery
from robopref.runtime.tally import Tally
from robopref.safety.guard import Guard
from robopref.safety.limits import Limits
from robopref.safety.states import State
from robopref.scores import NoiseDraw

_NOBODY = "a real robot is armed by a person: use a terminal, or give deploy.operator=<name>"


def run(context: Context) -> None:
    """Run episodes on a robot; writes ``deploy/`` of the run folder, and with a control ``deploy/control/``."""
    config = context.config.deploy
    by_reward = config.reward is not None and not earns(context)
    if config.control and config.reward is None and not earns(context):
        raise ConfigError(
            "deploy.control=true compares with and without ranking; name what ranks by deploy.reward=<name>"
        )
    require_weights(context)
    choose_weights(context)
    policy = context.policy()
    if by_reward and not trained_names(context):
        raise DataError(
            f"no trained reward in {context.folder}; run: robopref train reward run={context.folder}, or take the "
            "policy's own sample with deploy.reward=null"
        )
    rewards = load_rewards(context) if by_reward else {}
    _require_rankable(context, rewards)
    limits: Limits = build(context.config.safety)
    with contextlib.ExitStack() as stack:
        page = stack.enter_context(Page(context)) if config.view == "browser" else None
        guard = stack.enter_context(guarded(context, limits))
        planner = _planner(context, policy, _scorer(context, policy, rewards, guard, stack))
        if _operator(config.operator, guard.spec) is None and not on_terminal(sys.stdin):
            raise SafetyError(_NOBODY)
        if config.control:
            require_following(guard)
        require_fit(policy, guard, _history(context, policy), lambda: recorded_points(context))
        with context.stage("Warm up", "plans") as bar:
            _warm_up(planner, guard, _history(context, policy), bar)
        _episodes(context, guard, planner, _trials(context, policy, planner, guard), page, stack)


def _require_rankable(context: Context, rewards: Mapping[str, nn.Module]) -> None:
    """Demand a reward that there is, and a ranker that can rank by it."""
    wanted = context.config.deploy.reward
    if earns(context):
        return
    if wanted is None:
        if (ranker := ranker_of_dynamics(context)) is not None:
            kind = "outcomes" if looks_ahead(context) else "actions"
            raise ConfigError(
                f"ranker={ranker} ranks by a reward of {kind}, and deploy.reward=null ranks by none; name one with "
                "deploy.reward=<name>, or choose ranker=best_of_n"
            )
        return
    if wanted not in rewards:
        raise unknown_name("deploy.reward", str(wanted), rewards)
    if weighs(context) is not None:
        return
    require_personal(context.config, str(wanted), rewards[str(wanted)], typed=context.memory.gives("person"))
    require_principled(context.config, str(wanted), rewards[str(wanted)], typed=context.memory.gives("principle"))
    if searches(context):
        require_of_actions(rewards[str(wanted)], str(wanted))
        return
    if looks_ahead(context):
        judges = [name for name, reward in rewards.items() if outcome_parts(reward)]
        require_of_outcomes(rewards[str(wanted)], str(wanted), judges)
    elif outcome_parts(rewards[str(wanted)]) and simulates(context):  # otherwise outcomes are imagined, of all
        raise ConfigError(
            f"{wanted} judges what came of an action, which nobody knows before; choose ranker=look_ahead, which "
            "tries candidates out in simulation, or dynamics=learnt, which imagines it, or use= a reward of actions"
        )


def _scorer(
    context: Context,
    policy: ChunkPolicy,
    rewards: Mapping[str, nn.Module],
    guard: Guard,
    stack: contextlib.ExitStack,
) -> CandidateScorer | None:
    wanted, ranker = context.config.deploy.reward, ranker_of_dynamics(context)
    if earns(context):
        return Foresight(earned_search(context, policy, earning_dynamics(context)))
    if wanted is None:
        return None
    if (weighed := weighted_sum(context, policy, rewards)) is not None:
        return weighed
    if not simulates(context) and (outcome_parts(rewards[str(wanted)]) or ranker is not None):
        return _imagining(context, policy, rewards, str(wanted))
    if ranker is None:
        return as_scorer(rewards[str(wanted)])
    robot = guard.robot
    if not isinstance(robot, TaskRobot):
        raise ConfigError(
            f"ranker={ranker} tries candidates out from the state of the robot, and nothing can simulate that of "
            f"robot {guard.spec.name}; choose robot=sim, dynamics=learnt, or ranker=best_of_n with use= a reward of "
            "actions"
        )
    # Processes of its own: plans are made in a thread, and what draws belongs to one.
    pool = stack.enter_context(SimPool(build(context.config.env), max(1, int(context.config.workers))))
    dynamics = SimDynamics(pool, context.device, seed=context.seed)
    made = (
        beam_search(context, policy, rewards, str(wanted), dynamics)
        if searches(context)
        else look_ahead(context, rewards, str(wanted), dynamics)
    )
    return Foresight(made, lambda: robot.moment)


def _imagining(context: Context, policy: ChunkPolicy, rewards: Mapping[str, nn.Module], name: str) -> CandidateScorer:
    """What ranks by what a learnt dynamics imagines, of all candidates or as the ranker follows them."""
    if searches(context):
        return Foresight(beam_search(context, policy, rewards, name, learnt_dynamics(context)))
    imagined = imagined_reward(context, name)
    if not looks_ahead(context):
        return imagined
    return Foresight(look_ahead(context, {**rewards, name: imagined.judge}, name, imagined.dynamics))


def _planner(context: Context, policy: ChunkPolicy, scorer: CandidateScorer | None) -> Planner:
    config = context.config.deploy
    draws = _draws(scorer, policy, context.device)
    most = int(config.draws) if draws is not None else 1
    count = int(config.candidates) if scorer is not None else 4
    ahead = scorer.keep if isinstance(scorer, Foresight) else 1
    budget: Budgeting = FixedBudget(count, most, ahead)
    if config.automatic:
        budget = DeadlineBudget(float(config.pace.deadline), candidates=count, draws=most, ahead=ahead)
    # What looks ahead, or searches, scores what it would pick above all others.
    made = Planner if isinstance(scorer, Foresight) else build(context.config.ranker)
    planner = made(policy, scorer, draws=draws, device=context.device, seed=context.seed, budget=budget)
    planner.person = served_person(context.config, [] if scorer is None else [scorer])
    planner.principle = served_principle(context.config, [] if scorer is None else [scorer])
    if config.pace.ask and config.temperature and not config.control and _may_draw(planner, scorer):
        planner.order = PlackettLuce(float(config.temperature))
    return planner


def _may_draw(planner: Planner, scorer: CandidateScorer | None) -> bool:
    """Whether the order in which candidates are offered can be drawn by score alone."""
    rule = planner.rule.func if isinstance(planner.rule, partial) else planner.rule
    return not isinstance(scorer, Foresight) and (rule is greedy or isinstance(rule, Softmax))


def _trials(context: Context, policy: ChunkPolicy, ranked: Planner, guard: Guard) -> EveryStartOnce | EveryStartTwice:
    """Every start once, or with ranking and without, by as many candidates as the warm-up found time for."""
    config, robot = context.config.deploy, guard.robot
    if not config.control:
        return EveryStartOnce(int(config.episodes))
    found = ranked.budget.choose()
    ranked.budget = FixedBudget(found.candidates, found.draws, found.ahead)
    control = Planner(policy, None, device=context.device, seed=context.seed, budget=FixedBudget(found.candidates))
    goal = robot.task.goal if isinstance(robot, TaskRobot) else None
    return EveryStartTwice(int(config.episodes), ranked, control, name=_ranked_by(context), goal=goal)


def _ranked_by(context: Context) -> str:
    by = EARNED if earns(context) else context.config.deploy.reward
    return WEIGHTED if weighs(context) is not None else str(by)


def _draws(scorer: CandidateScorer | None, policy: ChunkPolicy, device: torch.device) -> Draws | None:
    """Draws of any size like those of the scorer; None if it has none whose number matters."""
    for part in rewards_within(scorer):
        if isinstance(part, ImplicitReward) and type(part.draws) in (UniformDraw, StratifiedDraw):
            return partial(_draw, part.draws, policy.shape, device)
    return None


def _draw(like: UniformDraw, shape: tuple[int, int], device: torch.device, count: int) -> NoiseDraw:
    made = type(like)(count, like.lower, like.upper)
    return made(1, shape, torch.Generator(device).manual_seed(0))


def _history(context: Context, policy: object) -> int:
    """Observations that the policy is given: what the settings say, or else as many as it was made for."""
    said = context.config.deploy.pace.history
    return history_of(policy) if said is None else int(said)


def _pace(context: Context, policy: object) -> ControlPace:
    said: dict[str, Any] = {**settings(context.config.deploy.pace), "history": _history(context, policy)}
    return ControlPace(**said)


def _warm_up(planner: Planner, guard: Guard, length: int, bar: Callable[[int, int], None]) -> None:
    """Plan a few times without moving, so that the first plan is not the slowest and their time is known."""
    history = History(length)
    plans = 7
    for done in range(plans):
        reading, distrust = guard.observe()
        if done == 0 and distrust:
            raise SafetyError(f"the robot's readings cannot be trusted: {distrust}")
        history.add(reading)
        planner.plan(history.observation(planner.device), reading, 0, guard.screen)
        bar(done + 1, plans)
        if done >= 1 and getattr(planner.budget, "ready", True):
            break
    planner.count = 0


def _episodes(
    context: Context,
    guard: Guard,
    planner: Planner,
    trials: EveryStartOnce | EveryStartTwice,
    page: Page | None,
    stack: contextlib.ExitStack,
) -> None:
    config, folder = context.config.deploy, context.folder / trials.folder
    operator, seen = _operator(config.operator, guard.spec), guard.observe()[0].observation.parts
    writer = EpisodeWriter(folder / f"{guard.spec.name}.zarr", _attributes(context, guard.spec, seen), trials.marks)
    if writer.recovered:
        context.console.print(f"{writer.recovered} steps of an interrupted episode were taken up")
    log = EventLog(folder / "events.jsonl", guard.spec.name, len(writer.store), clock=guard.clock, marks=trials.marks)
    feedback = OperatorFeedback(
        folder / "feedback.jsonl", str(config.operator or getpass.getuser()), len(writer.store), clock=guard.clock,
        scene=str(config.scene or ""),
    )  # fmt: skip
    for one in (log, feedback):
        stack.callback(one.close)
    timing = Timing()
    subscribers: list[Subscriber] = [writer, log, feedback, timing]
    runtime = Runtime(guard, planner, _pace(context, planner.policy), subscribers)
    view = TerminalView(context.console, runtime, timing) if config.view == "terminal" else None
    if view is not None:
        runtime.subscribers.append(view)
    recovery = Recovery(guard)
    if page is not None:
        page.show(runtime, timing, recovery)
    tallies: list[Tally] = []
    with Keys(runtime, sys.stdin, recovery) as keys:
        waiting = deque(trials.trials)
        while waiting:
            trial = waiting[0]
            trials.begin(trial, runtime)
            if needed := trials.preparation(trial, guard.spec):
                context.console.print(needed, markup=False, highlight=False)
            _arm(guard, operator, keys, context)
            with view if view is not None else contextlib.nullcontext():
                tallies.append(runtime.run(seed=trial.start, commands=config.commands, seconds=config.seconds))
            tally = tallies[-1]
            context.console.print(
                f"{trials.title(trial)}: {tally.cause}; {tally.commands} commands in {tally.seconds:.1f} s, "
                f"{tally.plans} plans, {tally.missed} of {tally.ticks} deadlines missed, {tally.clamped} clamped, "
                f"{tally.refused} refused", highlight=False, markup=False,
            )  # fmt: skip
            if tally.cause == "quit" or (tally.halted and not _recovered(recovery, keys, page, context)):
                break
            if tally.halted:  # the episode is tried again; a real robot is armed by hand after a halt
                operator = None if guard.spec.real else operator
                continue
            trials.end(trial, runtime)
            waiting.popleft()
    counted = {"episodes": [vars(tally) for tally in tallies], "timing": timing.summary()}
    personal = planner.person is not None
    made = {"policy": weights_named(context), "person": told(shares_of(context.config)) if personal else None}
    made |= {"principle": None if planner.principle is None else planner.principle.chosen}
    write_json(folder / "summary.json", counted | made | trials.summary())
    print_timing(context.console, timing)
    for title, rows in trials.tables():
        print_table(context.console, title, rows)
    context.console.print(f"recorded: {folder}", highlight=False)
    if tallies and tallies[-1].halted:
        raise SafetyError(f"the robot was halted: {tallies[-1].cause}")


def _recovered(recovery: Recovery, keys: Keys, page: Page | None, context: Context) -> bool:
    """Whether somebody, in the terminal or on the page, has cleared the halt."""
    if keys.able:
        context.console.print("The robot is halted. Look at it; r clears the halt, q leaves it halted", markup=False)
    return recovery.wait(lambda: keys.able or (page is not None and page.present))


def _operator(given: str | None, spec: RobotSpec) -> str | None:
    """Who arms the robot without being asked: nobody, if it is real and no name was given."""
    if given is not None:
        return str(given)
    return None if spec.real else "simulation"


def _arm(guard: Guard, operator: str | None, keys: Keys, context: Context) -> None:
    if operator is None:
        if not keys.able:
            raise SafetyError(_NOBODY)
        context.console.print(f"[bold]{guard.spec.name} will move.[/] Press a to arm it, q to leave it")
        if keys.wait("aq") == "q":
            raise SafetyError("the robot was not armed")
    if guard.state is State.DISARMED:
        guard.arm(operator or getpass.getuser())


def _attributes(context: Context, spec: RobotSpec, seen: Iterable[str]) -> dict[str, Any]:
    said = {"robot": spec.name, "rate": spec.rate, "run": str(context.folder)}
    geometry = optional_geometry(context.demonstrations)
    return with_observations(said if geometry is None else said | {"geometry": geometry.to_dict()}, seen)
