"""Settings that name files and folders: what is there has to be of that kind, which is seen before anything is read."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from robopref.cli.usages import USAGES
from robopref.data.containment import STORES
from robopref.data.plain_tables import LABELS
from robopref.errors import DataError
from robopref.files import kind_of, likely


@dataclass(frozen=True)
class _Named:
    """What a setting names.

    Attributes:
        called: What it is.
        inside: Patterns of what may have been meant where a folder is named that only holds it.
        kinds: What may be at the path.
        packed: Whether it is a zip archive, as weights are.
    """

    called: str
    inside: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ("a file",)
    packed: bool = False


_EITHER = ("a file", "a folder")
_REPLIES = ("replies.sqlite", "*.sqlite")
_RECORDINGS = _Named("a dataset", STORES, _EITHER)
_LABELS = _Named("a label database", LABELS)
_REPLAYED = _Named("a file of recorded replies", ("*.jsonl",))
# By the last names of a setting, or class:name of what takes it.
FILES: dict[str, _Named] = {
    "run": _Named("a run folder", kinds=("a folder",)),
    "base": _Named("a run folder", kinds=("a folder",)),
    "data": _RECORDINGS, "demonstrations": _RECORDINGS, "robot.path": _RECORDINGS, "actions.path": _RECORDINGS,
    "brief": _Named("a brief", ("*.yaml", "*.yml")),
    "database": _LABELS,
    "tokens": _Named("a file of tokens by name", ("*.json",)),
    "cache": _Named("a cache of replies", _REPLIES),
    "calibrations": _Named("a calibration", ("*.json",)),
    "PlannedPolicy:agent": _Named("an agent", ("agent.pt", "*.pt"), packed=True),
    "practised_dynamics:agent": _Named("an agent", ("agent.pt", "*.pt"), packed=True),
    "begin.path": _Named("an agent", ("agent.zip", "*.zip"), packed=True),
    "ReplayJudge:path": _REPLAYED,
    "SmallJudge:path": _Named("a judge", ("judge/weights.pt", "weights.pt"), packed=True),
    "LocalJudge:path": _Named("a model", kinds=("a folder",)),
    "rewriter.instructions": _Named("a file of instructions", ("*.jsonl", "*.txt")),
    "relabel.model": _Named("a reward, or a run folder", kinds=_EITHER),
    "key_points": _Named("a family of key points", ("*.yaml",)),
}  # fmt: skip
_OF_COMMANDS: dict[str, dict[str, _Named]] = {
    "data similar": {"model": _Named("an embedding, or its run folder", kinds=_EITHER)},
    "data quality": {"report": _Named("a page")},
    "instruct": {"path": _Named("a file of instructions")},
    "labels import": {"path": _Named("a file or folder of labels", kinds=_EITHER)},
    "labels export": {"path": _Named("a file or folder of labels", kinds=_EITHER)},
    "cameras": {"write": _Named("a folder of calibrations", kinds=("a folder",))},
}  # fmt: skip
_ALSO = ("run", "base")  # of every command


def require_named_files(config: DictConfig, command: str) -> None:
    """Require that what settings of a command name is a file where one is wanted, and a folder where that is.

    What is not there at all is said by whoever needs it.

    Args:
        config: Settings of the command.
        command: The command.

    Raises:
        DataError: Something else is at a path, or an archive is damaged; the line says what may have been meant.
    """
    use = USAGES[command]
    used = tuple(f"{one}." for one in (*_ALSO, *use.uses, *use.made))
    plain: Any = OmegaConf.to_container(config)
    for setting, named, given in _given(plain, command):
        if f"{setting}.".startswith(used) and "://" not in given:
            _require(setting, named, Path(given))


def _require(setting: str, named: _Named, path: Path) -> None:
    kind = kind_of(path)
    if kind == "a folder" and (named.kinds != _EITHER or _is_run(path)):
        if named.kinds == ("a folder",):
            return
        meant = likely(path, named.inside)
        if meant or named.kinds != _EITHER:
            raise DataError(f"{setting}={path} is a folder, where {named.called} was expected; {_offered(path, meant)}")
    if kind and kind not in named.kinds:
        wanted = "a folder" if named.kinds == ("a folder",) else "a file"
        raise DataError(f"{setting}={path} is {kind}, not {wanted}; {setting}= names {named.called}")
    if named.packed and kind == "a file" and not zipfile.is_zipfile(path):
        raise DataError(
            f"{setting}={path} is not {named.called}, or not all of it: it has {path.stat().st_size:,} bytes and lacks "
            "its end; restore it from a copy, or train again"
        )


def _offered(path: Path, meant: list[Path]) -> str:
    if meant:
        return f"did you mean {' or '.join(map(str, meant))}?"
    return f"there is none in it, name a file such as {path}/<name>"


def _is_run(path: Path) -> bool:
    return (path / "overrides.yaml").exists() or (path / "config.yaml").exists()


def _given(plain: dict[Any, Any], command: str) -> Iterator[tuple[str, _Named, str]]:
    """Settings that name files, what each names, and each path that it gives."""
    table = FILES | _OF_COMMANDS.get(command, {})
    waiting: list[tuple[str, dict[Any, Any]]] = [("", plain)]
    while waiting:
        prefix, node = waiting.pop()
        owner = str(node.get("_target_", "")).rpartition(".")[2]
        for key, value in node.items():
            setting = f"{prefix}{key}"
            if isinstance(value, dict):
                waiting.append((f"{setting}.", value))
                continue
            last = ".".join(setting.split(".")[-2:])
            named = table.get(f"{owner}:{key}") or table.get(last) or table.get(str(key))
            if named is not None:
                yield from (
                    (setting, named, one) for one in (value if isinstance(value, list) else [value])
                    if isinstance(one, str) and one
                )  # fmt: skip
