"""Episodes in which an agent that began with demonstrations practises a task, and is watched."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from robopref.data.episodes.store import EpisodeStore
from robopref.errors import DataError, MismatchError, TrainingError
from robopref.factories import call_part
from robopref.files import fields, read_json, write_json
from robopref.interaction import DemonstratedAgent, Transition
from robopref.learning.agents import restore_agent, save_agent
from robopref.learning.learnt_reward_env import LearntRewardEnv
from robopref.protocols import Progress
from robopref.safety.violations import Bounds, ToolPath
from robopref.seeding import derive

Parts = Mapping[str, NDArray[Any]]
_FORCE = "peak_force"  # in what a task says of a step


class Screen(Protocol):
    """Says what may be carried out of an action, last."""

    def reset(self) -> None:
        """An episode begins."""
        ...

    def __call__(self, seen: Parts, action: NDArray[np.float32]) -> NDArray[np.float32]:
        """The action (A,) as it is carried out."""
        ...


@dataclass(frozen=True)
class Practised:
    """What came of one episode.

    Attributes:
        steps: That it took.
        success: Whether the task was solved.
        planned: Steps in which the agent did what it had learnt itself.
        agency: Share of such steps that was meant.
        violations: Steps beyond each bound.
        force: Greatest contact force, N; 0 where nothing measures it.
        losses: Of the last update after it.
    """

    steps: int
    success: bool
    planned: int = 0
    agency: float = 0.0
    violations: Mapping[str, int] = field(default_factory=dict[str, int])
    force: float = 0.0
    losses: Mapping[str, float] = field(default_factory=dict[str, float])


def shown_paths(demonstrations: EpisodeStore) -> list[ToolPath]:
    """How demonstrations moved the tool, and how hard it touched things where that was recorded.

    Raises:
        DataError: They lack proprioception, which begins with the place of the tool.
    """
    if "proprio" not in demonstrations.keys or demonstrations.array("proprio", 0, 0).shape[1] < 3:
        raise DataError(f"{demonstrations.path} has no proprio that begins with the place of the tool, in m")
    force, ends = _FORCE in demonstrations.keys, [0, *demonstrations.episode_ends.tolist()]
    return [
        ToolPath(
            demonstrations.array("proprio", start, stop)[:, :3].astype(np.float64),
            demonstrations.array(_FORCE, start, stop)[:-1].astype(np.float64) if force else None,
        )
        for start, stop in itertools.pairwise(ends)
        if stop - start > 1
    ]


class Practice:
    """An agent's episodes in a task, written down so that they can go on after the process was killed.

    All randomness of an episode comes from its number, so that a practice that goes on is the same as one that was
    never stopped.

    Args:
        agent: Has its demonstrations.
        env: The task, whose store holds what is done.
        bounds: Say what a violation is.
        tool: Where the tool is (3,) by what is observed, m.
        folder: Where the agent and what came of each episode are written.
        settings: Plain settings that it was begun with and has to go on with.
        seed: Of starts and noise.
        screen: Says last what may be carried out; None carries out everything.
        keep_every: Episodes after which it is written down.

    Attributes:
        episodes: What came of each so far.
    """

    def __init__(
        self, agent: DemonstratedAgent, env: LearntRewardEnv, *, bounds: Bounds,
        tool: Callable[[Parts], NDArray[np.float64]], folder: Path, settings: Mapping[str, Any], seed: int,
        screen: Screen | None = None, keep_every: int = 5,
    ) -> None:  # fmt: skip
        self.agent, self.env, self.bounds, self.tool, self.folder = agent, env, bounds, tool, folder
        self.settings, self.seed, self.screen, self.keep_every = dict(settings), seed, screen, keep_every
        self.episodes: list[Practised] = []

    @property
    def steps(self) -> int:
        """Taken so far."""
        return sum(one.steps for one in self.episodes)

    @property
    def begun(self) -> bool:
        """Whether an earlier practice was written down, to go on from."""
        return _path(self.folder).exists()

    def begin(self, progress: Progress | None = None) -> None:
        """Go on where an earlier practice was written down, or let the agent learn from its demonstrations.

        Args:
            progress: Called with what is done and wanted.

        Raises:
            DataError: What was written is damaged.
        """
        self.episodes = [_practised(self.folder, one) for one in _record(self.folder).get("episodes", [])]
        if not self.begun:
            call_part("agent: begin", self.agent.begin, progress)
            self._keep()
            return
        lengths = np.diff(self.env.store.episode_ends, prepend=0)[: len(self.episodes)].tolist()
        if lengths != [one.steps for one in self.episodes]:
            raise _damaged(f"{_path(self.folder)} speaks of other episodes than {self.env.store.path}", self.folder)
        for index in range(len(self.episodes)):
            self._recall(self.env.store.episode(index))
            if progress is not None:
                progress(index + 1, len(self.episodes))
        path = self._weights(len(self.episodes))
        try:
            restore_agent(self.agent, path)
        except DataError as error:
            raise _damaged(str(error).partition("; train")[0], self.folder) from error

    def run(
        self, steps: int, *, told: Callable[[Practised], object] | None = None, progress: Progress | None = None
    ) -> None:
        """Practise until so many steps were taken in all, and end the last episode.

        Args:
            steps: In the task.
            told: Called with what came of each episode.
            progress: Called with steps done and wanted.

        Raises:
            TrainingError: What the agent learns is not finite.
            PartError: The agent fails.
        """
        while self.steps < steps:
            number = len(self.episodes)
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(derive(self.seed, "practice", number))
                practised = self._practise(derive(self.seed, "start of practice", number) % 2**32)
            self.episodes.append(practised)
            last = self.steps >= steps
            if last or len(self.episodes) % self.keep_every == 0:
                self._keep()
            if told is not None:
                told(practised)
            if progress is not None:
                progress(min(self.steps, steps), steps)

    def _practise(self, seed: int) -> Practised:
        agent, env = self.agent, self.env
        seen, _ = env.reset(seed=seed)
        if self.screen is not None:
            self.screen.reset()
        places, forces, planned, agency, success, over = (
            [self.tool(env.seen)],
            list[float](),
            0,
            agent.agency,
            False,
            False,
        )
        while not over:
            action = call_part("agent: act", agent.act, seen, explore=True)
            planned += bool(agent.plans)
            if self.screen is not None:
                action = self.screen(env.seen, action)
            after, reward, terminated, truncated, info = env.step(action)
            call_part("agent: remember", agent.remember, Transition(seen, action, reward, after, terminated, truncated))
            places.append(self.tool(env.seen))
            forces.append(float(info.get(_FORCE, np.nan)))
            success = success or bool(info.get("success", terminated))
            seen, over = after, terminated or truncated
        losses = {name: float(loss) for name, loss in call_part("agent: learn", agent.learn, len(forces)).items()}
        for name, loss in losses.items():
            if not np.isfinite(loss):
                raise TrainingError(f"the agent's {name} is {loss} after {self.steps} steps; let it learn more slowly")
        motion = ToolPath(np.stack(places), np.array(forces) if np.isfinite(forces).all() else None)
        return Practised(
            len(forces), success, planned, agency, self.bounds.violations(motion),
            0.0 if motion.force is None else float(motion.force.max()), losses,
        )  # fmt: skip

    def _recall(self, episode: Parts) -> None:
        """Remember an episode that was written down."""
        names = self.env.keys
        rewards = episode["reward"] if self.env.learnt is None else self.env.learnt.reward(episode).cpu().numpy()
        for step in range(len(episode["action"])):
            self.agent.remember(Transition(
                {name: episode[name][step] for name in names}, episode["action"][step], float(rewards[step]),
                {name: episode[f"next_{name}"][step] for name in names}, bool(episode["terminated"][step]),
                bool(episode["truncated"][step]),
            ))  # fmt: skip

    def _keep(self) -> None:
        """Write the agent, then what came of the episodes, which says where the agent is."""
        count = len(self.episodes)
        save_agent(self._weights(count), self.agent)
        write_json(_path(self.folder), {"settings": self.settings, "episodes": [asdict(one) for one in self.episodes]})
        for path in self.folder.glob("agent-*.pt"):
            if path != self._weights(count):
                path.unlink(missing_ok=True)

    def _weights(self, count: int) -> Path:
        return self.folder / f"agent-{count}.pt"


def practice_store(path: Path, folder: Path, settings: Mapping[str, Any], attrs: Mapping[str, Any]) -> EpisodeStore:
    """The store of a practice, without episodes after which the agent was not written down.

    Args:
        path: Of the store.
        folder: Of the practice.
        settings: That it has to have been begun with.
        attrs: What a new store remembers.

    Returns:
        The store, to append to.

    Raises:
        MismatchError: It was begun with other settings.
        DataError: It is damaged, or lacks episodes.
    """
    record = _record(folder)
    for said in _differing("", record["settings"], settings) if record else ():
        raise MismatchError(f"{folder} was begun with {said}; leave it, or choose another run folder")
    count = len(record.get("episodes", []))
    if not path.exists() or not count:
        shutil.rmtree(path, ignore_errors=True)
        if count:
            raise DataError(f"{path} is gone, which {folder} goes on from; choose another run folder")
        return EpisodeStore.create(path, dict(attrs))
    store = EpisodeStore.open(path, "a")
    if len(store) < count:
        raise DataError(
            f"{path} holds {len(store)} episodes, and {folder} speaks of {count}; choose another run folder"
        )
    if len(store) == count:
        return store
    beside = path.with_name(f"{path.name}.kept")
    shutil.rmtree(beside, ignore_errors=True)
    kept = EpisodeStore.create(beside, store.attrs)
    for index in range(count):
        kept.append(store.episode(index))
    shutil.rmtree(path)
    beside.rename(path)
    return EpisodeStore.open(path, "a")


def _differing(name: str, before: Any, value: Any) -> Iterator[str]:
    """What each setting was, and is not any more, down to single ones."""
    if isinstance(before, Mapping) and isinstance(value, Mapping):
        for part in [*value, *(part for part in before if part not in value)]:
            yield from _differing(f"{name}.{part}" if name else str(part), before.get(part), value.get(part))
    elif before != value:
        yield f"{name}={_short(before)}, not {_short(value)}"


def _short(value: Any) -> str:
    made = value.get("_target_") if isinstance(value, Mapping) else None
    return str(value) if made is None else f"a {str(made).rsplit('.', 1)[-1]}"


def _path(folder: Path) -> Path:
    return folder / "practice.json"


def _record(folder: Path) -> dict[str, Any]:
    path, kinds = _path(folder), {"settings": dict, "episodes": list}
    if not path.exists():
        return {}
    try:
        found = fields(path, read_json(path), kinds)
    except DataError as error:
        raise _damaged(str(error), folder) from error
    if lacks := [name for name in kinds if name not in found]:
        raise _damaged(f"{path} is damaged: it lacks {lacks[0]}", folder)
    return found


def _damaged(what: str, folder: Path) -> DataError:
    return DataError(f"{what}; restore a copy, or remove {folder} to practise from the start")


def read_practice(folder: Path) -> list[Practised]:
    """What came of each episode of a practice.

    Raises:
        DataError: There is none, or it is damaged.
    """
    if not _path(folder).exists():
        raise DataError(f"there is no practice in {folder}")
    return [_practised(folder, one) for one in _record(folder).get("episodes", [])]


def _practised(folder: Path, stored: Any) -> Practised:
    kinds = {"steps": int, "success": bool, "planned": int, "agency": float, "violations": dict, "force": float,
             "losses": dict}  # fmt: skip
    path = _path(folder)
    if not isinstance(stored, dict):
        raise _damaged(f"{path} is damaged: an episode is no object", folder)
    try:
        found = fields(path, stored, kinds)
        for name, kind in (("violations", int), ("losses", float)):
            found[name] = fields(path, found.get(name, {}), dict.fromkeys(found.get(name, {}), kind))
        return Practised(**found)
    except (DataError, TypeError) as error:
        what = str(error) if isinstance(error, DataError) else f"{path} is damaged: an episode lacks steps or success"
        raise _damaged(what, folder) from error


@dataclass(frozen=True)
class PractisedStretch:
    """What came of episodes in a row, in numbers to be shown.

    Attributes:
        steps: Taken by its end.
        success: Share of its episodes that solved the task.
        agency: Share of its steps in which the agent did what it had learnt itself.
        rates: Violations of each kind in 1,000 steps.
        force: Greatest contact force, N.
    """

    steps: int
    success: float
    agency: float
    rates: Mapping[str, float]
    force: float

    @classmethod
    def of(cls, episodes: Sequence[Practised], before: int = 0) -> PractisedStretch:
        """Sum episodes up, before which so many steps were taken."""
        steps = sum(one.steps for one in episodes)
        kinds = episodes[0].violations
        return cls(
            before + steps, float(np.mean([one.success for one in episodes])),
            sum(one.planned for one in episodes) / steps,
            {kind: 1000 * sum(one.violations.get(kind, 0) for one in episodes) / steps for kind in kinds},
            max(one.force for one in episodes),
        )  # fmt: skip


def stretches(episodes: Sequence[Practised], every: int) -> list[PractisedStretch]:
    """Stretches of so many episodes; the last may be shorter."""
    found, before = list[PractisedStretch](), 0
    for first in range(0, len(episodes), every):
        found.append(PractisedStretch.of(episodes[first : first + every], before))
        before = found[-1].steps
    return found
