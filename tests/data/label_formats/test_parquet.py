import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given

from robopref.data.label_formats import parquet
from robopref.data.label_formats.exchanged_labels import Labels, Naming
from robopref.errors import DataError, DependencyError
from robopref.records import Feedback, Preference
from tests.data.label_formats.records import everything, pair


@pytest.mark.slow
@given(everything())
def test_what_is_written_is_read_again(tmp_path_factory, labels):
    path = tmp_path_factory.getbasetemp() / "labels.parquet"
    parquet.write(path, labels)
    found = parquet.read(path, Naming())
    assert (found.queries, found.feedback) == (labels.queries, labels.feedback)


def test_a_row_is_an_answer_with_its_question(tmp_path):
    queries = [pair(0, 0, 50), pair(1, 10, 60)]
    parquet.write(tmp_path / "t", Labels(queries, [Feedback("hopper/1", Preference(0.25), "ann", seconds=3.0)]))
    rows = pq.read_table(tmp_path / "t").to_pylist()
    told = [(row["query_id"], row["answer"], row["p"], row["labeler"], row["seconds"]) for row in rows]
    assert told == [("hopper/1", "preference", 0.25, "ann", 3), ("hopper/0", None, None, None, None)]
    assert rows[0]["items"][1] == {"source": "hopper", "start": 60, "stop": 70, "candidate": None}


def changed(path, **columns):
    parquet.write(path, Labels([pair(0, 0, 50)], [Feedback("hopper/0", Preference(1), "ann")]))
    table = pq.read_table(path)
    for name, value in columns.items():
        table = table.set_column(table.column_names.index(name), name, pa.array([value]))
    pq.write_table(table, path)
    return path


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        ({"p": 1.5}, "row 0: preference p must be in"),
        ({"answer": "guess"}, "row 0: answer type must be one of"),
        ({"kind": "ranking"}, "row 0: answer to ranking query"),
        ({"labeler": 3}, "row 0: feedback 'labeler' must be text"),
        ({"position": "first"}, "row 0: position must be a whole number"),
    ],
)
def test_a_damaged_row_is_named(tmp_path, columns, complaint):
    with pytest.raises(DataError, match=complaint):
        parquet.read(changed(tmp_path / "t", **columns), Naming())


def test_other_files_are_explained(tmp_path):
    (tmp_path / "text").write_text("text")
    with pytest.raises(DataError, match="expected a parquet file"):
        parquet.read(tmp_path / "text", Naming())
    pq.write_table(pa.table({"a": [1]}), tmp_path / "other")
    with pytest.raises(DataError, match="no column answer"):
        parquet.read(tmp_path / "other", Naming())


def test_without_pyarrow_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DependencyError, match=r"robopref\[parquet\]"):
        parquet.read(tmp_path / "t", Naming())


def test_tables_that_would_fill_the_memory_are_not_read(tmp_path):
    rows = 2_000_000
    schema = parquet._schema(pa)
    pq.write_table(
        pa.table({one.name: pa.nulls(rows, one.type) for one in schema}, schema=schema), tmp_path / "bomb.parquet"
    )
    with pytest.raises(DataError, match=r"bomb.parquet: its rows would take .*made to fill the memory"):
        parquet.read(tmp_path / "bomb.parquet", Naming())
