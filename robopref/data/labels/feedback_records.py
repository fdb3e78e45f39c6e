"""Queries and feedback as JSON: what the label database stores, and the lines of its exported files."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from robopref.asked_features import AskedFeature, FeatureRelevance, Threshold
from robopref.data.json_lines import json_object, located, read_places
from robopref.errors import ConfigError, DataError
from robopref.files import replacing
from robopref.records import Abstain, Answer, Feedback, Item, Preference, Query, Ranking, Rating, SimilarityTriplet

_Record = TypeVar("_Record", bound=Query | Feedback)
_Built = TypeVar("_Built")
_LINES: dict[str, type[Query] | type[Feedback]] = {"query": Query, "feedback": Feedback}
_ANSWERS: dict[str, type[Answer]] = {
    "preference": Preference,
    "ranking": Ranking,
    "similarity": SimilarityTriplet,
    "rating": Rating,
    "relevance": FeatureRelevance,
    "threshold": Threshold,
    "abstain": Abstain,
}
_FITTING: dict[str, type[Answer]] = {
    "pair": Preference,
    "ranking": Ranking,
    "similarity": SimilarityTriplet,
    "rating": Rating,
    "feature": FeatureRelevance,
    "threshold": Threshold,
}
_TEXT = ("text", (str,))
_WHOLE = ("a whole number", (int,))
_NUMBER = ("a number", (int, float))
_LIST = ("a list", (list,))
_HUGE = 2**63  # what databases and tables hold of whole numbers
_EXPECTED: dict[str, tuple[str, tuple[type, ...]]] = {
    **dict.fromkeys(("id", "kind", "instruction", "source", "reason", "query_id"), _TEXT),
    **dict.fromkeys(("labeler", "labeler_version", "rationale", "name", "said", "unit", "side"), _TEXT),
    **dict.fromkeys(("start", "stop", "odd", "direction"), _WHOLE),
    **dict.fromkeys(("p", "value", "confidence", "time", "scale", "low", "high"), _NUMBER),
    **dict.fromkeys(("items", "ranks", "order", "values", "strengths"), _LIST),
    "candidate": ("a whole number or null", (int, type(None))),
    "seconds": ("a number or null", (int, float, type(None))),
    "answer": ("an object", (dict,)),
    "feature": ("an object or null", (dict, type(None))),
}


def to_json(record: Query | Feedback) -> dict[str, Any]:
    """Turn a record into plain JSON values.

    Args:
        record: A query, or feedback; its numbers may be numpy's.

    Returns:
        Its fields; an answer carries its ``type``. Questions about no feature, and rankings without strengths, leave
        these out.

    Raises:
        DataError: A field is not what its type says, such as a number that is not finite.
    """
    stored = dataclasses.asdict(record)
    if isinstance(record, Feedback):
        tags = [tag for tag, answer in _ANSWERS.items() if type(record.answer) is answer]
        stored["answer"] = {"type": tags[0] if tags else type(record.answer).__name__, **stored["answer"]}
        if not stored["answer"].get("strengths", True):
            del stored["answer"]["strengths"]  # as in files of the time before these
    if isinstance(record, Query) and record.feature is None:
        del stored["feature"]  # as in files of the time before such questions
    try:
        plain = json.loads(json.dumps(stored, allow_nan=False, default=lambda number: number.item()))
    except (TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{record} cannot be stored: {error}") from error
    from_json(type(record), plain)
    return plain


def from_json(record: type[_Record], stored: Mapping[str, Any]) -> _Record:
    """Inverse of `to_json`.

    Args:
        record: `Query` or `Feedback`.
        stored: Its fields; those with a default may be left out.

    Returns:
        The record.

    Raises:
        DataError: A field is missing, unknown or of another type, or has a value that is not allowed.
    """
    if record is Query:
        fields = _checked(Query, stored)
        items = tuple(_build(Item, item) for item in fields["items"])
        return _build(record, stored, items=items, feature=_feature(fields.get("feature")))
    fields = _checked(Feedback, stored)
    order = _indices("order", fields.get("order", []))
    return _build(record, stored, answer=_answer(fields["answer"]), order=order)


def check_answer(feedback: Feedback, query: Query | None) -> None:
    """Check that an answer fits its query.

    Args:
        feedback: The feedback.
        query: Its query, or None if there is none.

    Raises:
        DataError: There is no query, the answer is of another kind, the ranks or places are not one per item, or a
            threshold lies outside of the scale.
    """
    if query is None:
        raise DataError(f"feedback on query {feedback.query_id!r}, which does not exist; add the query first")
    answer = feedback.answer
    fitting = _FITTING[query.kind]
    if type(answer) not in (fitting, Abstain):
        raise DataError(
            f"answer to {query.kind} query {query.id!r} must be {fitting.__name__} or Abstain, got {answer}"
        )
    if isinstance(answer, Ranking) and len(answer.ranks) != len(query.items):
        raise DataError(f"query {query.id!r} has {len(query.items)} items, got {len(answer.ranks)} ranks")
    feature = query.feature
    if isinstance(answer, Threshold) and feature is not None and not feature.low <= answer.value <= feature.high:
        raise DataError(
            f"query {query.id!r} is about values from {feature.low:g} to {feature.high:g}, got {answer.value:g}"
        )
    if feedback.order and len(feedback.order) != len(query.items):
        raise DataError(f"query {query.id!r} has {len(query.items)} items, got an order of {len(feedback.order)}")


def write_lines(path: Path, records: Iterable[Query | Feedback]) -> None:
    """Write records to a file, one line each; the file appears whole or not at all.

    Raises:
        DataError: The file cannot be written.
    """
    with replacing(path) as unfinished, unfinished.open("w", encoding="utf-8") as file:
        file.writelines(f"{to_line(record)}\n" for record in records)
        file.flush()
        os.fsync(file.fileno())


def read_lines(path: Path) -> Iterator[tuple[str, Query | Feedback]]:
    """Read a file of records; blank lines are skipped.

    Yields:
        The place, ``file:line``, and the record.

    Raises:
        DataError: The file cannot be read, or a line is not a record.
    """
    for place, line in read_places(path, "records, one JSON object a line"):
        with located(place):
            record = from_line(line)
        yield place, record


def to_line(record: Query | Feedback) -> str:
    """Write a record as one line of an exported file, without the line end."""
    tag = next(tag for tag, kind in _LINES.items() if isinstance(record, kind))
    return json.dumps({"record": tag, **to_json(record)})


def from_line(line: str) -> Query | Feedback:
    """Inverse of `to_line`.

    Raises:
        DataError: The line is not a record; the message says what was expected.
    """
    expected = f'{{"record": "{" or ".join(_LINES)}", ...}}'
    stored = json_object(line, expected)
    tag = stored.pop("record", None)
    if not isinstance(tag, str) or tag not in _LINES:
        raise DataError(f"expected {expected}, got {_short(line)}")
    return from_json(_LINES[tag], stored)


def _answer(stored: dict[str, Any]) -> Answer:
    fields = dict(stored)
    tag = fields.pop("type", None)
    if not isinstance(tag, str) or tag not in _ANSWERS:
        raise DataError(f"answer type must be one of {', '.join(_ANSWERS)}, got {tag!r}")
    if tag != "ranking":
        return _build(_ANSWERS[tag], fields)
    checked = _checked(Ranking, fields)
    strengths = _numbers("strengths of a ranking", checked.get("strengths", []))
    return _build(Ranking, fields, ranks=_indices("ranks", checked["ranks"]), strengths=strengths)


def _feature(stored: dict[str, Any] | None) -> AskedFeature | None:
    if stored is None:
        return None
    values = _numbers("values of a feature", _checked(AskedFeature, stored).get("values", []))
    return _build(AskedFeature, stored, values=values)


def _numbers(name: str, stored: list[Any]) -> tuple[float, ...]:
    for value in stored:
        if type(value) not in (int, float):
            raise DataError(f"{name} must be numbers, got {_short(value)}")
        require_plain(name, value)
    return tuple(stored)


def _indices(name: str, stored: list[Any]) -> tuple[int, ...]:
    if not all(type(index) is int and 0 <= index < _HUGE for index in stored):
        raise DataError(f"{name} must be whole numbers from 0, got {_short(stored)}")
    return tuple(stored)


def _checked(kind: type, stored: Any) -> Mapping[str, Any]:
    """Check names and types of the fields of a dataclass."""
    name = kind.__name__.lower()
    if not isinstance(stored, Mapping):
        raise DataError(f"{name} must be an object, got {_short(stored)}")
    fields = dataclasses.fields(kind)
    needed = [field.name for field in fields if field.default is dataclasses.MISSING]
    wrong = [f"no {key!r}" for key in needed if key not in stored]
    wrong += [f"unknown {key!r}" for key in stored if key not in {field.name for field in fields}]
    if wrong:
        raise DataError(f"{name} must have {', '.join(field.name for field in fields)}; got {', '.join(wrong)}")
    for key, value in stored.items():
        expected, types = _EXPECTED[key]
        if not isinstance(value, types) or isinstance(value, bool):
            raise DataError(f"{name} {key!r} must be {expected}, got {_short(value)}")
        require_plain(f"{name} {key!r}", value)
    return stored


def _build(kind: type[_Built], stored: Any, **nested: Any) -> _Built:
    try:
        return kind(**{**_checked(kind, stored), **nested})
    except ConfigError as error:
        raise DataError(str(error)) from error


def require_plain(what: str, value: Any) -> None:
    """Require that databases and tables can hold a number or a text; anything else is let through.

    Args:
        what: What it is, for messages.
        value: As JSON has it.

    Raises:
        DataError: They cannot.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise DataError(f"{what} must be finite, got {value}")
    if isinstance(value, int) and not -_HUGE <= value < _HUGE:
        raise DataError(f"{what} must be a number of 64 bits, got a longer one")
    if isinstance(value, str) and not _is_text(value):
        raise DataError(f"{what} must be text that UTF-8 can hold, got {_short(value)}")


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
