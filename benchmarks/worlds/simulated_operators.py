"""Operators who are asked before every decision of a simulated deployment, and answer as people do.

A plan is offered by the deployed planner. Whoever is asked sees all candidates and how far each gets, judges that with
some noise, and prefers the places that come first. A quarter of the answers accepts what is offered without a
comparison, a tenth of all comes faster than anybody can look. At the end an episode is called a success or a failure,
by how far it got; a quarter of the successes is spoilt by something else.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from robopref.motion import Event, Plan, Reading
from robopref.recording.operator_feedback import OperatorFeedback
from robopref.records import Observation
from robopref.robots.dynamics import observe
from robopref.robots.sim import Moment, SimPool, advance, outcomes
from robopref.runtime.planner import Planner
from robopref.scores import NoiseDraw, Scores

_SHARPNESS, _PLACES, _UNCOMPARED, _HASTY, _SPOILT = 2.0, 1.0, 0.25, 0.1, 0.25


class Sideways:
    """The scorer that is deployed: it likes what goes to the right, which nobody cares for."""

    def score(self, observation: Observation, actions: torch.Tensor, *, draw: NoiseDraw | None = None) -> Scores:
        """Add up the first numbers of all actions."""
        return Scores(actions[..., 0].sum(-1))


def deploy(
    planner: Planner, pool: SimPool, starts: Sequence[Moment], path: Path, *, episodes: int, decisions: int, seed: int
) -> None:
    """Run episodes, and record what operators do.

    Args:
        planner: Plans.
        pool: Runs the task.
        starts: Where episodes begin, in turn.
        path: File of events.
        episodes: How many.
        decisions: Of each.
        seed: Of the operators.
    """
    rng, now = np.random.default_rng(seed), [0.0]
    feedback = OperatorFeedback(path, "ann", clock=lambda: now[0])  # type: ignore[arg-type]
    final: list[float] = []
    for episode in range(episodes):
        moment = starts[episode % len(starts)]
        feedback.on_reset(_reading(moment))
        for _ in range(decisions):
            plan = planner.plan(observe([moment], planner.device), _reading(moment), 0, _unchanged)
            assert plan is not None, "nothing refuses a candidate here"
            feedback.on_plan(plan)
            (gained,) = pool.map(outcomes, [(moment.snapshot, plan.candidates)])
            place, seconds = _choose(plan, gained, rng)
            now[0] += seconds
            candidate = plan.places[place]
            told = {"by": "ann", "shown": list(range(len(plan.candidates)))}
            told |= {} if place == 0 else {"candidate": candidate}
            feedback.on_event(Event("accept" if place == 0 else "correct", now[0], "", told, plan))
            (moment,) = pool.map(advance, [(moment.snapshot, plan.candidates[candidate], 0)])
        got = moment.progress - starts[episode % len(starts)].progress
        good = got > (np.median(final) if final else 0.0) and rng.random() > _SPOILT
        final.append(got)
        now[0] += 2.0
        feedback.on_event(Event("success" if good else "failure", now[0], "", {"by": "ann"}, plan))
    feedback.close()


def _choose(plan: Plan, gained: NDArray[np.float64], rng: np.random.Generator) -> tuple[int, float]:
    """Place of the candidate that is wanted, and the seconds that it took to say so."""
    places = np.array(plan.places)
    if rng.random() < _HASTY:
        return 0, 0.15
    if rng.random() < _UNCOMPARED:
        return 0, 0.8
    judged = _SHARPNESS * gained[places] / max(1e-9, float(gained.std()))
    wanted = judged + rng.gumbel(size=len(places)) - _PLACES * np.log(1 + np.arange(len(places)))
    return int(wanted.argmax()), float(rng.uniform(1, 5))


def _unchanged(raw: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    return np.clip(raw, -1, 1), np.ones(len(raw), bool)


def _reading(moment: Moment) -> Reading:
    return Reading(Observation(state=moment.observation["state"]), 0.0, np.zeros(3))
