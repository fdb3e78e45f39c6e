"""What the trained rewards of a run folder say of persons, read without making the rewards."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from robopref.errors import DataError
from robopref.learning.checkpoint import UNREADABLE, load_checkpoint, reason_of
from robopref.rewards.person_weights import weights_of_state

_PREFIX = "persons."


def stored_persons(folder: Path) -> dict[str, dict[str, list[float]]]:
    """Weights of the prototypes of every person, of all rewards in a run folder that know some.

    Args:
        folder: Of the run.

    Returns:
        By reward and person.

    Raises:
        DataError: Weights are damaged.
    """
    found: dict[str, dict[str, list[float]]] = {}
    for path in (*sorted(folder.glob("rewards/*/weights.pt")), *sorted(folder.glob("reward/*/weights.pt"))):
        state = load_checkpoint(path).get("module")
        if isinstance(state, Mapping) and f"{_PREFIX}letters" in state:
            try:
                found[path.parent.name] = weights_of_state(state, _PREFIX)
            except UNREADABLE as error:
                raise DataError(f"{path} is damaged ({reason_of(error)}); train again or restore a copy") from error
    return found
