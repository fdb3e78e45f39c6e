"""How good a policy is after a round, beside the one that the rounds began with, on validation starts."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from robopref.cli.context import Context
from robopref.decisions import as_scorer, outcome_parts
from robopref.errors import DataError
from robopref.evaluation.candidate_entropy import candidate_entropy
from robopref.evaluation.compare import score_candidates, write_arrays
from robopref.evaluation.intervals import Interval
from robopref.evaluation.statistics import paired_gain
from robopref.evaluation.stored_arrays import load_arrays, require_form
from robopref.learning.collect import carry_out_candidates, draw_candidates, draw_states
from robopref.policies.chunk_diffusion import ChunkDiffusion
from robopref.policies.draws import StratifiedDraw
from robopref.records import Observation
from robopref.rewards.implicit import ImplicitReward
from robopref.rewards.worth import decision_worth
from robopref.robots.dynamics import observe
from robopref.robots.sim import Moment
from robopref.seeding import derive

_DRAWS = 32  # noise draws of a distance
_NEXT = "next_"  # before the name of what was observed after an action


@dataclass(frozen=True)
class OwnSamples:
    """What a policy did at the validation starts.

    Attributes:
        chunks: (S, N, H, A) candidates.
        gained: (S, 1 or 2) progress by its own sample, and by the candidate that a reward of actions chose.
        after: (S, 1 or 2, ...) of each part of what was observed then.
    """

    chunks: NDArray[np.float32]
    gained: NDArray[np.float64]
    after: dict[str, NDArray[Any]]


@dataclass
class RoundMeasures:
    """Compares policies after rounds at the same starts.

    Args:
        context: Of the command.
        folder: Where what was carried out is kept.
        first: The policy that the rounds begin with.
    """

    context: Context
    folder: Path
    first: ChunkDiffusion
    moments: Sequence[Moment] = field(init=False)

    def __post_init__(self) -> None:
        config = self.context.config
        with self.context.stage("Validation starts", "starts", resumes=True) as bar:
            self.moments = draw_states(
                self.context.pool, "validation", count=int(config.improve.starts), seed=self.context.seed,
                warm_up=int(config.explore.warm_up), progress=bar,
            )  # fmt: skip

    def act(self, index: int, policy: ChunkDiffusion, scorer: nn.Module | None) -> OwnSamples:
        """Let the policy after so many rounds act at every start; what was carried out before is read back.

        Args:
            index: Rounds done.
            policy: The policy.
            scorer: Chooses among its candidates, too; None does not.

        Raises:
            DataError: What was kept is damaged.
        """
        path = self.folder / f"validation-{index}.npz"
        if not path.exists():
            count, seed = int(self.context.config.evaluate.candidates), derive(self.context.seed, "validation")
            chunks = draw_candidates(policy, self.moments, n=count, seed=seed, device=self.context.device)
            chosen = chunks[:, :1]
            if scorer is not None:
                scores = score_candidates(as_scorer(scorer), self.moments, chunks, self.context.device)
                best = chunks[np.arange(len(chunks)), scores.argmax(axis=1)]
                chosen = np.concatenate([chosen, best[:, None]], axis=1)
            with self.context.stage("Compare with the first policy", "starts", resumes=True) as bar:
                gained, after = carry_out_candidates(self.context.pool, self.moments, chosen, bar)
            write_arrays(
                path, {"chunks": chunks, "gained": gained, **{f"{_NEXT}{name}": part for name, part in after.items()}}
            )
        return self._stored(path)

    def _stored(self, path: Path) -> OwnSamples:
        stored = load_arrays(path, f"remove it, so that it is carried out again: {path}")
        if missing := {"chunks", "gained"} - stored.keys():
            raise DataError(f"{path} is damaged: it lacks {min(missing)}; remove it, so that it is carried out again")
        starts, shape = len(self.moments), self.first.shape
        require_form(path, "chunks", stored["chunks"], (starts, None, *shape))
        _, tried = require_form(path, "gained", stored["gained"], (starts, None))
        after = {name.removeprefix(_NEXT): array for name, array in stored.items() if name.startswith(_NEXT)}
        for name, array in after.items():
            require_form(path, f"{_NEXT}{name}", array, (starts, tried, *[None] * (array.ndim - 2)))
        return OwnSamples(stored["chunks"].astype(np.float32), stored["gained"].astype(np.float64), after)

    def judged(self, judge: nn.Module, found: OwnSamples, first: OwnSamples) -> float:
        """Share of the starts at which a judge finds the own sample better than the first policy's; ties are halves."""
        seen, parts = observe(self.moments, self.context.device), outcome_parts(judge)

        def worth(one: OwnSamples) -> NDArray[np.float64]:
            if missing := [name for name in parts if name not in one.after]:
                raise DataError(f"what is kept in {self.folder} lacks {missing[0]} after actions; remove that folder")
            came = {name: torch.as_tensor(one.after[name][:, :1]) for name in parts}
            after = Observation.of(came) if came else None
            return decision_worth(judge, seen, chunks=one.chunks[:, :1], after=after)[:, 0]

        return float((0.5 + 0.5 * np.sign(worth(found) - worth(first))).mean())

    @torch.no_grad()
    def distance(self, policy: ChunkDiffusion, found: OwnSamples) -> float:
        """How much better a policy denoises its own samples than the first one does: a bound of their divergence."""
        measure = ImplicitReward(self.first, StratifiedDraw(_DRAWS, 0, len(self.first.alphas)), cost="error")
        measure.policy = copy.deepcopy(policy)
        seen = observe(self.moments, self.context.device)
        chunks = torch.as_tensor(found.chunks, device=self.context.device)
        return float(measure.eval().score(seen, chunks).value.mean())

    @staticmethod
    def entropy(found: OwnSamples) -> float:
        """Of the candidates, nats a dimension."""
        return candidate_entropy(found.chunks)

    @staticmethod
    def gains(found: OwnSamples, first: OwnSamples) -> list[Interval]:
        """What own sample, and chosen candidate if there is one, gain over the first policy's own sample."""
        return [paired_gain(row, first.gained[:, 0]) for row in found.gained.T]
