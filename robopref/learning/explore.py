"""Candidates of a policy that are carried out without anybody who judges them; they grow, and go on where they stopped.

What is executed anyway costs no answers. A reward that judges outcomes can order it afterwards, see
`robopref.labelers.learnt`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from robopref.data.episodes.candidate_store import GROWN, open_candidates
from robopref.data.episodes.store import EpisodeStore
from robopref.errors import MismatchError
from robopref.labelers.subject import Session
from robopref.learning.candidate_files import TEMPERATURE, Stage, carry_out
from robopref.learning.collect import draw_candidates, draw_states, open_store, task_attributes
from robopref.learning.loop import fingerprint
from robopref.policies.abilities import require_one_observation
from robopref.policies.chunk_diffusion import likeliest_of, temperature_of
from robopref.protocols import ChunkPolicy
from robopref.robots.sim import SimPool
from robopref.seeding import derive

_BLOCK = 10  # states that are stored at a time
_PURPOSE = "exploration"


@dataclass(frozen=True)
class Exploration:
    """What is explored.

    Attributes:
        states: States S of the task, at least.
        candidates: Candidates N in each.
        warm_up: Demonstrated actions before a state, at most.
        seed: Of states and noise.
        first: Number of the first state, of all that there are with this seed.
        device: Where the policy is.
    """

    states: int
    candidates: int
    warm_up: int = 0
    seed: int = 0
    first: int = 0
    device: str | torch.device = "cpu"


def explore(
    path: Path,
    outcomes: Path,
    policy: ChunkPolicy,
    pool: SimPool,
    exploration: Exploration,
    stage: Stage = Session.stage,
) -> EpisodeStore:
    """Draw states of a task with candidates of a policy in each, and carry all of them out.

    A state and its candidates depend on their number and the seed alone, so that those of a longer exploration begin
    with those of a shorter one. They are neither those of labels nor those of evaluations.

    Args:
        path: Episode store of states and candidates, to create or continue; as `store_candidates` stores them.
        outcomes: Episode store of what came of them, to create or continue.
        policy: What draws candidates.
        pool: Runs the task.
        exploration: Which ones. A store that holds more states keeps them.
        stage: Shows a bar.

    Returns:
        The candidates.

    Raises:
        DataError: A store is of another task, policy or seed, or damaged.
        MismatchError: It holds another number of candidates, or states of another warm-up.
    """
    require_one_observation(policy)
    held = EpisodeStore.open(path).attrs if path.exists() else None
    attributes = _attributes(policy, pool, exploration, held)
    if held is not None:
        _require_same_draw(path, held, attributes)
    store = open_store(path, attributes)
    with stage("Draw candidates to explore", "states") as bar:
        while store.steps < exploration.states:
            _store_block(store, policy, pool, exploration)
            bar(store.steps, exploration.states)
    candidates = open_candidates(path)
    carry_out(outcomes, pool, candidates, stage, title="Carry the candidates out")
    return candidates


def _store_block(store: EpisodeStore, policy: ChunkPolicy, pool: SimPool, exploration: Exploration) -> None:
    """Append the next states, one episode each."""
    first, seed = exploration.first + store.steps, exploration.seed
    count = min(_BLOCK, exploration.states - store.steps)
    moments = draw_states(
        pool, _PURPOSE, count=count, seed=seed, warm_up=exploration.warm_up, first=first
    )  # fmt: skip
    for number, moment in enumerate(moments, first):
        own, device = derive(seed, "candidates to explore", number), torch.device(exploration.device)
        chunk = draw_candidates(policy, [moment], n=exploration.candidates, seed=own, device=device)
        store.append({
            **{name: part[None] for name, part in moment.observation.items()},
            "snapshot": moment.snapshot[None], "progress": np.array([moment.progress], np.float32),
            "candidates": chunk,
        })  # fmt: skip


def _attributes(
    policy: ChunkPolicy, pool: SimPool, exploration: Exploration, held: Mapping[str, Any] | None
) -> dict[str, Any]:
    told: list[object] = list(policy.state_dict().values()) if isinstance(policy, nn.Module) else []
    temperature, own = temperature_of(policy), {}
    if held is None or TEMPERATURE in held:
        own = {TEMPERATURE: temperature}
    elif temperature != 1:  # stores of before have it among what tells the policy from others
        told.append(temperature)
    if (likeliest := likeliest_of(policy)) != 1:
        told.append(f"likeliest of {likeliest}")
    attributes = {
        **task_attributes(pool, exploration.seed), "policy": fingerprint(told), **own,
        "candidates": exploration.candidates, "warm_up": exploration.warm_up,
    }  # fmt: skip
    if exploration.first:
        attributes["first"] = exploration.first
    described = json.dumps(attributes, sort_keys=True).encode()
    return {**attributes, GROWN: hashlib.sha256(described).hexdigest()[:16]}


def _require_same_draw(path: Path, held: Mapping[str, Any], attributes: Mapping[str, Any]) -> None:
    for name in ("candidates", "warm_up", "first"):
        held_value, value = (some.get(name, 0) for some in (held, attributes))
        if held_value != value:
            raise MismatchError(
                f"{path} holds states of explore.{name}={held_value}, not {value}; leave explore.{name} "
                "as it was, or remove it and what came of it"
            )
    then, now = held.get(TEMPERATURE), attributes.get(TEMPERATURE)
    if then != now:
        raise MismatchError(
            f"{path} holds candidates of policy.temperature={then}, not {now}; leave it as it was, or remove the store "
            "and what came of it"
        )
    if held.get("policy") != attributes["policy"]:
        raise MismatchError(
            f"{path} holds candidates of another policy, or of another "
            f"{'policy.temperature or ' if then is None else ''}policy.likeliest; remove it and what came of it, or "
            "choose another run folder"
        )
