"""What an annotation of Label Studio says."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from robopref.errors import DataError
from robopref.records import Abstain, Feedback, Preference

CONTROL = "preference"  # name of the control that answers, where there are several
_PAIRWISE = {"left": 1.0, "right": 0.0}
_CHOICES = {**_PAIRWISE, "tie": 0.5}
_EXPECTED = "expected one selection, left or right"


@dataclass(frozen=True)
class Annotation:
    """An annotation.

    Attributes:
        given: What was answered, by whom, and when.
        name: Names the annotation among those to one question, whatever it says by now; empty if nothing does.
        version: When it was changed last; later ones sort behind earlier ones. Empty if that is not known.
        numbers: Its id, and the one that it had where it was imported from, as text.
    """

    given: Feedback
    name: str
    version: str
    numbers: tuple[str, ...]


def read_annotation(stored: Any, query_id: str, labeler: str) -> Annotation:
    """Read an annotation.

    A cancelled one is an abstention, and so is one in which nothing was selected.

    Args:
        stored: Its JSON.
        query_id: The question.
        labeler: Who answered, if it does not say.

    Returns:
        The annotation.

    Raises:
        DataError: It is none, or says something that is neither left, right nor a tie.
    """
    if not isinstance(stored, Mapping):
        raise DataError(f"expected an annotation as an object, got {_short(stored)}")
    who = _who(stored.get("completed_by"), labeler)
    answer, rationale = _answer(stored)
    created = _when(stored, "created_at")
    changed = _when(stored, "updated_at")
    numbers = tuple(_number(stored, key) for key in ("import_id", "id"))
    # Annotations are counted from 1 at every server, but two people are never one.
    counted = f"{numbers[1]} of {who}" if numbers[1] else ""
    name = unique if isinstance(unique := stored.get("unique_id"), str) and unique else counted
    # The order in which an abstaining person saw the items is known as well.
    given = Feedback(
        query_id,
        answer,
        who,
        time=created.timestamp() if created else 0.0,
        rationale=rationale,
        order=(0, 1),
        seconds=_seconds(stored.get("lead_time")),
    )
    return Annotation(given, name, changed.isoformat(timespec="microseconds") if changed else "", numbers)


def _answer(stored: Mapping[str, Any]) -> tuple[Preference | Abstain, str]:
    cancelled = stored.get("was_cancelled")
    if not isinstance(cancelled, bool | None):
        raise DataError(f"was_cancelled must be true or false, got {_short(cancelled)}")
    result = stored.get("result")
    if result is not None and not (isinstance(result, list) and all(isinstance(part, Mapping) for part in result)):
        raise DataError(f"result must be a list of objects, got {_short(result)}")
    parts: list[Mapping[str, Any]] = list(result or [])
    rationale = "\n".join(text for part in parts if part.get("type") == "textarea" for text in _texts(part, "text"))
    if cancelled:
        return Abstain("skipped"), rationale
    parts = [part for part in parts if part.get("type") != "textarea"]
    parts = [part for part in parts if part.get("from_name") == CONTROL] or parts
    if not parts:
        return Abstain("nothing selected"), rationale
    chosen = [one for part in parts for one in _chosen(part)]
    if len(chosen) != 1:
        raise DataError(f"{_EXPECTED}, got {[selected for selected, _ in chosen]}")
    return Preference(chosen[0][1]), rationale


def _chosen(part: Mapping[str, Any]) -> list[tuple[str, float]]:
    """What was selected, and the probability that left is better."""
    kind = part.get("type")
    if kind == "pairwise":
        selected, codes = _texts(part, "selected"), _PAIRWISE
    elif kind == "choices":
        selected, codes = _texts(part, "choices"), _CHOICES
    else:
        raise DataError(f"expected answers of Pairwise or Choices, got {_short(kind)}")
    for one in selected:
        if one.strip().lower() not in codes:
            raise DataError(f"{_EXPECTED}{'' if codes is _PAIRWISE else ' or tie'}, got {selected}")
    return [(one, codes[one.strip().lower()]) for one in selected]


def _texts(part: Mapping[str, Any], key: str) -> list[str]:
    value = part.get("value")
    found = value.get(key) if isinstance(value, Mapping) else None
    texts: Sequence[Any] = found if isinstance(found, list) else [] if found is None else [found]
    if not all(isinstance(text, str) for text in texts):
        raise DataError(f"{key} must be text, got {_short(found)}")
    return list(texts)


def _who(stored: Any, otherwise: str) -> str:
    told: list[Any] = [stored.get("email"), stored.get("id")] if isinstance(stored, Mapping) else [stored]
    for one in told:
        if isinstance(one, bool) or not isinstance(one, str | int | None):
            raise DataError(f"completed_by must be a person's number or address, got {_short(stored)}")
        if one is not None and one != "":
            return str(one)
    return otherwise


def _when(stored: Mapping[str, Any], key: str) -> datetime | None:
    told = stored.get(key)
    if told is None or told == "":
        return None
    try:
        time = datetime.fromisoformat(told)
        # Label Studio's times are UTC, whatever the clock of this machine says.
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(f"{key} must be a time, got {_short(told)}") from error


def _seconds(told: Any) -> float | None:
    if told is None:
        return None
    try:
        seconds = math.nan if isinstance(told, bool) else float(told)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise DataError(f"lead_time must be seconds, got {_short(told)}")
    return seconds


def _number(stored: Mapping[str, Any], key: str) -> str:
    told = stored.get(key)
    if isinstance(told, bool) or not isinstance(told, str | int | None):
        raise DataError(f"{key} must be a number, got {_short(told)}")
    return "" if told is None else str(told)


def _short(value: object) -> str:
    return f"{value!r:.80}"
