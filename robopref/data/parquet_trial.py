"""Reading Parquet files in a process of its own first: on some damaged files pyarrow ends the process that reads.

The process is started when it is first needed, tries one file after the other, and ends with this one.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from robopref.errors import DataError

_CHILD = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from robopref.data.parquet_trial import answer_trials; answer_trials()"
)
_ENDING = 5.0  # s that it may take to end
_LOCK = threading.Lock()


class _Reader:
    """The process that tries files; there is one at most."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        # An interrupt from the keyboard is this process's to deal with; what the other says as it dies helps nobody.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _CHILD, json.dumps(sys.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def ask(self, trial: dict[str, Any]) -> dict[str, Any] | None:
        """What became of a trial; None if the process died of it."""
        asked, told = self._process.stdin, self._process.stdout
        if asked is None or told is None:
            return None
        with contextlib.suppress(OSError):
            asked.write(json.dumps(trial).encode() + b"\n")
            asked.flush()
            if line := told.readline():
                answer: dict[str, Any] = json.loads(line)
                return answer
        return None

    def close(self) -> str:
        """Let it end, and say how it did."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        try:
            status = self._process.wait(_ENDING)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        return signal.Signals(-status).name if status < 0 else f"status {status}"


_readers: list[_Reader] = []


def try_parquet(path: Path, groups: Sequence[int] | None, columns: Sequence[str] | None = None) -> None:
    """Try to read a file, elsewhere first.

    Args:
        path: The file.
        groups: Numbers of the row groups that are to be read; None tries what the file says of itself only.
        columns: Names of the columns that are to be read; None tries all.

    Raises:
        DataError: Whoever reads it dies, or finds values that cannot be. Whatever else is wrong is for the one who
            reads it to say.
    """
    trial = {
        "path": os.path.abspath(path),
        "groups": None if groups is None else list(groups),
        "columns": None if columns is None else list(columns),
    }
    with _LOCK:
        if _readers and _readers[0].owner != os.getpid():  # that of the process that this one is a copy of
            _readers.clear()
        if not _readers:
            _readers.append(_Reader())
        answer = _readers[0].ask(trial)
        ended = "" if answer is not None else _readers.pop().close()
    if answer is None:
        raise DataError(f"{path} is damaged: whoever reads it is ended by it ({ended}); restore it from a copy")
    if "invalid" in answer:
        raise DataError(f"{path} is damaged ({answer['invalid']}); restore it from a copy")


@atexit.register
def _end_reader() -> None:
    with _LOCK:
        while _readers:
            reader = _readers.pop()
            if reader.owner == os.getpid():
                reader.close()


def answer_trials() -> None:
    """Try files as lines of standard input say, and answer with a line each; what that process does."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = sys.stdout.buffer
    for line in sys.stdin.buffer:
        answers.write(json.dumps(_tried(json.loads(line))).encode() + b"\n")
        answers.flush()


def _tried(trial: dict[str, Any]) -> dict[str, Any]:
    from robopref.data.arrow import pyarrow

    pa, pq = pyarrow()
    try:
        opened = pq.ParquetFile(trial["path"])
        about = opened.metadata
        for group in range(about.num_row_groups):
            for column in range(about.num_columns):
                bounds = about.row_group(group).column(column).statistics
                if bounds is not None and bounds.has_min_max:
                    _ = bounds.min, bounds.max
        _ = opened.schema_arrow
        for group in trial["groups"] or ():
            table = opened.read_row_groups([group], columns=trial["columns"])
            try:
                table.validate(full=True)
            except pa.ArrowException as error:
                return {"invalid": str(error).strip().split("\n")[0][:300]}
    except Exception:  # whoever reads it next is told the same
        return {"refused": True}
    return {}
