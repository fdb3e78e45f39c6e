"""Label Studio's pairwise tasks: export questions, have them answered there, import its JSON export.

A task's ``data`` names both items, for a configuration such as ``<Pairwise name="preference" toName="left,right"/>``
with an object tag for ``$left`` and one for ``$right``; what those show is up to the server of the media. Pairwise
knows left and right, and no tie.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from robopref.data.formats.labels import Labels, Naming, hard_code
from robopref.data.records import from_json, to_json
from robopref.errors import DataError
from robopref.types import Abstain, Feedback, Preference, Query

_NAME = "label-studio"
_SIDES = {1.0: "left", 0.0: "right"}


def read(path: Path, naming: Naming) -> Labels:
    """Read the JSON export of a project whose tasks `write` made.

    A cancelled annotation is an abstention, and so is one in which neither side was selected.

    Returns:
        The queries, and one answer an annotation, with the time it took.

    Raises:
        DataError: The file is no such export; the message names the task.
    """
    try:
        tasks = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot read ({error.strerror}); expected a JSON export") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON ({error})") from error
    if not isinstance(tasks, list):
        raise DataError(f"{path}: expected a list of tasks, got {type(tasks).__name__}")
    queries, feedback = list[Query](), list[Feedback]()
    for number, task in enumerate(tasks):
        place = f"{path}: task {number}"
        try:
            query = from_json(Query, task["data"]["query"])
            annotations = list(task.get("annotations") or [])
            feedback += [_feedback(query, one, naming, place) for one in annotations]
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{place}: expected a task made by robopref labels export ({error})") from error
        if query.kind != "pair":
            raise DataError(f"{place}: expected a pair, got a {query.kind}")
        queries.append(query)
    return Labels(queries, feedback)


def write(path: Path, labels: Labels) -> None:
    """Write pairs as tasks, with their answers as annotations.

    Args:
        path: The file; one that exists is replaced.
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
    for given in labels.feedback:
        if given.query_id not in known:
            raise DataError(f"feedback on query {given.query_id!r}, which does not exist")
        tasks[given.query_id]["annotations"].append(_annotation(known[given.query_id], given))
    try:
        path.write_text(json.dumps(list(tasks.values()), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path}: cannot write ({error.strerror})") from error


def _annotation(query: Query, given: Feedback) -> dict[str, Any]:
    result: list[dict[str, Any]] = []
    if isinstance(given.answer, Preference):
        side = hard_code(query, given.answer.p, _NAME, _SIDES)
        result.append({
            "from_name": "preference", "to_name": "left,right", "type": "pairwise", "value": {"selected": side},
        })  # fmt: skip
    return {
        "completed_by": {"email": given.labeler},
        "created_at": datetime.fromtimestamp(given.time, UTC).isoformat(),
        "lead_time": given.seconds,
        "was_cancelled": isinstance(given.answer, Abstain),
        "result": result,
    }


def _feedback(query: Query, annotation: dict[str, Any], naming: Naming, place: str) -> Feedback:
    sides = {side: p for p, side in _SIDES.items()}
    chosen = [result["value"]["selected"] for result in annotation["result"] if result["type"] == "pairwise"]
    if annotation.get("was_cancelled"):
        answer = Abstain("skipped")
    elif not chosen:
        answer = Abstain("nothing selected")
    elif len(chosen) == 1 and chosen[0] in sides:
        answer = Preference(sides[chosen[0]])
    else:
        raise DataError(f"{place}: expected one selection, left or right, got {chosen}")
    who = annotation.get("completed_by", naming.labeler)
    who = who.get("email", who.get("id", naming.labeler)) if isinstance(who, dict) else who
    created, seconds = annotation.get("created_at"), annotation.get("lead_time")
    try:
        time = datetime.fromisoformat(created).timestamp() if created else 0.0
        seconds = None if seconds is None else float(seconds)
    except (TypeError, ValueError) as error:
        raise DataError(f"{place}: created_at must be a time and lead_time seconds ({error})") from error
    # The order in which an abstaining person saw the items is known as well.
    return Feedback(query.id, answer, str(who), time=time, order=(0, 1), seconds=seconds)
