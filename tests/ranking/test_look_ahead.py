"""Look-ahead: few candidates are carried out, and the one that leads somewhere good is taken."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from robopref.errors import ActionError, ConfigError
from robopref.interaction import Outcome
from robopref.items import Items
from robopref.ranking.look_ahead import LookAhead, LookAheadAct, kept_first
from robopref.records import Observation
from robopref.scores import NoiseDraw, Scores


class Line:
    """A place on a line that actions move by their first number; keeps what was carried out."""

    def __init__(self) -> None:
        self.executed: list[tuple[float, float]] = []

    def advance(self, states: Sequence[float], chunks: Tensor) -> Outcome:
        moves = chunks[:, 0, 0].tolist()
        self.executed += list(zip(states, moves, strict=True))
        after = [state + move for state, move in zip(states, moves, strict=True)]
        proprio = torch.tensor(after)[:, None]
        return Outcome(after, Observation(proprio=proprio), torch.zeros(len(after)), torch.zeros(len(after)) > 0)


class Nearness:
    """Judges by how near the place is to 1 afterwards."""

    keys = ("after.proprio",)

    def score(self, items: Items, *, draw: NoiseDraw | None = None) -> Scores:
        return Scores(-(items.part("after.proprio")[:, :, 0, 0] - 1).abs())


class Eagerness:
    """Likes large moves."""

    def score(self, observation: Observation, actions: Tensor, *, draw: NoiseDraw | None = None) -> Scores:
        return Scores(actions[:, :, 0, 0])


MOVES = torch.tensor([[0.1, 1.0, 3.0, 2.0], [0.2, -1.0, 0.9, 0.4]])[..., None, None]
SEEN = Observation(proprio=torch.tensor([[0.0], [0.5]]))


def choose(ahead: LookAhead) -> tuple[list[int], Tensor]:
    choice = ahead.choose([0.0, 0.5], SEEN, MOVES)
    torch.testing.assert_close(choice.action[:, 0, 0], MOVES[[0, 1], choice.index, 0, 0])
    return choice.index.tolist(), choice.scores.value


def test_only_what_the_cheap_score_keeps_is_carried_out() -> None:
    line = Line()
    index, scores = choose(LookAhead(line, Nearness(), Eagerness(), keep=2))
    # Of 3 and 2, 2 ends nearer to 1; of .9 and .4 from .5, .4 does.
    assert index == [3, 3]
    assert [state for state, _ in line.executed] == [0.0, 0.0, 0.5, 0.5]
    torch.testing.assert_close(torch.tensor([move for _, move in line.executed]), torch.tensor([3.0, 2.0, 0.9, 0.4]))
    # What was not carried out comes below, in the order of the cheap score.
    assert scores[0].argsort(descending=True).tolist() == [3, 2, 1, 0]


def test_with_all_of_them_the_best_is_taken_and_without_a_score_the_first() -> None:
    assert choose(LookAhead(Line(), Nearness(), Eagerness(), keep=9))[0] == [1, 3]
    line = Line()
    assert choose(LookAhead(line, Nearness(), keep=1))[0] == [0, 0]
    assert len(line.executed) == 2


def test_episodes_are_acted_in_by_it() -> None:
    class Proposals:
        def sample(self, observation: Observation, n: int, *, generator: torch.Generator) -> Tensor:
            return MOVES[:, :n]

    act = LookAheadAct(Proposals(), LookAhead(Line(), Nearness(), keep=2), 3)
    assert act.act([0.0, 0.5], SEEN, torch.Generator())[:, 0, 0].tolist() == pytest.approx([1.0, 0.2])


def test_scores_of_what_was_not_judged_lie_below_by_hand() -> None:
    cheap, kept = torch.tensor([[5.0, 1.0, 3.0]]), torch.tensor([[0]])
    assert kept_first(cheap, kept, torch.tensor([[-7.0]])).tolist() == [[-7.0, -10.0, -9.0]]


def test_what_cannot_look_ahead_is_refused() -> None:
    with pytest.raises(ConfigError, match="such as reward=outcome; this one judges actions: name another with use="):
        LookAhead(Line(), Eagerness())
    with pytest.raises(ConfigError, match="must judge actions"):
        LookAhead(Line(), Nearness(), Nearness())  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="keep >= 1, got 0"):
        LookAhead(Line(), Nearness(), keep=0)

    class Unsure(Nearness):
        def score(self, items: Items, *, draw: NoiseDraw | None = None) -> Scores:
            return Scores(torch.full(items.weight.shape[:2], float("nan")))

    with pytest.raises(ActionError, match="the reward that judges outcomes gave a score that is not finite"):
        choose(LookAhead(Line(), Unsure()))
