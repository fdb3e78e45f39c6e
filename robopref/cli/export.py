"""`robopref export`: policy and reward as graphs for small computers."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from robopref.cli.checkpoints import choose_weights
from robopref.cli.context import Context
from robopref.cli.looking_ahead import earns
from robopref.cli.persons import require_personal
from robopref.cli.principles import require_principled
from robopref.cli.trained_rewards import load_rewards
from robopref.cli.weighing import weighs
from robopref.data.episodes.store import EpisodeStore
from robopref.decisions import outcome_parts
from robopref.errors import ConfigError, unknown_name
from robopref.policies.abilities import history_of, observed_by
from robopref.policies.exported import export, exportable
from robopref.records import Observation

_CHECKED = 3


def run(context: Context) -> None:
    """Write ``export/`` of the run folder, and say how far the graphs are from the originals."""
    if context.device.type != "cpu":
        raise ConfigError("graphs are exported for the processor; use device=cpu")
    _require_scored(context)
    choose_weights(context)
    policy = exportable(context.policy())
    config, store = context.config.deploy, context.demonstrations
    scorer = None
    if config.reward is not None:
        rewards = load_rewards(context)
        if config.reward not in rewards:
            raise unknown_name("deploy.reward", str(config.reward), rewards)
        scorer = rewards[str(config.reward)]
        require_personal(context.config, str(config.reward), scorer, typed=context.memory.gives("person"))
        require_principled(context.config, str(config.reward), scorer, typed=context.memory.gives("principle"))
        if outcome_parts(scorer):
            raise ConfigError(
                f"{config.reward} judges what came of an action, which a graph has no way to find out; export another "
                "reward with use=, or none with deploy.reward=null"
            )
    rows = torch.linspace(0, store.steps - 1, min(_CHECKED, store.steps)).long().tolist()
    observations = [_seen(store, row, observed_by(policy), history_of(policy)) for row in rows]
    folder = context.folder / "export"
    with context.stage("Export", "states"):
        found = export(
            policy, scorer, folder, observations, candidates=int(config.candidates),
            generator=torch.Generator().manual_seed(context.seed),
            form=context.config.export.format,
        )  # fmt: skip
    for name, difference in found.items():
        context.console.print(f"{name}: largest difference to the original {difference:.1e}", highlight=False)
    context.console.print(f"exported: {folder}", highlight=False)


def _require_scored(context: Context) -> None:
    """Refuse a scorer that would stand for what ranks and is not all of it."""
    reward = context.config.deploy.reward
    if reward is None or not ((several := weighs(context) is not None) or earns(context)):
        return
    by = "ranker=weighted ranks by several rewards" if several else "ranker=earned_search ranks by a world model"
    raise ConfigError(
        f"{by}, and a graph scores by one reward; export one with deploy.reward={reward}, or the policy alone with "
        "deploy.reward=null"
    )


def _seen(store: EpisodeStore, row: int, names: Sequence[str], history: int) -> Observation:
    """What was recorded at a row, and before it, as a batch of one."""
    first = max(0, row - history + 1)
    parts = {name: torch.as_tensor(store.array(name, first, row + 1)) for name in names}
    if history == 1:
        return Observation.of(parts)
    # Whether the rows before are of the same episode does not matter to what is compared here.
    repeated = {
        name: torch.cat([part[:1].expand(history - len(part), *part.shape[1:]), part]) for name, part in parts.items()
    }
    return Observation.of({name: part[None] for name, part in repeated.items()})
