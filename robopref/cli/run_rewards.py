"""A reward that another run has trained, to relabel data with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import nn

from robopref.cli.configuration import compose_config, memory
from robopref.cli.context import Context
from robopref.cli.persons import mixtures_in
from robopref.cli.reward_settings import FORMER, folders_of
from robopref.cli.reward_words import COMBINED
from robopref.cli.schema import check
from robopref.cli.trained_rewards import load_members
from robopref.decisions import outcome_parts
from robopref.errors import ConfigError, unknown_name
from robopref.learning.relabel import file_hash
from robopref.learning.reward_members import load_member, mean_of, member_names
from robopref.rewards.ensemble import Peers, symmetric


def reward_of_run(folder: Path, name: str | None, person: Mapping[str, float] | None = None) -> tuple[nn.Module, str]:
    """A trained reward of a run.

    Args:
        folder: The run folder, which is only read.
        name: Of the reward, or ``combined`` for the mean of all rewards of candidates; None takes the only one that the
            run has of segments, or without any the one that it ranks with.
        person: Shares of those for whom a reward that knows persons scores; None takes the mean of all.

    Returns:
        The reward, and a hash of its members' weights. One of candidates is averaged over its members and the task's
        symmetries.

    Raises:
        ConfigError: The run has no such reward, or its settings name code that was not typed.
        DataError: It is not trained, or damaged.
    """
    found = _segment_rewards(folder / "reward")
    of_candidates = (folder / "rewards").is_dir() and name is not None and name not in found
    if found and not of_candidates:
        return _of_segments(folder, name, found, person)
    return _of_candidates(folder, name, person)


def _segment_rewards(folder: Path) -> dict[str, list[Path]]:
    """The weights of all members of each reward of segments."""
    former = folder / "weights.pt"
    paths = {FORMER: former} if former.exists() else {}
    paths |= {path.parent.name: path for path in folder.glob("*/weights.pt")}
    groups: dict[str, list[str]] = {}
    for folder_name in sorted(paths, key=lambda one: (len(one), one)):
        name, _, number = folder_name.rpartition("-")
        of_several = number.isdecimal() and name != "" and name not in paths
        groups.setdefault(name if of_several else folder_name, []).append(folder_name)
    found: dict[str, list[Path]] = {}
    for name, members in groups.items():
        if members == list(member_names(name, len(members)).values()):
            found[name] = [paths[one] for one in members]
        else:  # one is missing, so each is a reward by itself
            found |= {one: [paths[one]] for one in members}
    return dict(sorted(found.items()))


def _of_segments(
    folder: Path, name: str | None, found: Mapping[str, Sequence[Path]], person: Mapping[str, float] | None
) -> tuple[nn.Module, str]:
    if name is None and len(found) > 1:
        raise ConfigError(f"{folder} has several rewards; say which with relabel.use= one of {', '.join(found)}")
    wanted = next(iter(found)) if name is None else name
    if wanted not in found:
        raise unknown_name("relabel.use", wanted, found)

    def unknown() -> nn.Module:
        raise ConfigError(
            f"{found[wanted][0]} does not say what it is of; relabel in the run that trained it: robopref relabel "
            f"run={folder} relabel.use={wanted} data=<store> relabel.name=<another name>"
        )

    members = [load_member(path, unknown) for path in found[wanted]]
    for one in mixtures_in(members):
        one.choose(person)
    return mean_of(members), "".join(map(file_hash, found[wanted]))


def _of_candidates(folder: Path, name: str | None, person: Mapping[str, float] | None) -> tuple[nn.Module, str]:
    config = compose_config("config", [f"run={folder}"])
    wanted = str(config.use) if name is None else name
    # What the run itself ranks with may be left out by now.
    config.use, config.deploy.reward, config.person = COMBINED, None, None if person is None else dict(person)
    check(config, "config", "train reward")
    context = Context(config, memory(config, []))
    try:
        parts = [str(one) for one in config.rewards]
        if wanted not in (there := [*parts, *([COMBINED] if len(parts) > 1 else [])]):
            raise unknown_name("relabel.use", wanted, there)
        members = load_members(context, parts if wanted == COMBINED else [wanted])
        parts = [one for one in members if wanted != COMBINED or not outcome_parts(members[one][0])]
        geometry = context.policy().geometry
    finally:
        context.finish()
    labels = [label for one in parts for label in folders_of(one, config.rewards[one]).values()]
    told = "".join(file_hash(folder / "rewards" / label / "weights.pt") for label in labels)
    peers = [Peers(members[one]) for one in parts]
    return symmetric(peers[0] if len(peers) == 1 else Peers(peers), geometry).eval(), told
