"""What the trained rewards of a run folder say of persons, read without making the rewards."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from robopref.errors import DataError
from robopref.learning.checkpoint import UNREADABLE, load_checkpoint, reason_of
from robopref.rewards.mixture import MixtureReward
from robopref.rewards.person_weights import weights_of_state

_PREFIX = "persons."


def keep_persons(path: Path, reward: MixtureReward) -> None:
    """Give a reward that was read back from its training what its weights have learnt of persons since.

    Args:
        path: Of its weights; damaged ones, which are about to be replaced, say nothing.
        reward: The reward.
    """
    try:
        state = load_checkpoint(path)["module"]
        since = weights_of_state(state, _PREFIX)
    except (DataError, *UNREADABLE):
        return
    before = dict(zip(reward.persons.names, reward.persons.every().tolist(), strict=True))
    for name, weights in since.items():
        if (
            weights != before.get(name)
            and len(weights) == reward.persons.prototypes
            and all(one > 0 for one in weights)
        ):
            reward.persons.put(name, torch.tensor(weights))


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
