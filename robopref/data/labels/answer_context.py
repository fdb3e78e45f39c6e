"""What is known of how a question was answered, as numbers, for rewards that depend on it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from robopref.answers import Answers
from robopref.errors import unknown_name
from robopref.items import context_code

LABELER, INSTRUCTION = "labeler", "instruction"
CONTEXTS = (LABELER, INSTRUCTION)


def require_contexts(names: Iterable[str]) -> tuple[str, ...]:
    """Parts of the context that a reward asks for.

    Args:
        names: What it calls them.

    Returns:
        The same.

    Raises:
        ConfigError: Answers do not tell one.
    """
    asked = tuple(names)
    for name in asked:
        if name not in CONTEXTS:
            raise unknown_name("context of a reward", name, CONTEXTS)
    return asked


def context_columns(answers: Answers, names: Sequence[str]) -> NDArray[np.int64]:
    """The context of every row of answers.

    Args:
        answers: R rows.
        names: Some of `CONTEXTS`.

    Returns:
        (R, len(names)) codes, see `robopref.items.context_code`.
    """
    columns = np.zeros((len(answers), len(names)), np.int64)
    for column, name in enumerate(names):
        values = getattr(answers, name)
        codes = {value: context_code(str(value)) for value in set(values.tolist())}
        columns[:, column] = [codes[value] for value in values.tolist()]
    return columns
