"""Files of arrays that are none, or not as they were written, on which numpy raises errors of many kinds."""

import io

import numpy as np


def npy(header: str, body: bytes = b"") -> bytes:
    """A file of one array with any header."""
    padded = header.encode()
    padded += b" " * (-(11 + len(padded)) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded + body


def _described(shape: str) -> bytes:
    return npy(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({shape}, 3)}}", b"0" * 48)


def _archive() -> bytes:
    content = io.BytesIO()
    np.savez(content, points=np.zeros(2))
    return content.getvalue()


DAMAGED = {
    "empty": b"", "cut": _described("12")[:-9], "no archive": b"PK\x03\x04", "archive": _archive(),
    "pickle": b"\x80\x04K\x01.",
    "open brackets": npy("(" * 9000), "open text": npy("'''"), "deep": npy("-" * 8000 + "1"), "set": npy("{[]: 1}"),
    "long": _described("1" + "0" * 30), "wide": _described(str(2**61)), "yes": _described("True"),
    "objects": npy("{'descr': '|O', 'fortran_order': False, 'shape': (4, 3)}", b"0" * 99),
}  # fmt: skip
