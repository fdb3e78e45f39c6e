"""Starts of tasks that are settled once: physics takes most of the time of tests that need a start, not how it came."""

from collections.abc import Iterator
from contextlib import contextmanager

from envs.task import Task


def remember_starts(task: Task, most: int | None = None) -> None:
    """Let a task go back to starts that it was brought into before by the same random numbers.

    That equal random numbers lead to equal starts is what tests of determinism see to, with `settled_anew`.

    Args:
        task: To be brought into starts.
        most: Of how many starts, after which other random numbers lead to one of them; None brings it into any.
    """
    settle, starts = task._start, {}

    def start() -> None:
        generator = task.np_random.bit_generator
        drawn = str(generator.state)
        if drawn not in starts:
            if most is None or len(starts) < most:
                settle()
            else:
                task.restore(list(starts.values())[task.np_random.integers(most)][0])
            starts[drawn] = task.snapshot(), generator.state
        snapshot, generator.state = starts[drawn]
        task.restore(snapshot)

    task._start = start  # type: ignore[method-assign]


@contextmanager
def settled_anew(task: Task) -> Iterator[None]:
    """Starts that come about as they always do."""
    remembered = task.__dict__.pop("_start", None)
    try:
        yield
    finally:
        if remembered is not None:
            task._start = remembered  # type: ignore[method-assign]
