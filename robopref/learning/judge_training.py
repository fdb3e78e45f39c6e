"""A small judge made from answers of a run: chains of one labeler, and verdicts of another, in the three stages."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from robopref.data.episodes.recorded_views import Lookup
from robopref.data.labels.segment_pairs import looked_up
from robopref.errors import ConfigError, DataError
from robopref.items import Items
from robopref.learning.checkpoint import UNREADABLE, load_checkpoint, save_checkpoint
from robopref.learning.fit import FitConfig
from robopref.learning.judge_accuracy import verdict_accuracy
from robopref.learning.judge_stages import JudgedPairs, cold_start, learn_hard, learn_sifted, sift
from robopref.reasons import read_chains
from robopref.records import Feedback, Item, Preference, Query
from robopref.rewards.dimensional_judge import DimensionalJudge
from robopref.seeding import derive

WEIGHTS = "weights.pt"
FOLDER = "judge"


@dataclass(frozen=True)
class JudgeTraining:
    """How long a small judge learns.

    Attributes:
        cold: Gradient steps in which chains of others are imitated.
        sifted: Gradient steps in which its own right chains are.
        hard: Gradient steps on pairs that it gets wrong, in each round.
        rounds: Of the last stage, before each of which hard pairs are found anew.
        chains: That are drawn of each pair.
        width: Of hidden layers.
        held_out: Share of the pairs that are not learnt from, and on which the judge is tried.

    Raises:
        ConfigError: One is out of range.
    """

    cold: int = 400
    sifted: int = 150
    hard: int = 120
    rounds: int = 2
    chains: int = 4
    width: int = 32
    held_out: float = 0.2

    def __post_init__(self) -> None:
        for name in ("cold", "sifted", "hard", "rounds", "chains", "width"):
            if getattr(self, name) < 1:
                raise ConfigError(f"training.{name} must be at least 1, got {getattr(self, name)}")
        if not 0 <= self.held_out < 1:
            raise ConfigError(f"training.held_out must be in [0, 1), got {self.held_out}")


@dataclass(frozen=True)
class JudgeAnswers:
    """What a small judge learns from.

    Attributes:
        dimensions: That chains score, in their order.
        scored: Pairs with chains, by the items of each.
        scores: (B, 2, D) their mean scores, whole numbers from 1 to 10.
        ended: (B,) 1 where the first item is better, by the chains.
        judged: Pairs with verdicts that are known to be right.
        first: (B',) 1 where the first item is better.
    """

    dimensions: tuple[str, ...]
    scored: tuple[tuple[Item, ...], ...]
    scores: torch.Tensor
    ended: torch.Tensor
    judged: tuple[tuple[Item, ...], ...]
    first: torch.Tensor

    @classmethod
    def of(cls, queries: Sequence[Query], feedback: Sequence[Feedback], *, judge: str, known: str) -> JudgeAnswers:
        """Answers to pairs; ties teach nothing.

        Args:
            queries: The questions.
            feedback: Answers to them.
            judge: Labeler whose chains are imitated.
            known: Labeler whose verdicts are known to be right.

        Raises:
            DataError: One of them says nothing of use.
        """
        pairs = {query.id: query for query in queries if query.kind == "pair"}
        chains = {one.query_id: read_chains(one.rationale) for one in feedback if one.labeler == judge}
        names = next((tuple(some[0].scores) for key, some in chains.items() if key in pairs and some), ())
        scored: list[tuple[Query, NDArray[np.float64], float]] = []
        for key, some in chains.items():
            same = [chain for chain in some if set(chain.scores) == set(names)]
            verdict = float(np.mean([chain.verdict for chain in same])) if same else 0.5
            if key in pairs and verdict != 0.5:
                scores = np.mean([[chain.scores[name] for name in names] for chain in same], axis=0)
                scored.append((pairs[key], scores.T, verdict))
        if not scored:
            raise DataError(f"{judge} has given no reasons about pairs; ask by robopref label labeler=reasoned")
        right = {
            one.query_id: one.answer.p for one in feedback
            if one.labeler == known and isinstance(one.answer, Preference) and one.answer.p != 0.5
        }  # fmt: skip
        judged = [(pairs[key], p) for key, p in right.items() if key in pairs]
        if not judged:
            raise DataError(f"{known} has preferred none of two items; name another labeler by known=")
        return cls(
            names, tuple(query.items for query, _, _ in scored),
            torch.as_tensor(np.stack([one for _, one, _ in scored])).round().clamp(1, 10).long(),
            torch.tensor([float(verdict > 0.5) for _, _, verdict in scored]),
            tuple(query.items for query, _ in judged), torch.tensor([float(p > 0.5) for _, p in judged]),
        )  # fmt: skip


@dataclass(frozen=True)
class TrainedJudge:
    """A small judge, and how often its verdicts on held-out pairs are right after each stage.

    Attributes:
        judge: The judge.
        keys: Arrays that it sees of each step.
        right: By stage; empty without held-out pairs.
        pairs: That were held out.
    """

    judge: DimensionalJudge
    keys: tuple[str, ...]
    right: Mapping[str, float]
    pairs: int


def step_arrays(lookup: Lookup, items: Sequence[Item]) -> tuple[str, ...]:
    """Names of what a small judge sees: all vectors that are recorded of each step, neither clouds nor pictures.

    Raises:
        DataError: There are none.
    """
    found = as_steps(lookup(items[0]))
    keys = tuple(name for name, value in found.items() if value.ndim <= 2 and np.issubdtype(value.dtype, np.floating))
    if not keys:
        raise DataError(f"no vectors are recorded of {items[0].source}; a small judge sees neither clouds nor pictures")
    return keys


def as_steps(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Arrays of an item with a row a decision; the chunk of a candidate is one."""
    found = {name: value for name, value in arrays.items() if name != "path"}
    lengths = {len(value) for name, value in found.items() if name != "action"}
    if "action" in found and lengths == {1} and len(found["action"]) > 1:
        found["action"] = found["action"].reshape(1, -1)
    return found


def judged_items(questions: Sequence[Sequence[Item]], lookup: Lookup, keys: Sequence[str]) -> Items:
    """Pairs as a small judge sees them.

    Raises:
        DataError: An item lacks an array, or has another shape than the others.
    """
    return looked_up(questions, lambda item: as_steps(lookup(item)), keys=keys)


def train_judge(
    answers: JudgeAnswers, lookup: Lookup, config: JudgeTraining, *, seed: int,
    keys: Sequence[str] | None = None, tell: Callable[[str], None] = lambda _: None,
) -> TrainedJudge:  # fmt: skip
    """Go through the cold start, the sifting and the hard pairs.

    Args:
        answers: What it learns from.
        lookup: Arrays of an item.
        config: How long.
        seed: Of everything that is drawn.
        keys: Arrays that it sees; None takes all vectors.
        tell: Told which stage begins.

    Raises:
        DataError: Items lack an array, or nothing is left to learn from.
    """
    keys = tuple(keys or step_arrays(lookup, answers.scored[0]))
    held = int(config.held_out * len(answers.judged))
    order = torch.randperm(len(answers.judged), generator=torch.Generator().manual_seed(derive(seed, "held") % 2**31))
    items = judged_items(answers.judged, lookup, keys)
    test, learnt = order[:held], order[held:]
    judged = JudgedPairs(items[learnt], answers.first[learnt])
    trial = JudgedPairs(items[test], answers.first[test]) if held else None
    # What is tried is not to be imitated either.
    tried = {frozenset(answers.judged[place]) for place in test.tolist()}
    kept = torch.tensor([place for place, pair in enumerate(answers.scored) if frozenset(pair) not in tried]).long()
    if not len(kept):
        raise DataError("all pairs with reasons are held out; set training.held_out=0, or ask for more")
    seen = judged_items([answers.scored[place] for place in kept.tolist()], lookup, keys)
    known = JudgedPairs(seen, answers.ended[kept], answers.scores[kept])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "judge") % 2**31)
        judge = DimensionalJudge.for_items(items[learnt], answers.dimensions, width=config.width)
    right: dict[str, float] = {}

    def tried_after(stage: str) -> None:
        if trial is not None:
            right[stage] = verdict_accuracy(judge, trial)

    tell("cold start")
    cold_start(judge, known, FitConfig(config.cold, 1e-2, ema=0.0), seed=seed)
    tried_after("cold start")
    tell("sift")
    sifted = sift(judge, judged, config.chains, seed=seed)
    if len(sifted.pair):
        learn_sifted(judge, judged, sifted, known, FitConfig(config.sifted, 5e-3, ema=0.0), seed=seed)
    tried_after("sift")
    tell("hard")
    for turn in range(config.rounds):
        hard = sift(judge, judged, 2 * config.chains, seed=seed + 1 + turn).hard
        learn_hard(judge, judged, hard, known, FitConfig(config.hard, 1e-2, ema=0.0), seed=seed + turn)
    tried_after("hard")
    return TrainedJudge(judge.eval(), keys, right, held)


def save_judge(folder: Path, trained: TrainedJudge) -> Path:
    """Keep a small judge; returns the file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / WEIGHTS
    made = {"settings": trained.judge.settings, "keys": list(trained.keys)}
    save_checkpoint(path, {**made, "module": trained.judge.state_dict()})
    return path


def load_judge(path: Path) -> tuple[DimensionalJudge, tuple[str, ...], str]:
    """A small judge that was kept, the arrays that it sees, and a digest of its file.

    Raises:
        DataError: There is none, or it cannot be read.
    """
    if not path.exists():
        raise DataError(f"no small judge at {path}; run: robopref reasoned train run={path.parent.parent}")
    stored = load_checkpoint(path)
    try:
        judge = DimensionalJudge.of(stored["settings"])
        judge.load_state_dict(stored["module"])
        keys = tuple(str(name) for name in stored["keys"])
    except UNREADABLE as error:
        raise DataError(f"{path} holds no small judge of this version: {' '.join(str(error).split())[:200]}") from error
    return judge.eval(), keys, hashlib.sha256(path.read_bytes()).hexdigest()[:8]
