"""Reading of what the stages of a run left in its folder.

Shape alphabet: `S` starts, `N` candidates, `H` chunk horizon, `A` action dim, `P` points, `T` steps of an episode.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.data.damage import cause
from robopref.errors import DataError
from robopref.evaluation.intervals import Values
from robopref.evaluation.stored_arrays import load_arrays, require_form
from robopref.files import fields, number, read_json
from robopref.records import ActionGeometry, Array, Goal

DECISIONS = "evaluation/decisions.npz"
EPISODES = "evaluation/episodes.npz"
SOLVED = "evaluation/solved.npz"
SHIFTS = "evaluation/shifts.json"
GEOMETRY = "evaluation/geometry.json"
GOAL = "evaluation/goal.json"
RANKED = "evaluation/ranked.json"
NEEDS = "evaluation/needs.json"
TIMING = "timing.json"
INFO = "info.json"
POLICY = "evaluation/policy.json"
PERSONS = "evaluation/persons.json"

AHEAD = "look-ahead by "  # before a reward of outcomes, in the name of the strategy that looks ahead for it
BEAMS = "beam search by "  # before a reward of actions, in the name of the strategy that adds it up
_SCORES, _AHEAD, _BEAMS = "scores_", "ahead_", "beams_"
_RESERVED = ("own", "random", "tuned", "oracle")
_GOAL = {"distance": str, "unit": str, "scale": float, "best": float, "success": float, "difference": float}
_LAST = 2**53  # of the steps of a training; those above cannot be told apart
_AGAIN = "run `robopref evaluate` again"


@dataclass(frozen=True)
class Decisions:
    """Candidates drawn at held-out starts, what they were scored, and what came of executing each.

    Attributes:
        points: (S, P, 3) point clouds, m; P is 0 where none were seen.
        actions: (S, N, H, A) candidates.
        outcomes: (S, N) progress by executing the candidate at that start.
        start_distance: (S,) distance to the goal at the start.
        own: (S,) index of the policy's own sample.
        scores: (S, N) of each scorer by its name, larger is better. What a reward of outcomes says of all N candidates,
            is known once all of them are carried out.
        ahead: (S, N) by the name of a reward of outcomes, larger is better: what look-ahead chooses by, which carries
            the few candidates out that a score of actions keeps.
        beams: (S, N) by the name of a reward of actions, larger is better: what beam search chooses by, which adds
            the reward up over several decisions.
        tuned: (S,) progress by the preference-tuned policy's own sample, if there is such a policy.
        target: (V, 2) or (V, 3) polyline of the target shape for pictures, m, if it was stored.
        proprio: (S, D) proprioception, if it was stored; actions that move the robot on start from there.
    """

    points: Array
    actions: Array
    outcomes: Values
    start_distance: Values
    own: NDArray[np.int64]
    scores: dict[str, Values]
    tuned: Values | None = None
    target: Array | None = None
    proprio: Array | None = None
    ahead: dict[str, Values] = field(default_factory=dict[str, Values])
    beams: dict[str, Values] = field(default_factory=dict[str, Values])

    def of(self, chosen: NDArray[np.int64]) -> Values:
        """Outcomes of one candidate a start.

        Args:
            chosen: (S,) index of the candidate.

        Returns:
            (S,) outcomes.
        """
        return self.outcomes[np.arange(len(chosen)), chosen]

    def selected(self, name: str) -> NDArray[np.int64]:
        """Candidate that is picked at each start: the first of those that are scored highest, as deployment does.

        Args:
            name: Of a scorer; or of a strategy that looks ahead or searches, as `AHEAD` and `BEAMS` begin it.

        Returns:
            (S,) indices.
        """
        known = self.ahead if name.startswith(AHEAD) else self.beams if name.startswith(BEAMS) else self.scores
        return np.argmax(known[judge_of(name)], axis=1)


def judge_of(strategy: str) -> str:
    """The reward by which a strategy chooses in the end: its scorer, or what judges, or adds up, what it foresees."""
    return strategy.removeprefix(AHEAD).removeprefix(BEAMS)


@dataclass(frozen=True)
class Episodes:
    """Whole episodes under several strategies, from the same starts.

    Attributes:
        distances: (S, T + 1) distances to the goal of each strategy by its name, the start first.
        success_distance: Distance below which an episode has succeeded; 0 if the distance does not tell.
        solved: (S,) steps after which the task said that it was solved, of each strategy; -1 where it never did. None
            if that was not stored.
    """

    distances: dict[str, Values]
    success_distance: float
    solved: dict[str, NDArray[np.int64]] | None = None

    @property
    def told(self) -> bool:
        """Whether it is known which episodes succeeded."""
        return self.success_distance > 0 or self.solved is not None

    def steps(self, strategy: str) -> Values:
        """First step after which each episode has succeeded: by the distance, or where that does not tell, by the task.

        Args:
            strategy: Its name.

        Returns:
            (S,) steps; infinite for episodes that never succeed.
        """
        if self.success_distance > 0 or self.solved is None:
            return steps_to_success(self.distances[strategy], self.success_distance)
        found = self.solved[strategy]
        return np.where(found >= 0, found, np.inf)


def steps_to_success(distances: Values, success_distance: float) -> Values:
    """First step after which each episode has succeeded.

    Args:
        distances: (S, T + 1) distance to the goal before and after each of T steps.
        success_distance: What counts as success.

    Returns:
        (S,) steps; infinite for episodes that never succeed.
    """
    reached = distances < success_distance
    return np.where(reached.any(axis=1), reached.argmax(axis=1), np.inf)


def _undecided(folder: Path) -> DataError:
    if (folder / EPISODES).is_file():
        return DataError(
            f"{folder / DECISIONS} is missing, as the policy was evaluated by itself, and a report is about choices by "
            f"a reward; run: robopref train reward run={folder}, and robopref evaluate again"
        )
    return DataError(f"{folder / DECISIONS} is missing; run `robopref evaluate` on this run folder first")


def load_decisions(folder: Path) -> Decisions:
    """Read and check the decisions.

    Args:
        folder: The run folder.

    Returns:
        The decisions.

    Raises:
        DataError: They are missing, damaged, or do not fit together.
    """
    path = folder / DECISIONS
    if not path.is_file():
        raise _undecided(folder)
    stored = load_arrays(path, _AGAIN)
    absent = [key for key in ("points", "actions", "outcomes", "start_distance", "own") if key not in stored]
    if absent:
        raise DataError(f"{path} lacks {', '.join(absent)}; run `robopref evaluate` again")
    scores = {key.removeprefix(_SCORES): stored[key] for key in stored if key.startswith(_SCORES)}
    if not scores:
        raise DataError(f"{path} holds no scores_<scorer>; run `robopref evaluate` with at least one reward")
    ahead = {key.removeprefix(_AHEAD): stored[key] for key in stored if key.startswith(_AHEAD)}
    beams = {key.removeprefix(_BEAMS): stored[key] for key in stored if key.startswith(_BEAMS)}
    if taken := [name for name in scores if name in _RESERVED or name.startswith((AHEAD, BEAMS))]:
        raise DataError(f"{path}: a scorer may not be called {', '.join(taken)}, which has another meaning in reports")
    starts, candidates = require_form(path, "outcomes", stored["outcomes"], (None, None))
    clouds = None if stored["points"].size else 0  # none where nobody looked at any
    require_form(path, "points", stored["points"], (starts, clouds, 3))
    require_form(path, "actions", stored["actions"], (starts, candidates, None, None))
    require_form(path, "start_distance", stored["start_distance"], (starts,))
    require_form(path, "own", stored["own"], (starts,))
    for name, values in scores.items():
        require_form(path, _SCORES + name, values, (starts, candidates))
    for prefix, found, does in ((_AHEAD, ahead, "looks ahead for"), (_BEAMS, beams, "adds up")):
        for name, values in found.items():
            if name not in scores:
                raise DataError(f"{path} holds {prefix}{name}, but no {_SCORES}{name} of what it {does}")
            require_form(path, prefix + name, values, (starts, candidates))
    own = stored["own"].astype(np.int64)
    if own.min() < 0 or own.max() >= candidates:
        raise DataError(f"{path}: own must be within [0, {candidates - 1}], got {own.min()} to {own.max()}")
    tuned, target, proprio = (stored.get(key) for key in ("tuned_outcomes", "target", "proprio"))
    if tuned is not None:
        require_form(path, "tuned_outcomes", tuned, (starts,))
    if target is not None:
        require_form(path, "target", target, (None, None))
    if proprio is not None:
        require_form(path, "proprio", proprio, (starts, None))
    return Decisions(
        points=stored["points"],
        actions=stored["actions"],
        outcomes=stored["outcomes"].astype(np.float64),
        start_distance=stored["start_distance"].astype(np.float64),
        own=own,
        scores={name: values.astype(np.float64) for name, values in scores.items()},
        tuned=None if tuned is None else tuned.astype(np.float64),
        target=target,
        proprio=proprio,
        ahead={name: values.astype(np.float64) for name, values in ahead.items()},
        beams={name: values.astype(np.float64) for name, values in beams.items()},
    )


def load_episodes(folder: Path) -> Episodes | None:
    """Read and check the episodes.

    Args:
        folder: The run folder.

    Returns:
        The episodes, or None if there are none.

    Raises:
        DataError: They are damaged or do not fit together.
    """
    path = folder / EPISODES
    if not path.is_file():
        return None
    stored = load_arrays(path, _AGAIN)
    success = stored.pop("success_distance", None)
    if success is None or success.ndim or not stored:
        raise DataError(f"{path} must hold success_distance () and at least one strategy, got {', '.join(stored)}")
    require_form(path, "success_distance", success, ())
    shape: tuple[int | None, ...] = (None, None)
    for name, values in stored.items():
        shape = require_form(path, name, values, shape)
    distances = {name: values.astype(np.float64) for name, values in stored.items()}
    return Episodes(distances, float(success), _solved(folder, distances))


def _solved(folder: Path, distances: dict[str, Values]) -> dict[str, NDArray[np.int64]] | None:
    path = folder / SOLVED
    if not path.is_file():
        return None
    stored = load_arrays(path, _AGAIN)
    if stored.keys() != distances.keys():
        raise DataError(
            f"{path} must hold the strategies of {EPISODES} ({', '.join(distances)}), got {', '.join(stored)}; "
            "run `robopref evaluate` again"
        )
    for name, values in stored.items():
        require_form(path, name, values, distances[name].shape[:1])
    return {name: values.astype(np.int64) for name, values in stored.items()}


def load_geometry(folder: Path) -> ActionGeometry | None:
    """Read what actions mean in space, or None if that was not stored.

    Args:
        folder: The run folder.

    Returns:
        The geometry.

    Raises:
        DataError: It is damaged.
    """
    stored = load_object(folder / GEOMETRY)
    if stored is None:
        return None
    try:
        return ActionGeometry.from_dict(stored)
    except DataError as error:
        raise DataError(f"{folder / GEOMETRY} does not describe an action geometry: {error}") from error


def load_goal(folder: Path) -> Goal:
    """Read in what terms the task is reported.

    Args:
        folder: The run folder.

    Returns:
        The goal; the plain one if none was stored.

    Raises:
        DataError: It is damaged.
    """
    stored = load_object(folder / GOAL)
    return Goal(**fields(folder / GOAL, stored or {}, _GOAL))


def load_ranked(folder: Path) -> str | None:
    """Read which scorer candidates are ranked with when the policy is deployed, or None if that was not stored.

    Args:
        folder: The run folder.

    Returns:
        Its name.

    Raises:
        DataError: It is damaged.
    """
    stored = load_object(folder / RANKED)
    return fields(folder / RANKED, stored or {}, {"by": str}).get("by")


def load_persons(folder: Path) -> dict[str, str]:
    """Read whom rewards of several persons scored for, by the name of the reward; raises as `load_ranked`.

    Args:
        folder: The run folder.
    """
    return {name: str(whom) for name, whom in (load_object(folder / PERSONS) or {}).items()}


def load_object(path: Path) -> dict[str, Any] | None:
    """Read a JSON object, or None if the file is not there.

    Args:
        path: The file.

    Returns:
        The object.

    Raises:
        DataError: It is not JSON, or not an object.
    """
    return read_json(path) if path.exists() else None


def load_learning(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Read the learning curves of the policy and of every reward.

    Args:
        folder: The run folder.

    Returns:
        Lines of each `metrics.jsonl` by the name of what was trained; a last line cut short by a kill is left out.

    Raises:
        DataError: Another line is not a JSON object.
    """
    found = {"policy": folder / "policy/metrics.jsonl"}
    found |= {f"reward {path.parent.name}": path for path in sorted(folder.glob("rewards/*/metrics.jsonl"))}
    return {name: lines for name, path in found.items() if path.is_file() and (lines := _lines(path))}


def _lines(path: Path) -> list[dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise DataError(f"cannot read {path} ({cause(error)})") from error
    rows = [row for row in text.split("\n") if row.strip()]
    lines: list[dict[str, Any]] = []
    for count, row in enumerate(rows, start=1):
        try:
            line = json.loads(row)
        except (ValueError, RecursionError) as error:
            if count == len(rows) and not text.endswith("\n"):
                break
            raise DataError(f"{path}: line {count} is not JSON: {error}") from error
        step = number(line.get("step")) if isinstance(line, dict) else None
        if step is None or abs(step) > _LAST:
            raise DataError(f"{path}: line {count} must be an object with a step, got {row[:80]}")
        lines.append(line)
    return lines
