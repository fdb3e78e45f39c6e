"""What code that settings name raises is one line that names it."""

import inspect

import pytest

from robopref.errors import DataError, PartError
from robopref.factories import call_part


def fails(number: int, *, why: str = "no\n  luck") -> int:
    raise ValueError(f"{number}: {why}")


def fails_in_a_library(text: str) -> float:
    return len(str(inspect.signature(text)))  # type: ignore[arg-type]


def line(function: object, within: str) -> int:
    lines, first = inspect.getsourcelines(function)  # type: ignore[arg-type]
    return first + next(k for k, text in enumerate(lines) if within in text)


def test_what_works_is_returned() -> None:
    assert call_part("mine", divmod, 7, 2) == (3, 1)
    assert call_part("mine", sorted, [1, 2], reverse=True) == [2, 1]


def test_what_fails_is_one_line_with_its_place() -> None:
    with pytest.raises(PartError) as caught:
        call_part("agent: act of Mine", fails, 3, why="no\n  luck")
    place = f"test_factories.py, line {line(fails, 'raise')}"
    assert str(caught.value) == (
        f"agent: act of Mine raised ValueError: 3: no luck ({place}); mend it, or choose another"
    )
    assert isinstance(caught.value.__cause__, ValueError)


def test_the_place_is_in_the_file_of_the_part_and_not_in_that_of_a_library() -> None:
    with pytest.raises(PartError, match=rf"TypeError: .* \(test_factories\.py, line {line(fails_in_a_library, 'len')}"):
        call_part("mine", fails_in_a_library, "none")


def test_what_has_neither_words_nor_lines_is_named_all_the_same() -> None:
    with pytest.raises(PartError, match=r"^mine raised KeyError: 'a'; mend"):
        call_part("mine", {}.__getitem__, "a")
    with pytest.raises(PartError, match=r"^mine raised StopIteration; mend"):
        call_part("mine", next, iter(()))


def test_what_is_explained_already_stays_as_it_is() -> None:
    def refuse() -> None:
        raise DataError("not this")

    with pytest.raises(DataError, match=r"^not this$"):
        call_part("mine", refuse)


def test_whoever_interrupts_is_heard() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        call_part("mine", interrupt)
