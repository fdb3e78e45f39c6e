"""Look-ahead and beam search as scorers of candidates, from the state of a robot or from what is observed of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from robopref.ranking.situated import SituatedRanker
from robopref.records import Observation
from robopref.scores import NoiseDraw, Scores


class Foresight:
    """A scorer of candidates in the present state, by what comes of the few that are followed.

    Args:
        look_ahead: Tries candidates out.
        state: Gives the present state, as the dynamics know it; None where that is what is observed, as of a learnt
            dynamics.
        keep: How many are followed; None takes as many as `look_ahead` says.
    """

    def __init__(
        self, look_ahead: SituatedRanker, state: Callable[[], Any] | None = None, keep: int | None = None
    ) -> None:
        self.look_ahead, self.state = look_ahead, state
        self.keep = look_ahead.keep if keep is None else keep

    @property
    def parts(self) -> tuple[Any, ...]:
        """The rewards that it is made of."""
        return tuple(self.look_ahead.parts)

    @property
    def observes(self) -> tuple[str, ...]:
        """Parts of an observation that what keeps candidates looks at, and what is followed begins from."""
        looks = [self.look_ahead.scorer] if self.state else [self.look_ahead.scorer, self.look_ahead.dynamics]
        seen = (name for one in looks for name in getattr(one, "observes", ()))
        return tuple(dict.fromkeys(seen)) or ("points", "proprio")

    def keeping(self, keep: int) -> Foresight:
        """The same with another number of candidates that are followed."""
        return Foresight(self.look_ahead, self.state, keep)

    def score(self, observation: Observation, actions: Tensor, *, draw: NoiseDraw | None = None) -> Scores:
        """Score (1, N, H, A) chunks in the present state, (B, N, H, A) in what is observed; see `SituatedRanker`."""
        if self.state is None:
            states = [observation.map(lambda part, row=row: part[row]) for row in range(len(actions))]
        else:
            states = [self.state()]
        return self.look_ahead.choose(states, observation, actions, draw=draw, keep=self.keep).scores
