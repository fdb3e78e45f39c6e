"""A weighted sum of a run's rewards in commands: whose weights it has, and on which scale they are."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch

from robopref.cli.building import build
from robopref.cli.context import Context
from robopref.cli.named_errors import named_after
from robopref.cli.quantities import named_quantities
from robopref.decisions import as_scorer, outcome_parts
from robopref.errors import ConfigError
from robopref.explanation.feature_score import FeatureScore
from robopref.policies.abilities import history_of, observed_by
from robopref.protocols import ChunkPolicy
from robopref.ranking.weighted import Weighted, WeightedSum, spread_of
from robopref.ranking.weights import require_named
from robopref.records import Observation

WEIGHTED = "weighted"  # name of the sum, beside those of rewards
_STATES, _CANDIDATES = 32, 16  # by which rewards are brought to one scale


def weighs(context: Context) -> Weighted | None:
    """The rule of the ranker, if that is a weighted sum.

    Raises:
        ConfigError: Its weights cannot be.
    """
    made = build(context.config.ranker)
    rule = made.keywords.get("rule") if isinstance(made, partial) else None
    return rule if isinstance(rule, Weighted) else None


def require_weights(context: Context) -> None:
    """Demand weights of rewards that the run has, before anything is loaded or simulated.

    Raises:
        ConfigError: They name another, or something else is to rank as well.
    """
    rule = weighs(context)
    if rule is None:
        return
    names = [str(name) for name in context.config.rewards]
    if WEIGHTED in names:
        raise ConfigError(f"ranker=weighted calls its sum {WEIGHTED}; give the reward of that name another one")
    wanted, use = context.config.deploy.reward, context.config.use
    if wanted != use:
        one, by = ("null", "none") if wanted is None else (wanted, "one")
        raise ConfigError(
            f"ranker=weighted ranks by several rewards, and deploy.reward={one} ranks by {by}; leave one of them out"
        )


def require_no_weights(context: Context) -> None:
    """Refuse weights where one score ranks.

    Raises:
        ConfigError: The ranker is a weighted sum.
    """
    if weighs(context) is not None:
        raise ConfigError(
            "ranker=weighted weighs the rewards of a run, and the critics of robopref offline are one score; choose "
            "ranker=best_of_n"
        )


def weighted_sum(context: Context, policy: ChunkPolicy, rewards: Mapping[str, Any]) -> WeightedSum | None:
    """The sum that the ranker weighs, each reward over its spread among fresh candidates of demonstrated states.

    Args:
        context: Of the command.
        policy: Source of the candidates.
        rewards: Trained ones by name.

    Returns:
        The sum; None if the ranker is another one.

    Raises:
        ConfigError: A reward that is named does not fit.
    """
    rule = weighs(context)
    if rule is None:
        return None
    require_named(rule.weights, rule.features, [name for name in rewards if name in context.config.rewards])
    observation = _demonstrated(context, policy)
    generator = torch.Generator(context.device).manual_seed(context.seed)
    candidates = policy.sample(observation, _CANDIDATES, generator=generator)
    rewards = {**rewards, **_features(context, policy, rule, observation, candidates)}
    # Of one that judges outcomes, which has no spread before they are known, the sum says that it does not fit.
    scales = {name: _spread(rewards[name], observation, candidates) for name in rule.weights}
    made = rule.scorer(rewards, scales)
    told = " + ".join(f"{made.weights[name]:g} {name} / {made.scales[name]:.3g}" for name in made.weights)
    context.console.print(
        f"ranked by {told}, each over its standard deviation among the policy's candidates of a state", soft_wrap=True,
        highlight=False, markup=False,
    )  # fmt: skip
    return made


def _features(
    context: Context, policy: ChunkPolicy, rule: Weighted, observation: Observation, candidates: torch.Tensor
) -> dict[str, FeatureScore]:
    """Scores of the features that the rule names, which tell candidates apart."""
    if not rule.features:
        return {}
    store, geometry, history = context.demonstrations, policy.geometry, history_of(policy)
    chunk = candidates[0, 0].cpu().numpy()
    parts = {name: part[0].cpu().numpy() for name, part in observation.parts.items()}
    example = {name: part[-1:] if history > 1 else part[None] for name, part in parts.items()}
    if geometry is not None:
        felt = None if geometry.origin is None else example["proprio"][0]
        example["path"] = geometry.anchors(chunk, felt)
    named = named_quantities(None, store, {**example, "action": chunk})
    found: dict[str, FeatureScore] = {}
    for name, said in rule.features.items():
        with named_after(f"ranker.rule.features.{name}"):
            found[name] = FeatureScore(said, list(parts), named=named, geometry=geometry, history=history)
            if not spread_of(found[name], observation, candidates) > 0:
                raise ConfigError(
                    f"{found[name].feature.name} is alike for all candidates of a state; choose another (what changes "
                    f"from action to action does not in chunks of one, and these have {candidates.shape[2]})"
                )
    return found


def _spread(reward: Any, observation: Observation, candidates: torch.Tensor) -> float:
    return 1.0 if outcome_parts(reward) else spread_of(as_scorer(reward), observation, candidates)


def _demonstrated(context: Context, policy: ChunkPolicy) -> Observation:
    """Observations in demonstrated states, spread evenly over all that there are."""
    store, length = context.demonstrations, history_of(policy)
    rows = np.unique(np.linspace(0, store.steps - 1, _STATES).round().astype(int)).tolist()
    begins = [0, *store.episode_ends.tolist()]
    seen: dict[str, list[torch.Tensor]] = {name: [] for name in observed_by(policy)}
    for row in rows:
        first = max(begin for begin in begins if begin <= row)
        window = np.arange(row - length + 1, row + 1).clip(min=first)
        for name, parts in seen.items():
            told = torch.as_tensor(np.asarray(store.array(name, int(window[0]), row + 1), np.float32))
            parts.append(told[torch.as_tensor(window - window[0])])
    stacked = {name: torch.stack(parts).to(context.device) for name, parts in seen.items()}
    return Observation.of({name: part if length > 1 else part[:, 0] for name, part in stacked.items()})
