"""Look-ahead on a robot whose present state can be simulated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from robopref.ranking.look_ahead import LookAhead
from robopref.records import Observation
from robopref.scores import NoiseDraw, Scores


class Foresight:
    """A scorer of candidates in the present state, by what comes of the few that a cheap score keeps.

    Args:
        look_ahead: Carries them out.
        state: Gives the present state, as the dynamics know it.
        keep: Candidates that are carried out; None takes as many as `look_ahead` says.
    """

    def __init__(self, look_ahead: LookAhead, state: Callable[[], Any], keep: int | None = None) -> None:
        self.look_ahead, self.state = look_ahead, state
        self.keep = look_ahead.keep if keep is None else keep

    @property
    def parts(self) -> tuple[Any, ...]:
        """The rewards that it is made of."""
        return tuple(part for part in (self.look_ahead.scorer, self.look_ahead.judge) if part is not None)

    @property
    def observes(self) -> tuple[str, ...]:
        """Parts of an observation that what keeps candidates looks at."""
        return tuple(getattr(self.look_ahead.scorer, "observes", ("points", "proprio")))

    def keeping(self, keep: int) -> Foresight:
        """The same with another number of candidates that are carried out."""
        return Foresight(self.look_ahead, self.state, keep)

    def score(self, observation: Observation, actions: Tensor, *, draw: NoiseDraw | None = None) -> Scores:
        """Score (1, N, H, A) chunks in the present state; see `LookAhead.choose`."""
        return self.look_ahead.choose([self.state()], observation, actions, draw=draw, keep=self.keep).scores
