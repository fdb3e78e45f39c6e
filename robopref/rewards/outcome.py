"""A reward of outcomes: a network that judges what came of a decision, not the decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from robopref.data.episodes.turned_outcomes import turned_outcomes
from robopref.decisions import as_reward
from robopref.errors import ConfigError
from robopref.items import ACTION, Items
from robopref.nets.parts_encoder import PartsEncoder
from robopref.nets.pooled_cloud import PooledCloudPart
from robopref.protocols import Reward
from robopref.records import OUTCOME, ActionGeometry, Observation
from robopref.scores import NoiseDraw, Scores

_SAMPLES = 512  # of clouds and pictures, of which statistics are taken


class OutcomeReward(nn.Module):
    """Scores decisions by what was observed after them, R(s'), or by what was before as well, R(s, s').

    Whoever compares actions compares what comes of them; a reward r(s, a) has to learn from the same answers what the
    world makes of an action, this one does not. It can score what was carried out, recorded, or foreseen by a
    `Dynamics`, and nothing else.

    Args:
        encoder: From the parts of an observation to a vector.
        before: Whether what was observed before a decision is looked at, too.
        hidden: Width of the hidden layer.
    """

    def __init__(self, encoder: PartsEncoder, *, before: bool = False, hidden: int = 64) -> None:
        super().__init__()
        self.encoder, self.before = encoder, before
        looks = 2 if before else 1
        self.head = nn.Sequential(nn.Linear(looks * encoder.size, hidden), nn.SiLU(), nn.Linear(hidden, 1))

    @classmethod
    def for_items(
        cls,
        items: Items,
        *,
        observes: Sequence[str] | None = None,
        before: bool = False,
        width: int = 64,
        points: int = 128,
        hidden: int = 64,
    ) -> OutcomeReward:
        """A reward for items of the size of others.

        Args:
            items: Whose observations are those that it will be given after a decision.
            observes: Parts of an observation that it looks at; None takes all that the items have.
            before: Whether what was observed before a decision is looked at, too.
            width: Size of the encoding of each part.
            points: Points that are looked at of a cloud.
            hidden: Width of the hidden layer.

        Raises:
            ConfigError: The items lack a part.
        """
        shapes = {
            name.removeprefix(OUTCOME): tuple(part.shape[3:]) for name, part in items.steps.items() if name != ACTION
        }
        names = list(shapes) if observes is None else list(observes)
        if missing := [name for name in names if name not in shapes]:
            raise ConfigError(
                f"observes names {missing[0]!r}, which is not observed; expected some of {', '.join(shapes)}"
            )
        cloud = partial(PooledCloudPart, width=width, points=points)
        encoder = PartsEncoder({name: shapes[name] for name in names}, width=width, points=points, cloud=cloud)
        return cls(encoder, before=before, hidden=hidden)

    @property
    def keys(self) -> tuple[str, ...]:
        """Arrays of a decision that it looks at."""
        names = tuple(self.encoder.shapes)
        return (*(names if self.before else ()), *(f"{OUTCOME}{name}" for name in names))

    def standardise(self, items: Items) -> None:
        """Take mean and spread of what is observed after decisions."""
        there = items.weight > 0
        samples: dict[str, Tensor] = {}
        for name, shape in self.encoder.shapes.items():
            rows = items.part(f"{OUTCOME}{name}")[there]
            many = torch.linspace(0, len(rows) - 1, min(len(rows), _SAMPLES), device=rows.device).long()
            samples[name] = rows if len(shape) == 1 else rows[many]
        self.encoder.fit(samples)

    def score(self, items: Items, *, draw: NoiseDraw | None = None) -> Scores:
        """Score items.

        Args:
            items: Of T decisions, with what came of them.
            draw: Not needed.

        Returns:
            (B, K) sums with their (B, K, T) summands, exact.

        Raises:
            DataError: It is not known what came of them, or a part has another shape.
        """
        del draw
        seen = [self._encoded(items, OUTCOME)]
        if self.before:
            seen.insert(0, self._encoded(items, ""))
        worth = self.head(torch.cat(seen, dim=-1))[..., 0]
        steps = torch.where(items.weight > 0, worth * items.weight, 0)
        return Scores(steps.sum(dim=-1), steps=steps)

    def _encoded(self, items: Items, prefix: str) -> Tensor:
        """What is seen of each decision, (B, K, T, F); a state that several share is encoded once."""
        parts: Mapping[str, Tensor] = {name: items.part(f"{prefix}{name}") for name in self.encoder.shapes}
        shape = next(iter(parts.values())).shape[:3]
        encoded = self.encoder(Observation.of({name: part.flatten(0, 2) for name, part in parts.items()}))
        return encoded.vector.unflatten(0, shape).expand(*items.weight.shape, -1)


class SymmetricOutcomeReward(nn.Module):
    """Averages a reward of outcomes over the symmetries of the task, so that equivalent outcomes are worth the same.

    Args:
        reward: What to average.
        geometry: Holds the symmetries.
    """

    def __init__(self, reward: nn.Module, geometry: ActionGeometry) -> None:
        super().__init__()
        self.averaged, self.geometry = reward, geometry  # an attribute `reward` would make it a `StepReward`

    @property
    def parts(self) -> tuple[nn.Module, ...]:
        """The rewards that it is made of."""
        return (self.averaged,)

    @property
    def keys(self) -> tuple[str, ...]:
        """Arrays of a decision that it looks at."""
        return self._inner.keys

    def score(self, items: Items, *, draw: NoiseDraw | None = None) -> Scores:
        """Score items; see `Reward`."""
        known = items.only(self.keys)
        turns = [turned_outcomes(known, self.geometry, turn) for turn in range(len(self.geometry.symmetry_points))]
        scores = [self._inner.score(turn, draw=draw) for turn in turns]
        steps = [one.steps for one in scores if one.steps is not None]
        spreads = [one.spread for one in scores if one.spread is not None]
        return Scores(
            torch.stack([one.value for one in scores]).mean(0),
            torch.stack(spreads).mean(0) if spreads else None,
            steps=torch.stack(steps).mean(0) if steps else None,
        )

    @property
    def _inner(self) -> Reward:
        return as_reward(self.averaged)
