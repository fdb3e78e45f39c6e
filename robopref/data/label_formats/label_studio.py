"""Label Studio's pairwise tasks: export questions, have them answered there, import its JSON export.

A task's ``data`` names both items, for a configuration such as ``<Pairwise name="preference" toName="left,right"/>``
with an object tag for ``$left`` and one for ``$right``; what those show is up to the server of the media. Pairwise
knows left and right, and no tie; ``<Choices>`` of left, right and tie are read as well.

Label Studio drops who and when of annotations that are imported there, and refuses people whom it does not know. So
answers that leave from here are in the task's ``data`` as well, by the id of their annotation, which it keeps.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from robopref.data.json_lines import located
from robopref.data.label_formats.annotations import CONTROL, Annotation, read_annotation
from robopref.data.label_formats.exchanged_labels import Labels, Naming, hard_code
from robopref.data.labels.feedback_records import from_json, to_json
from robopref.data.labels.origins import AnswerOrigin
from robopref.errors import DataError
from robopref.files import replacing
from robopref.plain_json import GivenTwiceError, plain_json
from robopref.records import Abstain, Feedback, Preference, Query

_NAME = "label-studio"
_SIDES = {1.0: "left", 0.0: "right"}
_IDS = 2**52  # whole numbers that JavaScript counts exactly
_AS_JSON = "export the project as JSON"


def read(path: Path, naming: Naming) -> Labels:
    """Read the JSON export of a project whose tasks `write` made.

    Args:
        path: The file.
        naming: Who answered where an annotation does not say.

    Returns:
        The queries, and one answer an annotation, with the time it took. Of an annotation that comes several times, in
        copies of a task, the latest version counts.

    Raises:
        DataError: The file is no such export; the message names the task.
    """
    queries: dict[str, Query] = {}
    found: dict[str, tuple[Feedback, AnswerOrigin | None]] = {}
    for number, task in enumerate(_tasks(path)):
        with located(f"{path}: task {number}"):
            query = _query(task)
            if queries.setdefault(query.id, query) != query:
                raise DataError(f"query {query.id!r} has other content than in an earlier task")
            exported = _exported(task["data"], query)
            for index, stored in enumerate(_annotations(task)):
                given, origin = _given(read_annotation(stored, query.id, naming.labeler), exported)
                to_json(given)  # refuses what cannot be stored, while the task is known
                name = f"{number}/{index}" if origin is None else origin.name
                earlier = found.get(name)
                if earlier is None or _is_later(given, origin, *earlier):
                    found[name] = given, origin
    return Labels(
        list(queries.values()),
        [given for given, _ in found.values()],
        origins=[origin for _, origin in found.values()],
    )


def write(path: Path, labels: Labels) -> None:
    """Write pairs as tasks, with their answers as annotations of whoever imports them.

    Args:
        path: The file, which appears whole or not at all; one that exists is replaced.
        labels: What to write.

    Raises:
        DataError: A question is no pair, an answer is a tie or a slight preference, or the file cannot be written.
    """
    tasks: dict[str, dict[str, Any]] = {}
    for query in labels.queries:
        if query.kind != "pair":
            raise DataError(f"{_NAME} holds pairs only, got {query.kind} query {query.id!r}; export to jsonl")
        left, right = (
            f"{item.source}/{item.start}-{item.stop}" + ("" if item.candidate is None else f"/{item.candidate}")
            for item in query.items
        )
        data = {"left": left, "right": right, "instruction": query.instruction, "query": to_json(query)}
        tasks[query.id] = {"data": data, "annotations": []}
    known = {query.id: query for query in labels.queries}
    equal: Counter[Feedback] = Counter()
    for given in labels.feedback:
        if given.query_id not in known:
            raise DataError(f"feedback on query {given.query_id!r}, which does not exist")
        task, stored = tasks[given.query_id], to_json(given)
        number = _number(stored, equal[given])
        equal[given] += 1
        task["annotations"].append(_annotation(known[given.query_id], given, number))
        task["data"].setdefault("answers", {})[str(number)] = {
            name: value for name, value in stored.items() if name != "query_id"
        }
    with replacing(path) as unfinished:
        unfinished.write_text(json.dumps(list(tasks.values()), indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _annotation(query: Query, given: Feedback, number: int) -> dict[str, Any]:
    result: list[dict[str, Any]] = []
    if isinstance(given.answer, Preference):
        side = hard_code(query, given.answer.p, _NAME, _SIDES)
        # The control that answers is what its pages look for as the object, too, else they show nothing selected.
        result.append({
            "from_name": CONTROL, "to_name": CONTROL, "type": "pairwise", "value": {"selected": side},
        })  # fmt: skip
    return {
        "id": number,
        "created_at": _iso(given.time),
        "lead_time": given.seconds,
        "was_cancelled": isinstance(given.answer, Abstain),
        "ground_truth": False,
        "result": result,
    }


def _iso(time: float) -> str | None:
    try:
        return datetime.fromtimestamp(time, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return None


def _number(stored: Mapping[str, Any], copy: int) -> int:
    """Names an answer by what it says; Label Studio takes numbers only."""
    told = json.dumps([stored, copy], sort_keys=True)
    return 1 + int.from_bytes(hashlib.sha256(told.encode()).digest()[:8]) % _IDS


def _tasks(path: Path) -> list[Any]:
    try:
        tasks = plain_json(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DataError(f"{path}: cannot read ({error.strerror}); expected a JSON export") from error
    except GivenTwiceError as error:
        raise DataError(f"{path} {error}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON ({error}); {_AS_JSON}") from error
    if not isinstance(tasks, list):
        raise DataError(f"{path}: expected a list of tasks, got {type(tasks).__name__}; {_AS_JSON}")
    return tasks


def _query(task: Any) -> Query:
    expected = "expected a task made by robopref labels export"
    if not isinstance(task, Mapping):
        raise DataError(f"{expected}, got {task!r:.80}")
    if "data" not in task and "annotation_id" in task:
        raise DataError(f"{expected}, got a row of JSON-MIN; {_AS_JSON}")
    data = task.get("data")
    if not isinstance(data, Mapping) or "query" not in data:
        raise DataError(f"{expected}, got no data.query")
    query = from_json(Query, data["query"])
    if query.kind != "pair":
        raise DataError(f"expected a pair, got a {query.kind}")
    return query


def _annotations(task: Mapping[str, Any]) -> Iterator[Any]:
    for key in ("annotations", "cancelled_annotations"):
        held = task.get(key)
        if isinstance(held, list):
            yield from held
        elif key == "annotations" and held is not None:
            raise DataError(f"annotations must be a list, got {held!r:.80}")


def _exported(data: Mapping[str, Any], query: Query) -> dict[str, Feedback]:
    """The answers that left from here, by the ids of their annotations."""
    answers = data.get("answers")
    if answers is None:
        return {}
    if not isinstance(answers, Mapping) or not all(isinstance(one, Mapping) for one in answers.values()):
        raise DataError(f"data.answers must hold answers by their numbers, got {answers!r:.80}")
    return {str(number): from_json(Feedback, {"query_id": query.id, **one}) for number, one in answers.items()}


def _given(read: Annotation, exported: Mapping[str, Feedback]) -> tuple[Feedback, AnswerOrigin | None]:
    number = next((number for number in read.numbers if number in exported), None)
    if number is None:
        name = f"{_NAME} {read.given.query_id} {read.name}"
        return read.given, AnswerOrigin(name, read.version) if read.name else None
    before = exported[number]
    given = before if _same(before, read.given) else read.given
    return given, AnswerOrigin(f"{_NAME} {before.query_id} exported {number}", read.version, before)


def _same(before: Feedback, now: Feedback) -> bool:
    """Whether nobody changed what was exported; why somebody abstained is not shown there."""
    if isinstance(before.answer, Abstain):
        return isinstance(now.answer, Abstain)
    return before.answer == now.answer


def _is_later(given: Feedback, origin: AnswerOrigin | None, other: Feedback, of_other: AnswerOrigin | None) -> bool:
    versions = [one.version if one else "" for one in (origin, of_other)]
    if versions[0] == versions[1] and given.answer != other.answer:
        raise DataError(
            f"an annotation of {given.labeler} to query {given.query_id!r} is there twice, with different answers and "
            "nothing that says which is the later one (updated_at)"
        )
    return versions[0] > versions[1]
