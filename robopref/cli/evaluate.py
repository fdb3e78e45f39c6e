"""`robopref evaluate`: compare ways of choosing an action on held-out starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from torch import nn

from robopref.cli.checklists import require_checklist, score_checklist
from robopref.cli.checkpoints import choose_weights, weights_told
from robopref.cli.context import Context
from robopref.cli.dynamics import (
    IMAGINED,
    carried_out_for,
    dynamics_name,
    earning_dynamics,
    imagined_reward,
    learnt_dynamics,
    simulates,
)
from robopref.cli.looking_ahead import (
    EARNED,
    at_once,
    earns,
    keeps,
    look_ahead,
    looks_ahead,
    ranker_of_dynamics,
    require_of_outcomes,
    searches,
    searches_of,
    takes_the_best,
)
from robopref.cli.measured_needs import TimedChoices, measure_needs
from robopref.cli.persons import scored_for
from robopref.cli.recorded_task import meant
from robopref.cli.shifted_candidates import require_elsewhere, write_shifts
from robopref.cli.tables import print_table
from robopref.cli.trained_rewards import load_rewards
from robopref.cli.weighed_fronts import require_measures, require_reported, write_fronts
from robopref.cli.weighing import WEIGHTED, require_weights, weighs, weighted_sum
from robopref.decisions import as_scorer, outcome_parts
from robopref.errors import ConfigError, DataError, unknown_name
from robopref.evaluation.candidate_shift import Shift
from robopref.evaluation.choice_needs import Keeping, LearntFrom
from robopref.evaluation.compare import (
    Act,
    EpisodePace,
    SituatedAct,
    Trail,
    compare_episodes,
    judge_outcomes,
    looked_ahead,
    own_sample,
    score_candidates,
    searched,
    selected,
    write_arrays,
)
from robopref.evaluation.control import against_control, matched_tables, outcomes_of
from robopref.evaluation.fronts import FRONTS
from robopref.evaluation.intervals import clopper_pearson
from robopref.evaluation.run_folder import AHEAD, BEAMS, EPISODES, PERSONS, SOLVED, load_episodes
from robopref.files import write_json
from robopref.interaction import Dynamics
from robopref.learning.collect import carry_out_candidates, draw_candidates, draw_states, try_candidates
from robopref.policies.abilities import history_of, is_denoising, observed_by
from robopref.policies.chunk_diffusion import likeliest_of, temperature_of
from robopref.policies.guidance import GuidedPolicy
from robopref.protocols import ChunkPolicy, Policy
from robopref.ranking.look_ahead import LookAhead, LookAheadAct
from robopref.ranking.search import BeamSearch
from robopref.rewards.derived import label_free, tuned_policies, tuned_policy
from robopref.rewards.imagined import ImaginedReward
from robopref.robots.dynamics import SimDynamics
from robopref.robots.env_abilities import outline_of
from robopref.robots.sim import Moment, SimTask, film
from robopref.runtime.foresight import Foresight
from robopref.video import write_video

_NO_CLOUD = np.zeros((0, 3), np.float32)


def run(context: Context) -> None:
    """Evaluate the policy with the weights that ``checkpoint`` names; see `evaluate`."""
    best = takes_the_best(context) or weighs(context) is not None
    if context.memory.gives("ranker") and ranker_of_dynamics(context) is None and not best:
        raise ConfigError(
            "ranker= of evaluate must be best_of_n, weighted, look_ahead, beam_search or earned_search, since it "
            "measures the best candidate by each reward; others choose in robopref deploy and offline"
        )
    require_weights(context)
    require_measures(context)
    require_checklist(context)
    require_elsewhere(context)
    choose_weights(context)
    evaluate(context)


def evaluate(context: Context) -> None:
    """Evaluate single decisions, candidate shifts and whole episodes; writes ``evaluation/`` of the run folder."""
    policy = context.policy()
    if context.config.data is not None:
        context.console.print(f"task: {meant(context.config)}", highlight=False, markup=False)
    trained = any((context.folder / "rewards").glob("*/weights.pt")) or context.memory.gives("use")
    if not trained and not earns(context):
        _require_judges(context, {})
        require_task_of(policy, context.pool.task)
        evaluate_alone(context, policy)
        return
    rewards, weights = load_rewards(context) if trained else {}, weights_told(context)
    require_task_of(policy, context.pool.task)
    judges = {name: reward for name, reward in rewards.items() if outcome_parts(reward)}
    _require_judges(context, judges)
    scorers = {name: as_scorer(reward) for name, reward in rewards.items() if name not in judges}
    tuned = _guided(context, policy, rewards)
    leading = EARNED if earns(context) else _leading(context, rewards)
    if (weighed := weighted_sum(context, policy, rewards)) is not None:
        require_reported(context)
        scorers[WEIGHTED], leading = weighed, WEIGHTED
    dynamics = SimDynamics(context.pool, context.device, seed=context.seed)
    imagined = {} if simulates(context) else {name: imagined_reward(context, name) for name in judges}
    ahead = {name: _looking(context, rewards, name, imagined.get(name), dynamics) for name in judges}
    keeping = {
        name: Keeping(one.keep, keeps(context, rewards), IMAGINED + name if name in imagined else None)
        for name, one in ahead.items()
    }
    scorers |= {IMAGINED + name: one for name, one in imagined.items()}
    followed = learnt_dynamics(context) if searches(context) and not simulates(context) else dynamics
    followed = earning_dynamics(context) if earns(context) else followed
    beams = searches_of(context, policy, rewards, leading, followed)
    scorers |= at_once(beams, int(context.config.evaluate.candidates))
    free = label_free(policy)
    moments, chunks, gained, scores = _decisions(context, policy, scorers | free, judges, keeping, tuned, beams)
    (context.folder / FRONTS).unlink(missing_ok=True)  # of another evaluation
    if weighed is not None:
        write_fronts(context, policy, weighed, moments, chunks, scores, _tuned(context, policy, rewards))
    write_shifts(context, policy, scorers, Shift(moments, chunks, gained), scores)
    write_json(context.folder / "evaluation" / "goal.json", asdict(context.pool.task.goal))
    write_json(context.folder / "evaluation" / "ranked.json", {"by": BEAMS + leading if beams else leading})
    write_json(context.folder / "evaluation" / "geometry.json", context.pool.task.geometry.to_dict())
    write_json(context.folder / "evaluation" / "policy.json", weights | {"sampling": _sampling(context, policy)})
    write_json(context.folder / PERSONS, scored_for(context.config, rewards))
    count = int(context.config.evaluate.candidates)
    strategies = _strategies(policy, scorers, tuned, ahead, beams, count)
    trails = _episodes(context, policy, strategies)
    leading = BEAMS + leading if beams else AHEAD + leading if leading in ahead else leading
    _film(context, {"policy": trails["policy"][0], "selected": trails[leading][0]})
    simulated = {name: one.simulated if one.dynamics is dynamics else 0 for name, one in beams.items()}
    timed = strategies | {name: selected(policy, one, count) for name, one in free.items()}
    learnt = LearntFrom(0, carried_out_for(context) if imagined or earns(context) else 0)
    measure_needs(context, policy, rewards, TimedChoices(timed, dynamics, moments, keeping, simulated, learnt))
    _print_matched(context)
    context.console.print(f"evaluation: {context.folder / 'evaluation'}")


def _film(context: Context, trails: Mapping[str, Trail]) -> None:
    """Write a video of each of some episodes by its name."""
    with context.stage("Film an episode", "videos") as bar:
        filmed = context.pool.map(film, [(trail,) for trail in trails.values()])
        for done, (name, frames) in enumerate(zip(trails, filmed, strict=True)):
            write_video(context.folder / "evaluation" / f"{name}.mp4", frames)
            bar(done + 1, len(trails))


def _require_judges(context: Context, judges: Mapping[str, Any]) -> None:
    """Refuse a typed setting that nothing would come of, as no reward judges outcomes."""
    ahead = looks_ahead(context) and context.memory.gives("ranker")
    searched = searches(context) or earns(context)
    imagines = context.memory.gives("dynamics") and not simulates(context) and not searched
    if not judges and (ahead or imagines):
        asked = "ranker=look_ahead" if ahead else f"dynamics={dynamics_name(context)}"
        raise ConfigError(
            f"{asked} is for a reward that judges outcomes, and none is trained; run: robopref train reward "
            f"run={context.folder} reward=outcome"
        )


def _sampling(context: Context, policy: ChunkPolicy) -> dict[str, Any]:
    """How own samples are drawn: of the tuned policy as of the untuned one, which is its control."""
    told = {
        "temperature": temperature_of(policy), "steps": getattr(policy, "sample_steps", None),
        "likeliest of": likeliest_of(policy),
    }  # fmt: skip
    if told["temperature"] != 1 or told["likeliest of"] != 1:
        context.console.print(
            f"own samples, of the tuned policy and of its untuned control alike: temperature {told['temperature']:g}, "
            f"{told['steps']} steps, likeliest of {told['likeliest of']}", highlight=False,
        )  # fmt: skip
    return told


def require_task_of(policy: ChunkPolicy, task: SimTask) -> None:
    """Demand a task that shows what the policy observes and takes its actions, before anything is simulated.

    Raises:
        DataError: It shows something else, or has other actions.
    """
    shown: list[str] = list(getattr(task.env.observation_space, "spaces", ()))
    observes = observed_by(policy)
    if shown and (missing := [name for name in observes if name not in shown]):
        raise DataError(
            f"the policy observes {', '.join(observes)}, but {task.spec.id} shows {', '.join(shown)}, no "
            f"{', '.join(missing)}; name the task that it was recorded in with env=, show more of it with "
            "+env.options.<name>=true, or train one with policy.observation=[<names>] that both have"
        )
    actions = task.geometry.matrix.shape[2]
    if actions != policy.shape[1]:
        raise DataError(
            f"the policy has actions of size {policy.shape[1]}, {task.spec.id} of size {actions}; name the task that "
            "it was recorded in with env="
        )


def evaluate_alone(context: Context, policy: ChunkPolicy) -> None:
    """Evaluate whole episodes of a policy for which no reward is trained yet."""
    context.console.print("no reward is trained yet, so the policy is evaluated by itself")
    trails = _episodes(context, policy, _strategies(policy, {}, None, {}, {}, 1))["policy"]
    with context.stage("Film an episode", "videos"):
        (frames,) = context.pool.map(film, [(trails[0],)])
        write_video(context.folder / "evaluation" / "policy.mp4", frames)
    episodes = load_episodes(context.folder)
    if episodes is not None:
        found, goal = outcomes_of(episodes)["policy"], context.pool.task.goal
        share = (
            None if found.solved is None else clopper_pearson(int(found.solved.sum()), len(found.solved), level=0.95)
        )
        said = "" if share is None else f"solved {share.mean:.0%} ({share.low:.0%} to {share.high:.0%}), "
        left = float(episodes.distances["policy"][:, -1].mean()) * goal.scale
        context.console.print(
            f"policy's own sample, {len(episodes.distances['policy'])} episodes: {said}{goal.distance} at the end "
            f"{left:.3g} {goal.unit} on average", highlight=False,
        )  # fmt: skip
    context.console.print(f"evaluation: {context.folder / 'evaluation'}")


def _print_matched(context: Context) -> None:
    episodes = load_episodes(context.folder)
    matched = None if episodes is None else against_control(outcomes_of(episodes))
    if matched is not None:
        for title, rows in matched_tables(matched, context.pool.task.goal):
            print_table(context.console, title, rows)


def _leading(context: Context, rewards: Mapping[str, Any]) -> str:
    """The reward that ranks; the first where none is named."""
    wanted, names = context.config.deploy.reward, list(rewards)
    if not names:
        raise ConfigError("no reward is left to be evaluated; rewards.<name>=null may leave out all but one")
    if wanted is not None and str(wanted) not in names:
        raise unknown_name("deploy.reward", str(wanted), names)
    leading = names[0] if wanted is None else str(wanted)
    if looks_ahead(context) and all(map(context.memory.gives, ("ranker", "use"))):
        require_of_outcomes(rewards[leading], leading, [name for name in names if outcome_parts(rewards[name])])
    return leading


def _looking(
    context: Context, rewards: dict[str, nn.Module], name: str, imagined: ImaginedReward | None, dynamics: Dynamics
) -> LookAhead:
    """What looks ahead for a reward of outcomes, in simulation or by what is imagined."""
    if imagined is None:
        return look_ahead(context, rewards, name, dynamics)
    return look_ahead(context, {**rewards, name: imagined.judge}, name, imagined.dynamics)


def _guided(context: Context, policy: ChunkPolicy, rewards: dict[str, nn.Module]) -> Policy | None:
    tuned = tuned_policy(rewards)
    if tuned is None or not is_denoising(policy):
        return None
    return GuidedPolicy(policy, tuned, float(context.config.evaluate.guidance))


def _tuned(context: Context, policy: ChunkPolicy, rewards: Mapping[str, nn.Module]) -> dict[str, Policy]:
    """Every policy that a reward of the run tuned, by the name of the reward."""
    found = tuned_policies({name: reward for name, reward in rewards.items() if name in context.config.rewards})
    weight = float(context.config.evaluate.guidance)
    return {name: GuidedPolicy(policy, one, weight) for name, one in found.items()} if is_denoising(policy) else {}


def _decisions(
    context: Context,
    policy: ChunkPolicy,
    scorers: dict[str, Any],
    judges: dict[str, nn.Module],
    keeping: dict[str, Keeping],
    tuned: Policy | None,
    beams: dict[str, BeamSearch],
) -> tuple[list[Moment], Any, Any, dict[str, Any]]:
    """Held-out starts, candidates, what they achieve, and what scorers say of them by name."""
    config = context.config.evaluate
    with context.stage("Held-out starts", "starts") as bar:
        moments = draw_states(
            context.pool, "evaluation", count=int(config.starts), seed=context.seed, progress=bar,
            warm_up=0 if history_of(policy) > 1 else int(config.warm_up),  # of a beginning, what was before is known
        )  # fmt: skip
    chunks = draw_candidates(policy, moments, n=int(config.candidates), seed=context.seed + 2, device=context.device)
    with context.stage("Try all candidates", "starts") as bar:
        gained, after = carry_out_candidates(context.pool, moments, chunks, bar)
    arrays: dict[str, Any] = {
        "points": np.stack([moment.observation.get("points", _NO_CLOUD)[..., :3] for moment in moments]),
        "proprio": np.stack([moment.observation["proprio"] for moment in moments]),
        "actions": chunks,
        "outcomes": gained,
        "start_distance": np.array([context.pool.task.goal.best - moment.progress for moment in moments]),
        "own": np.zeros(len(moments), dtype=np.int64),
    }
    if tuned is not None:
        with context.stage("Try the tuned policy", "starts") as bar:
            own = draw_candidates(tuned, moments, n=1, seed=context.seed + 2, device=context.device)
            arrays["tuned_outcomes"] = try_candidates(context.pool, moments, own, bar)[:, 0]
    scores: dict[str, Any] = {}
    for name, scorer in scorers.items():
        scores[name] = arrays[f"scores_{name}"] = score_candidates(
            scorer, moments, chunks, context.device, history_of(policy)
        )
    for name, judge in judges.items():
        judged = arrays[f"scores_{name}"] = judge_outcomes(judge, moments, after, context.device)
        how = keeping[name]
        foreseen = judged if how.imagined is None else arrays[f"scores_{how.imagined}"]
        arrays[f"ahead_{name}"] = looked_ahead(arrays.get(f"scores_{how.by}"), foreseen, how.keep)
    for name, search in beams.items():
        with context.stage(f"Search by {name}", "starts") as bar:
            arrays[f"beams_{name}"] = (
                score_candidates(Foresight(search), moments, chunks, context.device)
                if not isinstance(search.dynamics, SimDynamics)
                else searched(search, moments, chunks, context.device, bar)
            )
    outline = outline_of(context.pool.task.env)
    if outline is not None:
        arrays["target"] = outline
    write_arrays(context.folder / "evaluation" / "decisions.npz", arrays)
    return moments, chunks, gained, scores


def _strategies(
    policy: ChunkPolicy,
    scorers: dict[str, Any],
    tuned: Policy | None,
    ahead: dict[str, LookAhead],
    beams: dict[str, BeamSearch],
    n: int,
) -> dict[str, Act | SituatedAct]:
    """Ways of choosing in episodes, by name."""
    strategies: dict[str, Act | SituatedAct] = {"policy": own_sample(policy)}
    if tuned is not None:
        strategies["tuned"] = own_sample(tuned)
    strategies |= {name: selected(policy, scorer, n) for name, scorer in scorers.items()}
    following = {
        **{BEAMS + name: one for name, one in beams.items()},
        **{AHEAD + name: one for name, one in ahead.items()},
    }
    for name, one in following.items():
        seen = not isinstance(one.dynamics, SimDynamics)
        strategies[name] = selected(policy, Foresight(one), n) if seen else LookAheadAct(policy, one, n)
    return strategies


def _episodes(context: Context, policy: ChunkPolicy, strategies: dict[str, Act | SituatedAct]) -> dict[str, Any]:
    """Run whole episodes of every strategy; returns what to film of them."""
    config = context.config.evaluate
    goal = context.pool.task.goal
    distances: dict[str, Any] = {"success_distance": goal.success}
    trails: dict[str, Any] = {}
    with context.stage("Episodes of several decisions", "decisions") as bar:
        found = compare_episodes(
            context.pool, strategies, count=int(config.episodes), seed=context.seed, device=context.device,
            pace=EpisodePace(int(config.steps), config.execute, history_of(policy)), progress=bar,
        )  # fmt: skip
    for name, rollouts in found.items():
        distances[name], trails[name] = goal.best - rollouts.progress, rollouts.trails
    score_checklist(context, trails)
    # Read together: what is left of another evaluation is taken away before, not after.
    (context.folder / SOLVED).unlink(missing_ok=True)
    write_arrays(context.folder / EPISODES, distances)
    write_arrays(context.folder / SOLVED, {name: rollouts.solved for name, rollouts in found.items()})
    return trails
