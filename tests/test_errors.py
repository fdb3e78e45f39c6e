"""Errors: one root, and messages that name what would have worked."""

import pytest

from robopref import errors
from robopref.errors import ActionError, ConfigError, DependencyError, RoboprefError, unknown_name


def test_every_error_has_one_root() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(kinds) > 5
    assert all(issubclass(kind, RoboprefError) for kind in kinds)


def test_builtin_kinds_are_kept() -> None:
    assert issubclass(ActionError, ValueError)
    assert issubclass(DependencyError, ImportError)


def test_unknown_name_lists_what_is_allowed_and_what_is_near() -> None:
    error = unknown_name("target", "strait", ["u", "straight", "circle"])
    assert isinstance(error, ConfigError)
    assert str(error) == "unknown target 'strait'; expected one of circle, straight, u. Did you mean straight?"


def test_unknown_name_with_two_near_names_offers_both() -> None:
    message = str(unknown_name("key", "point", ["points", "pointer", "image"]))
    assert message.endswith("Did you mean points or pointer?")


def test_unknown_name_with_nothing_near_gives_no_hint() -> None:
    assert "Did you mean" not in str(unknown_name("target", "xyz", ["circle"]))


@pytest.mark.parametrize("allowed", [iter(["a", "b"]), {"b": 1, "a": 2}, {"a", "b"}])
def test_unknown_name_takes_any_iterable(allowed: object) -> None:
    assert "expected one of a, b." in str(unknown_name("kind", "?", allowed))  # type: ignore[arg-type]
