"""What libraries raise on files that cannot be read, and what helps."""

from __future__ import annotations

import errno
import tokenize
import zipfile
import zlib
from pathlib import Path

from robopref.errors import DataError

DAMAGE = (
    OSError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError, RuntimeError, MemoryError,
    OverflowError, ArithmeticError, ImportError, SyntaxError, tokenize.TokenError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
_LOCKED = ("unable to lock file", "resource temporarily unavailable")
_CODEC = ("codec not available", "unknown codec", "required filter", "is not registered", "can't open directory")


def unreadable(path: Path, kind: str, error: Exception) -> DataError:
    """Build the error for a file that cannot be read.

    Args:
        path: The file.
        kind: What it should be.
        error: What a library raised.

    Returns:
        The error, to be raised by the caller.
    """
    text = str(error).lower()
    if isinstance(error, FileNotFoundError):
        remedy = "the file is missing; restore it from a copy"
    elif isinstance(error, PermissionError) or getattr(error, "errno", None) in (errno.EACCES, errno.EPERM):
        remedy = "you have no permission to read it; ask its owner, or change its mode"
    elif any(sign in text for sign in _LOCKED):
        remedy = "another program has it open for writing; close that one, or read a copy"
    elif any(sign in text for sign in _CODEC):
        remedy = "it needs a codec that is not installed: install it, or leave the array out"
    elif isinstance(error, MemoryError):
        remedy = "it does not fit into the memory"
    else:
        remedy = "restore it from a copy"
    return DataError(f"{path}: not readable as {kind} ({cause(error)}); {remedy}")


def cause(error: Exception) -> str:
    """What an error says, in one line."""
    if isinstance(error, OSError) and error.strerror:
        named = error.filename if isinstance(error.filename, str) else ""
        return f"{error.strerror}: {named}" if named else error.strerror
    said = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return said.strip().split("\n")[0][:300] or type(error).__name__
