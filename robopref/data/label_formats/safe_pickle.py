"""Pickles that hold numbers, read without running anything they name.

Unpickling calls whatever a file asks for. Here it may ask for numpy arrays of numbers only, and even these are put
together by this module from their bytes, not by numpy from a state that the file makes up.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robopref.data.claims import FLOOR, RATIO
from robopref.errors import DataError
from robopref.files import replacing

_CORES = ("numpy.core", "numpy._core")  # before and since numpy 2
# What reading can raise on a damaged file, beside what it raises on purpose.
_DAMAGE = (
    pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError,
    MemoryError, UnicodeError, RecursionError,
)  # fmt: skip
_MEMOS = ("PUT", "BINPUT", "LONG_BINPUT")
_CONTAINER_BYTES = 64  # about what an entry of a list takes, its value included


def load_numbers(path: Path) -> NDArray[np.float64]:
    """Read a pickled array, or list, of numbers.

    Args:
        path: The file.

    Returns:
        The numbers.

    Raises:
        DataError: The file cannot be read, is damaged, or holds anything but numbers.
    """
    value = load_plain(path)
    try:
        numbers = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}: expected a pickled array or list of numbers, got {type(value).__name__}") from error
    if not np.isfinite(numbers).all():
        raise DataError(f"{path}: numbers must be finite")
    return numbers


def load_plain(path: Path, records: Collection[tuple[str, str]] = ()) -> Any:
    """Read a pickle of numpy arrays of numbers and of Python's containers, numbers and text.

    Args:
        path: The file.
        records: Modules and names of classes whose objects are read as dictionaries of their attributes; neither is
            imported. Arrays of objects, which hold such records, are then read as lists.

    Returns:
        What it holds.

    Raises:
        DataError: The file cannot be read, is damaged, or asks for anything else.
    """
    try:
        content = path.read_bytes()
        _check_claims(content)
        found = (_WithRecords(content, records) if records else _Restricted(io.BytesIO(content))).load()
        if _size(found, {}) * _CONTAINER_BYTES > max(FLOOR, RATIO * len(content)):
            raise pickle.UnpicklingError("its lists hold one another so often that they would fill the memory")
        return _plain(found, {})
    except OSError as error:
        raise DataError(f"{path}: cannot read ({error.strerror}); expected a pickle") from error
    except _DAMAGE as error:
        raise DataError(
            f"{path}: not a pickle of numbers ({str(error).splitlines()[0] if str(error) else ''})"
        ) from error


def dump_numbers(path: Path, numbers: NDArray[Any] | list[int]) -> None:
    """Write a pickle that old versions of Python and numpy can read.

    Args:
        path: The file; one that exists is replaced.
        numbers: An array or list.

    Raises:
        DataError: The file cannot be written.
    """
    # Protocol 2 writes names as lines, so that the module's name before numpy 2 can be put in their place.
    content = pickle.dumps(numbers, protocol=2).replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")
    with replacing(path) as unfinished:
        unfinished.write_bytes(content)


class _Number:
    """A number type, known by its code."""

    def __init__(self, code: Any, align: bool = False, copy: bool = False) -> None:
        del align, copy
        self.dtype = np.dtype(code) if isinstance(code, str) else np.dtype(object)
        if self.dtype.kind not in "biuf":
            raise pickle.UnpicklingError(f"it holds values of type {code!r}")

    def __setstate__(self, state: Any) -> None:
        self.dtype = self.dtype.newbyteorder("=" if state[1] == "|" else state[1])


class _Array:
    """An array that is still being read."""

    def __init__(self, *_: Any) -> None:
        self.value: NDArray[Any] = np.empty(0)

    def __setstate__(self, state: Any) -> None:
        _, shape, number, columns_first, data = state
        self.value = _array(data, number, shape, "F" if columns_first else "C")


def _array(data: Any, number: Any, shape: Any, order: Any) -> NDArray[Any]:
    if not isinstance(number, _Number) or not isinstance(data, (bytes, bytearray)):
        raise pickle.UnpicklingError("it holds an array of objects")
    return np.frombuffer(data, number.dtype).reshape(shape, order=order).copy()


def _frombuffer(data: Any, number: Any, shape: Any, order: Any) -> _Array:
    array = _Array()
    array.value = _array(data, number, shape, order)
    return array


def _scalar(number: Any, data: Any) -> _Array:
    return _frombuffer(data, number, (), "C")


def _encode(text: Any, encoding: Any) -> bytes:
    """How old protocols write bytes."""
    if not isinstance(text, str) or encoding != "latin1":
        raise pickle.UnpicklingError("it asks for an encoding other than latin1")
    return text.encode("latin1")


class _NdArray:
    """Stands for the type of arrays where a file names it."""

    def __new__(cls, *_: Any) -> _NdArray:
        raise pickle.UnpicklingError("it asks for numpy.ndarray itself")


_ADMITTED: dict[tuple[str, str], Any] = {
    ("numpy", "dtype"): _Number,
    ("numpy", "ndarray"): _NdArray,
    ("_codecs", "encode"): _encode,
    **{(f"{core}.multiarray", "_reconstruct"): _Array for core in _CORES},
    **{(f"{core}.multiarray", "scalar"): _scalar for core in _CORES},
    **{(f"{core}.numeric", "_frombuffer"): _frombuffer for core in _CORES},
}


class _Restricted(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ADMITTED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is not admitted")
        return _ADMITTED[module, name]


class _Record:
    """Stands for an object of a class that is not imported."""

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, dict) or not all(isinstance(name, str) for name in state):
            raise pickle.UnpicklingError("it holds an object whose attributes have no names")
        self.fields = state


class _AnyNumber(_Number):
    """A number type, or that of objects."""

    def __init__(self, code: Any, align: bool = False, copy: bool = False) -> None:
        if code in ("O", "O8"):
            self.dtype = np.dtype(object)
        else:
            super().__init__(code, align, copy)

    def __setstate__(self, state: Any) -> None:
        if self.dtype != np.dtype(object):
            super().__setstate__(state)


class _AnyArray(_Array):
    """An array that is still being read, of numbers or, as a list, of objects."""

    objects: list[Any] | None = None

    def __setstate__(self, state: Any) -> None:
        _, _, number, _, data = state
        if isinstance(number, _AnyNumber) and number.dtype == np.dtype(object) and isinstance(data, list):
            self.objects = data
        else:
            super().__setstate__(state)


class _WithRecords(_Restricted):
    def __init__(self, content: bytes, records: Collection[tuple[str, str]]) -> None:
        super().__init__(io.BytesIO(content))
        self._records = frozenset(records)

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in self._records:
            return _Record
        found = super().find_class(module, name)
        return {_Number: _AnyNumber, _Array: _AnyArray}.get(found, found)


def _inner(value: Any) -> Any:
    """What a record or an array of objects holds; anything else is itself."""
    if isinstance(value, _Record):
        return value.fields
    if isinstance(value, _AnyArray) and value.objects is not None:
        return value.objects
    return value


def _check_claims(content: bytes) -> None:
    """See that lengths lie within the file, and places of its memory are as many as it fills.

    Python makes room for both before it looks.
    """
    for number, (code, argument, _) in enumerate(pickletools.genops(content)):
        if code.name in _MEMOS and (argument is None or int(argument) > number):
            raise pickle.UnpicklingError("it claims more memory than it fills")


def _size(value: Any, known: dict[int, float]) -> float:
    """How many values there are if everything that is named twice is written out."""
    value = _inner(value)
    if isinstance(value, _Array):
        return max(1, value.value.size)
    if not isinstance(value, (dict, list, tuple)):
        return 1
    if id(value) not in known:
        known[id(value)] = math.inf  # until it is known: what holds itself has no end
        inner = [*value.keys(), *value.values()] if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_size(held, known) for held in inner)
    return known[id(value)]


def _plain(value: Any, known: dict[int, Any]) -> Any:
    """Arrays in place of those that were being read; what is named twice stays one."""
    value = _inner(value)
    if isinstance(value, _Array):
        return value.value
    if isinstance(value, (dict, list, tuple)):
        if id(value) not in known:
            if isinstance(value, dict):
                known[id(value)] = {_plain(key, known): _plain(held, known) for key, held in value.items()}
            else:
                known[id(value)] = type(value)(_plain(held, known) for held in value)
        return known[id(value)]
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes, bytearray)):
        return value
    raise pickle.UnpicklingError(f"it holds {type(value).__name__}")
