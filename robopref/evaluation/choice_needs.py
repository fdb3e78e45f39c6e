"""What each way of choosing needs: answers, executed actions, time; kept beside an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from robopref.errors import DataError
from robopref.evaluation.run_folder import NEEDS, load_object
from robopref.evaluation.stored_arrays import LARGEST
from robopref.files import fields, write_json

LEARNT = "rewards/learnt_from.json"  # what the rewards of a run were trained on


@dataclass(frozen=True)
class LearntFrom:
    """What a reward learnt from, as far as it is known; what one learns from the answers of another, that one learnt.

    Attributes:
        answers: Questions that people, teachers or models answered.
        carried_out: Actions that were executed so that the reward, or the one whose answers it learns from, can see
            what comes of them; of other rewards of actions none. Whoever answers may have executed some, too.
    """

    answers: int | None = None
    carried_out: int | None = None

    def beside(self, other: LearntFrom) -> LearntFrom:
        """What both of a run learnt from, of whose questions and actions one has all that the other has."""
        counts = zip(vars(self).values(), vars(other).values(), strict=True)
        return LearntFrom(*(None if None in pair else max(pair) for pair in counts))


@dataclass(frozen=True)
class Keeping:
    """How look-ahead comes to the candidates that it carries out.

    Attributes:
        keep: How many, K.
        by: Reward that likes them best; None takes the first ones.
        imagined: Where they are imagined and not simulated, the score that imagines all of them.
    """

    keep: int
    by: str | None = None
    imagined: str | None = None


@dataclass(frozen=True)
class ChoiceNeeds:
    """What ways of choosing need, as far as it is known.

    Attributes:
        learnt: By score.
        ahead: By reward of outcomes.
        beams: Candidates that beam search carries out before a decision, at most, by the reward that it adds up.
        milliseconds: Median time of a decision, by strategy.
    """

    learnt: Mapping[str, LearntFrom] = field(default_factory=dict[str, LearntFrom])
    ahead: Mapping[str, Keeping] = field(default_factory=dict[str, Keeping])
    milliseconds: Mapping[str, float] = field(default_factory=dict[str, float])
    beams: Mapping[str, int] = field(default_factory=dict[str, int])


def write_needs(folder: Path, needs: ChoiceNeeds) -> None:
    """Keep them in a run folder.

    Args:
        folder: The run folder.
        needs: What ways of choosing need.

    Raises:
        DataError: The disk refused.
    """
    write_json(folder / NEEDS, _known(asdict(needs)))


def load_needs(folder: Path) -> ChoiceNeeds:
    """Read what `write_needs` kept; older evaluations know nothing of it.

    Args:
        folder: The run folder.

    Raises:
        DataError: It is damaged.
    """
    path = folder / NEEDS
    stored = fields(path, load_object(path) or {}, {"learnt": dict, "ahead": dict, "milliseconds": dict, "beams": dict})
    taken: dict[str, Any] = stored.get("milliseconds", {})
    times = fields(path, taken, dict.fromkeys(taken, float))
    if wrong := [name for name, found in times.items() if not 0 <= found <= LARGEST]:
        raise DataError(f"{path}: {wrong[0][:40]!r} cannot take {times[wrong[0]]:g} milliseconds")
    searched: dict[str, Any] = stored.get("beams", {})
    beams = fields(path, searched, dict.fromkeys(searched, int))
    if wrong := [name for name, found in beams.items() if not 0 <= found <= LARGEST]:
        raise DataError(f"{path}: beam search by {wrong[0][:40]!r} cannot carry out {beams[wrong[0]]} candidates")
    ahead = _each(path, stored.get("ahead", {}), {"keep": int, "by": str, "imagined": str})
    if unsaid := [name for name, found in ahead.items() if "keep" not in found]:
        raise DataError(f"{path} does not say how many candidates look-ahead by {unsaid[0][:40]!r} keeps")
    return ChoiceNeeds(
        _learnt(path, stored.get("learnt", {})), {name: Keeping(**found) for name, found in ahead.items()}, times, beams
    )  # fmt: skip


def keep_learnt(folder: Path, learnt: Mapping[str, LearntFrom]) -> None:
    """Keep what rewards of a run were trained on, beside what is kept of others.

    Args:
        folder: The run folder.
        learnt: By reward.

    Raises:
        DataError: What is there is damaged, or the disk refused.
    """
    known = {**load_learnt(folder), **learnt}
    write_json(folder / LEARNT, {name: _known(asdict(one)) for name, one in known.items()})


def load_learnt(folder: Path) -> dict[str, LearntFrom]:
    """Read what rewards of a run were trained on; of those that were trained by older versions it is not known.

    Args:
        folder: The run folder.

    Raises:
        DataError: It is damaged.
    """
    return _learnt(folder / LEARNT, load_object(folder / LEARNT) or {})


def _learnt(path: Path, stored: Mapping[str, Any]) -> dict[str, LearntFrom]:
    found = _each(path, stored, {"answers": int, "carried_out": int})
    return {name: LearntFrom(**one) for name, one in found.items()}


def _each(path: Path, stored: Mapping[str, Any], kinds: Mapping[str, type]) -> dict[str, dict[str, Any]]:
    found = {name: fields(path, one, kinds) for name, one in fields(path, stored, dict.fromkeys(stored, dict)).items()}
    for name, one in found.items():
        if wrong := [key for key, value in one.items() if isinstance(value, int) and not 0 <= value <= LARGEST]:
            raise DataError(f"{path}: {wrong[0]} of {name[:40]!r} cannot be {one[wrong[0]]}")
    return found


def _known(stored: dict[str, Any]) -> dict[str, Any]:
    """Without what is not known."""
    return {
        name: _known(value) if isinstance(value, dict) else value for name, value in stored.items() if value is not None
    }
