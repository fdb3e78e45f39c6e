"""Which episodes `robopref deploy` runs: each start once, or twice to compare ranking with a control."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from robopref.evaluation.control import StartOutcomes, against_control, matched_tables
from robopref.motion import RobotSpec
from robopref.records import Goal
from robopref.runtime.control_loop import Runtime
from robopref.runtime.planner import Planner
from robopref.runtime.trials import Trial, matched_trials
from robopref.seeding import derive

_CONTROL = "without ranking"


class EveryStartOnce:
    """Every start is run once, ranked.

    Args:
        starts: How many.

    Attributes:
        trials: What is run.
        marks: What recordings say of the present episode.
        folder: Where recordings go, within the run folder.
    """

    folder = "deploy"

    def __init__(self, starts: int) -> None:
        self.trials: Sequence[Trial] = [Trial(start) for start in range(starts)]
        self.marks: dict[str, Any] = {}

    def title(self, trial: Trial) -> str:
        """What an episode is called."""
        return f"episode {trial.start + 1}"

    def preparation(self, trial: Trial, spec: RobotSpec) -> str:
        """There is nothing to prepare."""
        return ""

    def begin(self, trial: Trial, runtime: Runtime) -> None:
        """The planner stays."""

    def end(self, trial: Trial, runtime: Runtime) -> None:
        """Nothing is compared."""

    def summary(self) -> dict[str, Any]:
        """Nothing is added."""
        return {}

    def tables(self) -> list[tuple[str, list[list[str]]]]:
        """There are none."""
        return []


class EveryStartTwice:
    """Every start is run with ranking and without, in random order, and the two are compared.

    Both draw the same candidates: their seeds are those of the start, and so are their numbers of candidates.

    Args:
        starts: How many.
        ranked: Plans with ranking.
        control: Plans without.
        name: Of the reward that ranks.
        goal: In what terms the task is reported; None if the robot measures no distance.

    Raises:
        ConfigError: No starts.

    Attributes:
        trials: What is run, in an order that the seed of the planner gives.
        marks: What recordings say of the present episode: ``start`` and whether it is ``ranked``.
        folder: Where recordings go, within the run folder; stores of single runs lack the marks.
    """

    folder = "deploy/control"

    def __init__(self, starts: int, ranked: Planner, control: Planner, *, name: str, goal: Goal | None) -> None:
        self.trials, self.marks = matched_trials(starts, ranked.seed), dict[str, Any]()
        self._planners, self._seed = {True: ranked, False: control}, ranked.seed
        self._name, self._goal = f"ranked by {name}", goal
        self._ended: dict[Trial, tuple[bool, float]] = {}

    def title(self, trial: Trial) -> str:
        """What an episode is called: not by whether it is ranked, which whoever judges it had better not know."""
        return f"start {trial.start + 1}, run {1 + self._second(trial)} of 2"

    def preparation(self, trial: Trial, spec: RobotSpec) -> str:
        """What whoever sets a real robot up has to do for both runs of a start to begin alike; empty for others."""
        how = "as for the first" if self._second(trial) else "as you will have to once more"
        return f"{self.title(trial)}: set everything up {how}" if spec.real else ""

    def begin(self, trial: Trial, runtime: Runtime) -> None:
        """Put the planner in its place, and let it draw what the other run of the start draws."""
        planner = self._planners[trial.ranked]
        planner.seed, planner.count = derive(self._seed, "trial", trial.start), 0
        planner.clock, runtime.planner = runtime.guard.clock, planner
        self.marks |= {"start": trial.start, "ranked": trial.ranked}

    def end(self, trial: Trial, runtime: Runtime) -> None:
        """Keep what came of it."""
        progress = np.nan if runtime.reading is None else runtime.reading.progress
        self._ended[trial] = (runtime.tally.success, progress)

    def summary(self) -> dict[str, Any]:
        """The comparison, and what came of every episode."""
        told = [
            {"start": trial.start, "ranked": trial.ranked, "success": success,
             "progress": progress if np.isfinite(progress) else None}
            for trial, (success, progress) in self._ended.items()
        ]  # fmt: skip
        return {"trials": told, "matched": self._matched()}

    def tables(self) -> list[tuple[str, list[list[str]]]]:
        """Titles and rows of the comparison of the starts that were run both ways."""
        matched = self._matched()
        return [] if matched is None else matched_tables(matched, self._goal or Goal())

    def _second(self, trial: Trial) -> bool:
        return self.trials.index(trial) > self.trials.index(Trial(trial.start, not trial.ranked))

    def _matched(self) -> dict[str, Any] | None:
        starts = [trial.start for trial in self._ended if trial.ranked and Trial(trial.start, False) in self._ended]
        if not starts:
            return None
        outcomes = {
            name: self._outcomes([self._ended[Trial(start, ranked)] for start in sorted(starts)])
            for name, ranked in ((_CONTROL, False), (self._name, True))
        }
        return against_control(outcomes, _CONTROL)

    def _outcomes(self, ended: list[tuple[bool, float]]) -> StartOutcomes:
        solved, progress = np.array([success for success, _ in ended]), np.array([value for _, value in ended])
        measured = self._goal is not None and bool(np.isfinite(progress).all())
        return StartOutcomes(solved, self._goal.best - progress if measured and self._goal else None)
