import os
import pickle
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from robopref.data.label_formats.safe_pickle import dump_numbers, load_numbers, load_plain
from robopref.errors import DataError

# As numpy 1 wrote it: pickle.dumps(np.array([7, -1]), protocol=4).
NUMPY_1 = (
    b"\x80\x04\x8c\x15numpy.core.multiarray\x94\x8c\x0c_reconstruct\x94\x93\x94"
    b"\x8c\x05numpy\x94\x8c\x07ndarray\x94\x93\x94K\x00\x85\x94C\x01b\x94\x87\x94R\x94(K\x01K\x02\x85\x94h\x03\x8c\x05"
    b"dtype\x94\x93\x94\x8c\x02i8\x94\x89\x88\x87\x94R\x94(K\x03\x8c\x01<\x94NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK"
    b"\x00t\x94b\x89C\x10\x07\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\x94t\x94b."
)


class Calls:
    def __init__(self, function, *arguments):
        self.what = function, arguments

    def __reduce__(self):
        return self.what


def test_a_pickle_of_numpy_1_is_read(tmp_path):
    (tmp_path / "old").write_bytes(NUMPY_1)
    assert load_numbers(tmp_path / "old").tolist() == [7, -1]


@given(
    arrays(st.sampled_from(["<i8", ">i4", "<f4", "?", "u1"]), array_shapes(max_dims=3, max_side=3)),
    st.integers(2, pickle.HIGHEST_PROTOCOL),
    st.booleans(),
)
def test_arrays_of_numbers_survive(tmp_path_factory, array, protocol, columns_first):
    path = tmp_path_factory.getbasetemp() / "array.pkl"
    array = np.asarray(array, order="F" if columns_first else "C")
    path.write_bytes(pickle.dumps({"a": [array, 1, "text", None]}, protocol=protocol))
    (found, *rest) = load_plain(path)["a"]
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype
    assert rest == [1, "text", None]


def test_numpy_scalars_in_a_list_are_numbers(tmp_path):
    path = tmp_path / "list"
    path.write_bytes(pickle.dumps([np.int64(1), -1, np.float32(0.5)]))
    assert load_numbers(path).tolist() == [1, -1, 0.5]


@pytest.mark.parametrize(
    "evil",
    [
        Calls(os.system, "touch owned"),
        Calls(eval, "1"),
        Calls(np.load, "other.npy"),
        Calls(np.zeros, 3),
        Calls(getattr, "text", "join"),
    ],
)
def test_nothing_that_a_file_names_is_run(tmp_path, monkeypatch, evil):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil").write_bytes(pickle.dumps(evil))
    with pytest.raises(DataError, match="not admitted"):
        load_plain(tmp_path / "evil")
    assert not (tmp_path / "owned").exists()


def test_arrays_of_objects_are_refused(tmp_path):
    (tmp_path / "objects").write_bytes(pickle.dumps(np.array([1, "a", None], dtype=object)))
    with pytest.raises(DataError, match="not a pickle of numbers"):
        load_plain(tmp_path / "objects")


def test_an_array_type_is_not_admitted_by_itself(tmp_path):
    (tmp_path / "type").write_bytes(pickle.dumps(np.ndarray))
    with pytest.raises(DataError, match="holds type"):
        load_plain(tmp_path / "type")
    (tmp_path / "call").write_bytes(b"cnumpy\nndarray\n(I1000000000\ntR.")
    with pytest.raises(DataError, match="ndarray itself"):
        load_plain(tmp_path / "call")


def test_an_array_that_claims_more_than_its_bytes_is_refused(tmp_path):
    (tmp_path / "short").write_bytes(NUMPY_1.replace(b"K\x01K\x02\x85", b"K\x01K\x7f\x85"))
    with pytest.raises(DataError, match="reshape"):
        load_plain(tmp_path / "short")


@given(st.binary(max_size=60) | st.tuples(st.integers(0, len(NUMPY_1) - 1), st.integers(0, 255)))
def test_damaged_files_give_one_kind_of_error(tmp_path_factory, damage):
    path = tmp_path_factory.getbasetemp() / "damaged.pkl"
    if isinstance(damage, tuple):
        position, byte = damage
        damage = NUMPY_1[:position] + bytes([byte]) + NUMPY_1[position + 1 :]
    path.write_bytes(damage)
    with suppress(DataError):
        load_plain(path)


def test_a_list_that_holds_itself_is_refused(tmp_path):
    loop = []
    loop.append(loop)
    (tmp_path / "loop").write_bytes(pickle.dumps(loop))
    with pytest.raises(DataError, match="hold one another"):
        load_plain(tmp_path / "loop")


def test_text_is_no_number(tmp_path):
    (tmp_path / "text").write_bytes(pickle.dumps(["one"]))
    with pytest.raises(DataError, match="list of numbers"):
        load_numbers(tmp_path / "text")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match="missing"):
        load_plain(tmp_path / "missing")


def test_what_is_written_names_numpy_as_before_version_2(tmp_path):
    dump_numbers(tmp_path / "new", np.array([3, 4]))
    content = (tmp_path / "new").read_bytes()
    assert b"cnumpy.core.multiarray\n" in content
    assert b"_core" not in content
    assert load_numbers(tmp_path / "new").tolist() == [3, 4]


def doubled(times, inner):
    for _ in range(times):
        inner = [inner, inner]
    return inner


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (pickle.dumps(doubled(60, [1.0])), "fill the memory"),
        (pickle.dumps(doubled(30, np.zeros(1000))), "fill the memory"),
        (b"\x80\x04]r\xff\xff\xff\x7f.", "claims more memory"),  # a place of its memory that makes Python fill 16 GiB
        (b"p2147483647\n.", "claims more memory"),
        (b"\x80\x05\x96" + (1 << 50).to_bytes(8, "little") + b".", "remain"),
        (b"\x80\x04" + b"]" * 100_000 + b"a" * 99_999 + b".", "recursion"),
    ],
)
def test_a_few_bytes_do_not_fill_the_memory(content, says, tmp_path):
    (tmp_path / "bomb").write_bytes(content)
    with pytest.raises(DataError, match=says):
        load_numbers(tmp_path / "bomb")


def test_what_is_named_twice_is_read_once(tmp_path):
    shared = [1.0, 2.0]
    (tmp_path / "shared").write_bytes(pickle.dumps([shared] * 500))
    assert load_numbers(tmp_path / "shared").shape == (500, 2)
    found = load_plain(tmp_path / "shared")
    assert found[0] is found[1]
