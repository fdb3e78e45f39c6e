"""From how good items are to what an objective is told about them: preferences, or success.

Values are (S, K), larger is better, and may come from an oracle, a reward, or the share of comparisons won
(`PairTarget.share`). What is not known is NaN and gets no weight.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from robopref.errors import ConfigError
from robopref.items import Comparisons
from robopref.scores import PairTarget, SuccessTarget


def compare(
    values: Tensor, *, temperature: float = 0.0, votes: int = 1, generator: torch.Generator | None = None
) -> PairTarget:
    """Preferences of annotators who choose by the Bradley-Terry model, for every pair of a state.

    Args:
        values: (S, K).
        temperature: Of the choice, in units of the values; 0 always prefers the better item, equal ones tie.
        votes: Annotators asked about each pair.
        generator: Source of the choices; needed if the temperature is positive.

    Returns:
        The share of votes for each row item (S, K, K); one triangle has weight.

    Raises:
        ConfigError: No votes, a negative temperature, or no generator for a positive one.
    """
    if votes < 1 or not temperature >= 0:
        raise ConfigError(f"comparing needs votes >= 1 and temperature >= 0, got {votes} and {temperature}")
    difference = values[:, :, None] - values[:, None]
    known = torch.isfinite(difference)
    difference = torch.where(known, difference, torch.zeros_like(difference))
    if temperature == 0:
        p = 0.5 + 0.5 * torch.sign(difference)
    else:
        if generator is None:
            raise ConfigError("comparing at a positive temperature is random and needs a generator")
        chance = torch.sigmoid(difference / temperature)
        drawn = torch.rand((votes, *chance.shape), generator=generator, device=values.device) < chance
        p = drawn.to(values.dtype).mean(dim=0)
    # One answer is given to a pair, not one to each order of it.
    return PairTarget(p, known.to(values.dtype).triu(diagonal=1))


def believe(values: Tensor) -> PairTarget:
    """How probable whoever gave the values finds it that one item is better than another (Bradley and Terry 1952).

    Args:
        values: (S, K) from a reward that was trained through the logistic link, whose differences are log-odds.

    Returns:
        Probabilities (S, K, K); one triangle has weight.
    """
    difference = values[:, :, None] - values[:, None]
    known = torch.isfinite(difference)
    believed = torch.sigmoid(torch.where(known, difference, torch.zeros_like(difference)))
    return PairTarget(believed, known.to(values.dtype).triu(diagonal=1))


def best_of(values: Tensor, *, top: int = 1) -> SuccessTarget:
    """The best items of every state are worth imitating (RAFT's "local" ranking, Dong et al. 2023; best-of-n).

    Args:
        values: (S, K).
        top: How many of each state.

    Returns:
        Success of the chosen; the others have no weight.

    Raises:
        ConfigError: There are not that many items.
    """
    if not 1 <= top <= values.shape[1]:
        raise ConfigError(f"top must be between 1 and the {values.shape[1]} items of a state, got {top}")
    return _chosen(values, _ranked(values).topk(top, dim=1).indices)


def best_overall(values: Tensor, *, share: float = 0.125) -> SuccessTarget:
    """The best items of all states together (RAFT's "top" ranking); easy states crowd out the hard ones.

    Args:
        values: (S, K).
        share: Of all known items, in (0, 1]; at least one is chosen.

    Returns:
        Success of the chosen; the others have no weight.

    Raises:
        ConfigError: The share is out of range.
    """
    if not 0 < share <= 1:
        raise ConfigError(f"share must be in (0, 1], got {share}")
    count = max(1, round(share * int(torch.isfinite(values).sum())))
    index = _ranked(values).flatten().topk(count).indices
    return _chosen(values.reshape(1, -1), index[None], values.shape)


def curate(values: Tensor, *, generator: torch.Generator | None = None, temperature: float = 1.0) -> SuccessTarget:
    """One item of every state, chosen in proportion to ``exp(value / temperature)`` (self-consuming curation).

    This is what users who pick one of K proposals do to the data that a model is retrained on (Ferbach et al. 2024):
    as K grows, the retrained density is ``p exp(value / temperature)``.

    Args:
        values: (S, K); nothing is chosen where none is known.
        generator: Source of the choices; None takes a fixed one.
        temperature: In units of the values.

    Returns:
        Success of the chosen; the others have no weight.

    Raises:
        ConfigError: The temperature is not positive.
    """
    if not temperature > 0:
        raise ConfigError(f"temperature must be positive, got {temperature}")
    # Where nothing is known the shares are NaN, and what is drawn instead gets no weight.
    chance = torch.softmax(_ranked(values) / temperature, dim=1).nan_to_num(nan=1.0)
    source = torch.Generator(values.device).manual_seed(0) if generator is None else generator
    return _chosen(values, torch.multinomial(chance, 1, generator=source))


def weigh(values: Tensor, *, temperature: float = 1.0, limit: float = 20.0) -> SuccessTarget:
    """Every item counts ``exp(advantage / temperature)`` (advantage-weighted regression, Peng et al. 2019).

    Args:
        values: (S, K); the advantage is over the mean of the state.
        temperature: In units of the values.
        limit: Largest weight.

    Returns:
        Success of every known item, with these weights.

    Raises:
        ConfigError: The temperature or limit is not positive.
    """
    if not (temperature > 0 and limit > 0):
        raise ConfigError(f"temperature and limit must be positive, got {temperature} and {limit}")
    advantage = values - values.nanmean(dim=1, keepdim=True)
    weight = (advantage / temperature).exp().clamp(max=limit)
    return SuccessTarget(torch.ones_like(values), torch.where(torch.isfinite(values), weight, 0))


def succeed(values: Tensor, *, threshold: float | None = None) -> SuccessTarget:
    """Whether each item was good, for objectives that need no comparison (KTO, process rewards, PACS).

    Args:
        values: (S, K).
        threshold: Values above it are a success, below it a failure, equal ones are left out; None takes the median of
            each state.

    Returns:
        Success of every item.
    """
    # `nanmedian` is the lower of two middle values, which would leave a state of two without a failure.
    line = values.nanquantile(0.5, dim=1, keepdim=True) if threshold is None else torch.full_like(values, threshold)
    decided = torch.isfinite(values) & (values != line)
    return SuccessTarget((values > line).to(values.dtype), decided.to(values.dtype))


def balanced(target: SuccessTarget) -> SuccessTarget:
    """Give successes and failures of every mixed state the same total weight (PACS, Li et al. 2025).

    Each counts ``n / (2 n_class)``, with n the known items of the state; states of one class stay as they are.

    Args:
        target: Success of 0 or 1.

    Returns:
        The same success, with other weights.
    """
    good = (target.weight * target.y).sum(1, keepdim=True)
    bad = (target.weight * (1 - target.y)).sum(1, keepdim=True)
    mixed = (good > 0) & (bad > 0)
    own = target.y * good + (1 - target.y) * bad
    weight = target.weight * (good + bad) / (2 * own.clamp(min=1e-8))
    return SuccessTarget(target.y, torch.where(mixed, weight, target.weight))


def _ranked(values: Tensor) -> Tensor:
    return torch.where(torch.isfinite(values), values, torch.full_like(values, -torch.inf))


def _chosen(values: Tensor, index: Tensor, shape: torch.Size | None = None) -> SuccessTarget:
    weight = torch.zeros_like(values).scatter(1, index, 1.0) * torch.isfinite(values)
    weight = weight.reshape(shape or values.shape)
    return SuccessTarget(torch.ones_like(weight), weight)


def operated(data: Comparisons, operator: Callable[[Tensor], SuccessTarget] | None) -> Comparisons:
    """What an operator makes of preferences; outcomes are left as they are.

    Args:
        data: Items and preferences among them.
        operator: From the share of comparisons that each item won, (B, K), to a target; NaN for one that was never
            compared. None leaves the data as they are.

    Returns:
        The data with that target.
    """
    if operator is None or not isinstance(data.target, PairTarget):
        return data
    return data.chosen(operator(torch.where(data.target.asked > 0, data.target.share, torch.nan)))
