"""Everything a label database holds as one table, for data frames.

One row an answer, with its question; a question without answers has one row without answer. Columns are the fields of
`Query` and `Feedback`; what an answer says is in the column of its kind, and ``answer`` names the kind.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from robopref.data.arrow import checked_parquet, pyarrow
from robopref.data.damage import DAMAGE, cause
from robopref.data.json_lines import located
from robopref.data.label_formats.exchanged_labels import Labels, Naming
from robopref.data.labels.feedback_records import check_answer, from_json, to_json
from robopref.errors import DataError, RoboprefError
from robopref.files import replacing
from robopref.records import Feedback, Query

_ANSWER = ("p", "ranks", "strengths", "odd", "value", "direction", "reason")
_LATER = {"feature", "direction", "strengths"}  # columns that earlier tables lack
_FEEDBACK = ("labeler", "labeler_version", "confidence", "time", "rationale", "order", "seconds")


def read(path: Path, naming: Naming) -> Labels:
    """Read a table that `write` made.

    Raises:
        DataError: The file is missing, damaged or no such table.
        DependencyError: pyarrow is not installed.
    """
    del naming
    pa, pq = pyarrow()
    try:
        for part in path.rglob("*.parquet") if path.is_dir() else [path]:
            checked_parquet(part)
        table = pq.read_table(path)
    except RoboprefError:
        raise
    except (pa.ArrowException, *DAMAGE) as error:
        raise DataError(f"{path}: cannot read ({cause(error)}); expected a parquet file") from error
    missing = set(_schema(pa).names) - set(table.column_names) - _LATER
    if missing:
        raise DataError(f"{path}: no column {', '.join(sorted(missing))}; expected a table of robopref labels export")
    queries: dict[int, Query] = {}
    feedback: list[Feedback] = []
    for number, row in enumerate(table.to_pylist()):
        with located(f"{path}: row {number}"):
            query = _query(row)
            if not isinstance(row["position"], int):
                raise DataError(f"position must be a whole number, got {row['position']!r}")
            if queries.setdefault(row["position"], query) != query:
                raise DataError(f"position {row['position']} is that of query {queries[row['position']].id!r} as well")
            if row["answer"] is not None:
                feedback.append(_given(row))
                check_answer(feedback[-1], query)
    return Labels([queries[position] for position in sorted(queries)], feedback)


def write(path: Path, labels: Labels) -> None:
    """Write everything.

    Args:
        path: The file; one that exists is replaced.
        labels: What to write.

    Raises:
        DataError: Feedback belongs to no question, or the file cannot be written.
        DependencyError: pyarrow is not installed.
    """
    pa, pq = pyarrow()
    columns = {
        query.id: {**_renamed(to_json(query)), "position": position} for position, query in enumerate(labels.queries)
    }
    rows: list[dict[str, Any]] = []
    for given in labels.feedback:
        stored = to_json(given)
        if given.query_id not in columns:
            raise DataError(f"feedback on query {given.query_id!r}, which does not exist")
        answer = stored.pop("answer")
        rows.append({**columns[given.query_id], **stored, **answer, "answer": answer["type"]})
    answered = {given.query_id for given in labels.feedback}
    rows += [row for query_id, row in columns.items() if query_id not in answered]
    schema = _schema(pa)
    table = pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in rows], schema=schema)
    with replacing(path) as unfinished:
        pq.write_table(table, unfinished)


def _schema(pa: Any) -> Any:
    item = pa.struct({"source": pa.string(), "start": pa.int64(), "stop": pa.int64(), "candidate": pa.int64()})
    feature = pa.struct({
        **dict.fromkeys(("name", "source", "said", "unit", "side"), pa.string()),
        **dict.fromkeys(("scale", "low", "high"), pa.float64()), "values": pa.list_(pa.float64()),
    })  # fmt: skip
    return pa.schema({
        "query_id": pa.string(), "position": pa.int64(), "kind": pa.string(), "items": pa.list_(item),
        "instruction": pa.string(), "answer": pa.string(), "p": pa.float64(), "ranks": pa.list_(pa.int64()),
        "strengths": pa.list_(pa.float64()),
        "odd": pa.int64(), "value": pa.float64(), "direction": pa.int64(), "reason": pa.string(),
        "feature": feature, "labeler": pa.string(),
        "labeler_version": pa.string(), "confidence": pa.float64(), "time": pa.float64(), "rationale": pa.string(),
        "order": pa.list_(pa.int64()), "seconds": pa.float64(),
    })  # fmt: skip


def _renamed(query: dict[str, Any]) -> dict[str, Any]:
    return {"query_id" if name == "id" else name: value for name, value in query.items()}


def _query(row: dict[str, Any]) -> Query:
    stored = {name: row[name] for name in ("kind", "items", "instruction")}
    return from_json(Query, {"id": row["query_id"], **stored, "feature": row.get("feature")})


def _given(row: dict[str, Any]) -> Feedback:
    answer = {"type": row["answer"], **{name: row[name] for name in _ANSWER if row.get(name) is not None}}
    return from_json(
        Feedback, {"query_id": row["query_id"], "answer": answer, **{name: row[name] for name in _FEEDBACK}}
    )
