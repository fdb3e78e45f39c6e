"""How far rewards of outcomes reach on the rope: other targets, worse cameras, and a teacher who sees actions only.

- *targets*: the rope has to become a U or a circle. Demonstrators act towards the target, so each target has
  demonstrations, a policy and orderings of its own. Rewards of outcomes learn from 100 and from 15 orderings.
- *camera*: the clouds that were seen after the candidates are made worse, by 3 mm of noise in each coordinate, hiding
  a third from one side, or by both; for training and judging alike, or for judging alone. Nothing is simulated again:
  what the policy and rewards of actions see before an action stays as it is.
- *actions*: 100 orderings by a teacher who sees the rope and the arrows of the actions, but not what comes of them, see
  `arrow_worth`. Explicit, implicit and outcome rewards learn from these.

The last two take everything else from the seeds of `deformable.py` and `outcomes.py`, or make it there first. What is
done is kept in runs/bench-outcome-robustness; a later call goes on. A seed is estimated at half a CPU-hour.

``python -m benchmarks.outcome_robustness seeds=1 parts=camera,actions`` does less; other words are settings of
``robopref``.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.deformable import first_states, run_seed, start_seed, train_rewards
from benchmarks.outcomes import SEEN, carried_out, trained
from benchmarks.records import Record, chosen_by, earlier, keep, share_of_gap, write
from robopref.answers import Answers
from robopref.cli.answered import load_preferences
from robopref.cli.context import Context
from robopref.data.episodes.candidate_store import CANDIDATES, open_candidates
from robopref.data.labels.comparisons import candidate_target
from robopref.decisions import as_scorer
from robopref.errors import unknown_name
from robopref.evaluation.compare import judge_outcomes, score_candidates
from robopref.evaluation.statistics import pair_counts
from robopref.labelers.oracle import Imperfection, ScriptedTeacher
from robopref.learning.candidate_files import OUTCOMES, tried_candidates
from robopref.processes import process_pool
from robopref.querying.candidate_queries import candidate_queries
from robopref.records import OUTCOME, Item
from robopref.robots.sim import Moment, SimTask
from robopref.scores import PairTarget

NAME, WORK = "outcome_robustness", Path("runs/bench-outcome-robustness")
SEEDS, STARTS = 3, 50
PARTS = ("targets", "camera", "actions")
TARGETS = ("u", "circle")
COUNTS = (100, 15)  # orderings that a reward of outcomes learns from on another target
BY = ("explicit", "implicit")
REWARD = "a reward of outcomes, all 16 carried out"
ACTIONS_ONLY = "a teacher who sees actions only"
EQUAL = 0.003  # what differs by less is called equal, as by the teacher who sees outcomes, m

Values = NDArray[np.float64]


class Flaw(NamedTuple):
    """What is wrong with a camera.

    Attributes:
        noise: Standard deviation of each coordinate of each point, m.
        hidden: Share of the points of a cloud that is hidden from one side.
    """

    noise: float = 0.0
    hidden: float = 0.0


FLAWS = {
    "3 mm of noise": Flaw(noise=0.003),
    "a third hidden": Flaw(hidden=1 / 3),
    "3 mm of noise and a third hidden": Flaw(0.003, 1 / 3),
}


class HeldOut(NamedTuple):
    """Starts, candidates (S, N, H, A), what these achieve (S, N), and what is observed afterwards, (S, N, ...)."""

    moments: Sequence[Moment]
    chunks: NDArray[np.float32]
    gained: Values
    after: Mapping[str, NDArray[Any]]

    @classmethod
    def first(cls, context: Context, starts: int) -> HeldOut:
        """The first ones of a run."""
        moments, chunks, gained, after = carried_out(context)
        return cls(
            moments[:starts], chunks[:starts], gained[:starts], {name: one[:starts] for name, one in after.items()}
        )


def main(words: Sequence[str] = ()) -> None:
    """Run all seeds, two at a time, and write the result; records of parts that are not asked for stay."""
    given = dict(word.split("=", 1) for word in words)
    seeds, starts = int(given.pop("seeds", SEEDS)), int(given.pop("starts", STARTS))
    parts = given.pop("parts", ",".join(PARTS)).split(",")
    if unknown := [part for part in parts if part not in PARTS]:
        raise unknown_name("part", unknown[0], PARTS)
    others = [f"{key}={value}" for key, value in given.items()]
    with process_pool(2) as pool:
        found = list(pool.map(run_robustness, range(seeds), [parts] * seeds, [starts] * seeds, [others] * seeds))
    made = records(found)
    for record in made:
        print(f"{record.value:7.3f} ({record.low:.3f} to {record.high:.3f}) {record.claim}")
    print(f"result: {write(NAME, made, earlier(NAME, {record.claim.split(': ')[0] for record in made}))}")


def run_robustness(seed: int, parts: Sequence[str], starts: int, others: Sequence[str] = ()) -> dict[str, Any]:
    """What is found out on one seed, as plain values, by target and other part; what is done is read back."""
    torch.set_num_threads(1)
    os.environ.setdefault("MUJOCO_GL", "egl")
    words = [f"evaluate.starts={starts}", *others]
    own = [word for word in others if word.startswith("rewards.outcome.")]
    others = [word for word in others if word not in own]
    found: dict[str, Any] = {}
    for target in TARGETS if "targets" in parts else ():
        make = partial(on_target, seed, target, [words[0], *others], own)
        found[target] = keep(kept_in(target, seed), make, words)
    with contextlib.ExitStack() as stack:
        straight = cache(lambda: stack.enter_context(on_straight(seed, starts, others, own)))
        for part in (part for part in STRAIGHT if part in parts):
            found[part] = keep(kept_in(part, seed), lambda part=part: straight()(part), words)
    return found


def kept_in(subject: str, seed: int) -> Path:
    """Where is kept what was found out."""
    return WORK / f"{subject}-{seed}.json"


def on_target(seed: int, target: str, others: Sequence[str], words: Sequence[str]) -> dict[str, Any]:
    """Scores at held-out starts of a rope that has another target."""
    context = start_seed(seed, "rope", [f"env.options.target={target}", *others], WORK / target / f"seed-{seed}")
    try:
        held_out = HeldOut.first(context, int(context.config.evaluate.starts))
        data, scores = load_preferences(context, after=SEEN), dict[str, Any]()
        for count in COUNTS:
            judge = trained(context, replace(data, target=first_states(data.target, count)), str(count), words)
            scores[f"{REWARD} ({count} orderings)"] = judged(context, judge, held_out)
        rewards = train_rewards(context, load_preferences(context), "all", ("explicit",))
        scores["explicit (100 orderings)"] = scored(context, rewards["explicit"], held_out)
        scores["likelihood (no labels)"] = scored(context, rewards["likelihood"], held_out)
        return {
            "outcomes": held_out.gained.tolist(), "difference": context.pool.task.goal.difference, "scores": scores
        }  # fmt: skip
    finally:
        context.finish()


@contextlib.contextmanager
def on_straight(
    seed: int, starts: int, others: Sequence[str], words: Sequence[str]
) -> Iterator[Callable[[str], dict[str, Any]]]:
    """What finds out a part at the first held-out starts of a seed of `deformable.py`."""
    given = run_seed(seed, "rope", others)["scores"]["all"]
    context = start_seed(seed, "rope", others)
    try:
        held_out = HeldOut.first(context, starts)
        known = {"outcomes": held_out.gained.tolist(), "difference": context.pool.task.goal.difference}
        yield lambda part: {**known, **STRAIGHT[part](context, held_out, words, given)}
    finally:
        context.finish()


def judged(context: Context, judge: torch.nn.Module, held_out: HeldOut) -> list[list[float]]:
    """What a reward of outcomes says of what came of the candidates."""
    return judge_outcomes(judge, held_out.moments, held_out.after, context.device).tolist()


def scored(context: Context, scorer: torch.nn.Module, held_out: HeldOut) -> list[list[float]]:
    """What a reward of actions says of the candidates."""
    return score_candidates(as_scorer(scorer), held_out.moments, held_out.chunks, context.device).tolist()


def worse_camera(context: Context, held_out: HeldOut, words: Sequence[str], given: Mapping[str, Any]) -> dict[str, Any]:
    """Scores by rewards of outcomes that see worse clouds, or that were trained on worse ones."""
    del given
    data, clouds = load_preferences(context, after=SEEN), f"{OUTCOME}points"
    clean = trained(context, data, "100", words)
    scores = {f"{REWARD} (100 orderings)": judged(context, clean, held_out)}
    for number, (name, flaw) in enumerate(FLAWS.items()):
        rng = np.random.default_rng([context.seed, number])
        learnt = torch.as_tensor(flawed(data.items.part(clouds)[:, :, 0].numpy(), flaw, rng))[:, :, None]
        worse = replace(data, items=replace(data.items, steps={**data.items.steps, clouds: learnt}))
        seen = held_out._replace(after={**held_out.after, "points": flawed(held_out.after["points"], flaw, rng)})
        judge = trained(context, worse, f"100, {name}", words)
        scores[f"{REWARD} (100 orderings; {name} in training and judging)"] = judged(context, judge, seen)
        scores[f"{REWARD} (100 orderings; {name} in judging alone)"] = judged(context, clean, seen)
    return {"scores": scores}


def flawed(clouds: NDArray[np.float32], flaw: Flaw, rng: np.random.Generator) -> NDArray[np.float32]:
    """Clouds as a worse camera sees them.

    Args:
        clouds: (S, N, P, 3), m.
        flaw: What is wrong with it. What is hidden of a cloud lies furthest towards one side, which is the same for all
            clouds of a state; points that are left take its place.
        rng: Source of the sides, and of the noise.

    Returns:
        (S, N, P, 3).
    """
    count = clouds.shape[2]
    if hidden := round(flaw.hidden * count):
        angle = rng.uniform(0, 2 * np.pi, len(clouds))
        along = np.einsum("snpd,sd->snp", clouds[..., :2], np.stack([np.cos(angle), np.sin(angle)], axis=1))
        # Clouds are thinned evenly in their order, so that it has to stay.
        left = np.sort(along.argsort(axis=2)[:, :, : count - hidden], axis=2)
        index = left[:, :, np.arange(count) % left.shape[2]]
        clouds = np.take_along_axis(clouds, index[..., None], axis=2)
    return (clouds + rng.normal(0, flaw.noise, clouds.shape)).astype(np.float32)


def unseen_outcomes(
    context: Context, held_out: HeldOut, words: Sequence[str], given: Mapping[str, Any]
) -> dict[str, Any]:
    """Scores by rewards of a teacher who sees actions only, beside those of one who sees what comes of them."""
    drawn = open_candidates(context.folder / f"{CANDIDATES}.zarr")
    worth = arrows(context, drawn.array("snapshot"), drawn.array("candidates"))
    happened = tried_candidates(context.folder / OUTCOMES, context.pool, drawn)
    right, total = pair_counts(worth, happened, threshold=context.pool.task.goal.difference)
    chosen = arrows(context, [moment.snapshot for moment in held_out.moments], held_out.chunks)
    scores: dict[str, Any] = {f"{ACTIONS_ONLY}, asked every time": chosen.tolist()}
    target = ordered(worth, EQUAL)
    rewards = train_rewards(context, replace(load_preferences(context), target=target), "actions only", BY)
    for name in BY:
        scores[f"{name} (100 orderings by {ACTIONS_ONLY})"] = scored(context, rewards[name], held_out)
        scores[f"{name} (100 orderings)"] = given[name][: len(held_out.moments)]
    judge = trained(
        context, replace(load_preferences(context, after=SEEN), target=target), "100 of actions only", words
    )
    scores[f"{REWARD} (100 orderings by {ACTIONS_ONLY})"] = judged(context, judge, held_out)
    return {"scores": scores, "agreement": [float(right.sum()), float(total.sum())]}


def arrows(context: Context, snapshots: Iterable[Values], chunks: NDArray[np.float32]) -> Values:
    """What the arrows of chunks (S, N, 1, 4) promise, (S, N) m; nothing is carried out."""
    return np.stack(list(context.pool.map(seen_arrows, zip(snapshots, chunks, strict=True))))


def seen_arrows(task: SimTask, snapshot: Values, chunks: NDArray[np.float32]) -> Values:
    """What the arrows of chunks (N, 1, 4) promise in a state of the rope, (N,) m."""
    task.rewind(snapshot, 0)
    ends = np.asarray(task.geometry.anchors(chunks))[:, 0, :, :2]
    return arrow_worth(task.env.vertices[:, :2], task.env.target_points, ends[:, 0], ends[:, 1])


def arrow_worth(rope: Values, goal: Values, picks: Values, places: Values) -> Values:
    """How much nearer to where it belongs an arrow promises to bring the point of the rope that it begins at.

    As far as the eye can tell: the grasp succeeds, that point goes to the end of the arrow, and nobody thinks of the
    rest of the rope.

    Args:
        rope: (V, 2) vertices, m.
        goal: (V, 2) where each belongs, m.
        picks: (N, 2) beginnings of the arrows, m.
        places: (N, 2) their ends, m.

    Returns:
        (N,) m.
    """
    held = np.linalg.norm(rope[None] - picks[:, None], axis=2).argmin(axis=1)
    return np.linalg.norm(rope[held] - goal[held], axis=1) - np.linalg.norm(places - goal[held], axis=1)


def ordered(worth: Values, equal: float) -> PairTarget:
    """Preferences of a teacher who orders the candidates of each state by what they are worth to it.

    Args:
        worth: (S, N).
        equal: What differs by less is called equal.
    """

    def reward(item: Item) -> Values:
        return worth[item.start, [item.candidate or 0]]

    states, candidates = worth.shape
    queries = candidate_queries(CANDIDATES, states, candidates)
    teacher = ScriptedTeacher(reward, Imperfection(equal=equal))
    answers = Answers.of(queries, [teacher.label(query) for query in queries])
    return candidate_target(answers, states=states, candidates=candidates)


STRAIGHT = {"camera": worse_camera, "actions": unseen_outcomes}


def records(found: Sequence[Mapping[str, Any]]) -> list[Record]:
    """Turn the seeds' measurements into claims, which begin with their target or other part."""
    made: list[Record] = []
    for subject in found[0]:
        seeds = [seed[subject] for seed in found]
        outcomes = np.concatenate([np.array(seed["outcomes"]) for seed in seeds])
        owner = np.repeat(np.arange(len(seeds)), [len(seed["outcomes"]) for seed in seeds])
        for name in seeds[0]["scores"]:
            scores = np.concatenate([np.array(seed["scores"][name], dtype=float) for seed in seeds])
            made.append(share_of_gap(name, chosen_by(scores, outcomes), outcomes, owner, subject=subject))
            right, total = pair_counts(scores, outcomes, threshold=seeds[0]["difference"])
            claim = f"{subject}: pairs of held-out candidates ordered rightly by {name}"
            made.append(_plain(claim, float(right.sum() / total.sum()), len(outcomes)))
        if "agreement" in seeds[0]:
            right, total = np.sum([seed["agreement"] for seed in seeds], axis=0)
            claim = f"{subject}: pairs of labelled candidates that are ordered as their outcomes are by {ACTIONS_ONLY}"
            made.append(_plain(claim, right / total, int(total)))
    return made


def _plain(claim: str, value: float, n: int) -> Record:
    return Record(claim, *[round(float(value), 4)] * 3, "", None, "share", n)


if __name__ == "__main__":
    main(sys.argv[1:])
