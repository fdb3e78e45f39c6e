"""What `robopref <command> --help` prints: how it is called, what can be chosen, and every setting that it uses."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml
from omegaconf import OmegaConf

from robopref.addresses import without_secrets
from robopref.cli.comments import Commentary, of_choice, target_of
from robopref.cli.configuration import EVERYWHERE, compose_alone, composed
from robopref.cli.schema import OURS
from robopref.cli.usages import USAGES
from robopref.cli.value_rules import MISSING
from robopref.cli.words import groups

_WIDTH, _COLUMN, _BESIDE = 100, 36, 58
_OF_HYDRA = ("_target_", "_partial_", "_convert_", "_recursive_", "_args_")
_REQUIRED = "required"
# Modules of recipes for the data of other commands, by primary config.
_SCALES, _WEIGHS = "robopref.data.episodes.reward_recipes.", "robopref.data.episodes.step_weights."
_OTHERS = {"config": _SCALES, "demo": _SCALES, "offline": _WEIGHS}
# Settings that are null until something is chosen for them, and of which group.
_MAY_BE = {"rewards.segment.scorer.history": "history"}


def describe(command: str, name: str, overrides: Sequence[str], *, alone: bool = False) -> str:
    """Help text of a command.

    Args:
        command: The command.
        name: Its primary config.
        overrides: Words already given; choices and values that are shown include them.
        alone: Whether no run folder remembers settings for the command, and it has no groups.

    Returns:
        The text, of lines of at most 100 letters unless a value is longer.

    Raises:
        ConfigError: A word is wrong.
        DataError: What the run folder remembers is damaged.
    """
    usage = USAGES[command]
    config, mounted = (compose_alone(name, overrides), {}) if alone else composed(name, overrides)
    settings: Any = OmegaConf.to_container(config)
    commentary = Commentary(_files(name, alone=alone), mounted, groups())
    shown = {path: _at(settings, path) for path in usage.uses if _at(settings, path) is not _NOTHING}
    rows = [row for path, value in shown.items() for row in _rows(path, value)]
    chosen = [] if alone else _choices(usage.uses, settings, mounted, commentary, _OTHERS.get(name, ""))
    called = " ".join(["robopref", command, *usage.paths.split(), "[name=value ...]"])
    examples = [(f"  robopref {command} {words}".rstrip(), said) for words, said in usage.examples]
    parts = [
        [called, "", *textwrap.wrap(f"{usage.said[0].upper()}{usage.said[1:]}.", _WIDTH)],
        ["For example:", "", *_aligned(examples, _BESIDE)],
        _required(command, rows, commentary),
        chosen,
        ["Settings, their values and what they are:", "", *_listed(shown, commentary)],
        _made(usage.made),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


_NOTHING = object()


def _at(settings: Any, path: str) -> Any:
    for key in path.split("."):
        if not isinstance(settings, Mapping) or key not in settings:
            return _NOTHING
        settings = settings[key]
    return settings


def _files(name: str, *, alone: bool) -> list[tuple[str, ...]]:
    if alone:
        return [("alone", f"{name}.yaml")]
    return [(f"{one}.yaml",) for one in (("demo", "config") if name == "demo" else (name,))]


def _rows(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Settings below a name, itself included, without what names robopref's own code."""
    yield path, value
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key not in _OF_HYDRA or _is_own(inner):
                yield from _rows(f"{path}.{key}", inner)


def _is_own(target: object) -> bool:
    """Whether code is named that is the user's, or is to be."""
    return isinstance(target, str) and not target.startswith(OURS)


def _required(command: str, rows: Sequence[tuple[str, Any]], commentary: Commentary) -> list[str]:
    needed: list[tuple[str, str]] = []
    for path, value in rows:
        said = commentary.of(path)
        first, _, rest = said.partition(": ")
        by = first.removeprefix(_REQUIRED).removeprefix(" by ").replace(" and ", ", ").split(", ")
        if value == MISSING or (
            value is None and first.startswith(_REQUIRED) and (first == _REQUIRED or command in by)
        ):
            needed.append((f"  {path}=", rest if first.startswith(_REQUIRED) else said))
    return ["Required:", "", *_aligned(needed, _COLUMN)] if needed else []


def _choices(
    uses: Sequence[str], settings: Any, mounted: Mapping[str, tuple[str, str]], commentary: Commentary, others: str
) -> list[str]:
    """What can be chosen from each group, with a star at what is, but for what is made in a module of `others`."""
    lines: list[str] = []
    for group, places in _groups(uses, settings, mounted).items():
        words = ", ".join(f"{group}=" if at in ("", group) else f"{group}@{at}=" for at in places)
        said = next(filter(None, (commentary.of_group(group, at) for at in places)), "")
        taken = {mounted[at][1] for at in places if at in mounted}
        if group == "filter":
            taken = {str(one) for one in settings[group]}
        fitting = [one for one in sorted(groups()[group]) if not others or others not in target_of(group, one)]
        rows = [(f"  {'*' if one in taken else ' '} {one}", of_choice(group, one)) for one in fitting]
        lines += ["", *textwrap.wrap(f"{words}{f'  {said}' if said else ''}", _WIDTH), *_aligned(rows, 24)]
    return ["What can be chosen; * is:", *lines] if lines else []


def _groups(uses: Sequence[str], settings: Any, mounted: Mapping[str, tuple[str, str]]) -> dict[str, list[str]]:
    """Groups of a command, with the places where they may be mounted."""
    found: dict[str, list[str]] = {group: [""] for group, parent in EVERYWHERE.items() if parent in uses}
    free = {group: (group, "") for group in groups() if group in settings and group in uses}
    empty = {at: (group, "") for at, group in _MAY_BE.items() if _at(settings, at) is None}
    for at, (group, _) in {**free, **mounted, **empty}.items():
        if at.split(".")[0] in uses and at:
            found.setdefault(group, []).append(at)
    if "rewards" in uses and "rewards" in settings:
        found["reward"] = ["", *found.get("reward", [])]
    order = [
        EVERYWHERE.get(group) or ("rewards" if group == "reward" else at[-1].split(".")[0])
        for group, at in found.items()
    ]
    ranked = sorted(zip(order, found, strict=True), key=lambda one: uses.index(one[0]))
    return {group: found[group] for _, group in ranked}


def _listed(shown: Mapping[str, Any], commentary: Commentary) -> list[str]:
    rows: list[tuple[str, str]] = []
    for path, value in shown.items():
        rows += _lines(path, path, value, "  ", commentary)
    return _aligned(rows, _COLUMN)


def _lines(path: str, name: str, value: Any, indent: str, commentary: Commentary) -> Iterator[tuple[str, str]]:
    if not isinstance(value, Mapping) or not value:
        yield f"{indent}{name}: {_written(value)}", commentary.of(path)
        return
    target = value.get("_target_")
    part = commentary.chosen(path) or (target.rpartition(".")[2] if isinstance(target, str) else "")
    yield f"{indent}{name}:{f' ({part})' if part not in ('', MISSING, name) else ''}", commentary.of(path)
    for key, inner in value.items():
        if key not in _OF_HYDRA or _is_own(inner):
            yield from _lines(f"{path}.{key}", str(key), inner, f"{indent}  ", commentary)


def _written(value: Any) -> str:
    shown = without_secrets(value) if isinstance(value, str) else value
    text: str = yaml.safe_dump(shown, default_flow_style=True, width=10_000, allow_unicode=True)
    return text.removesuffix("...\n").strip()


def _made(made: Sequence[str]) -> list[str]:
    if not made:
        return []
    said = (
        f"It also goes by what was made before it with settings of: {', '.join(made)}; the run folder remembers them."
    )
    return textwrap.wrap(said, _WIDTH)


def _aligned(rows: Sequence[tuple[str, str]], column: int) -> list[str]:
    """Two columns; what does not fit beside the first goes below it."""
    lines: list[str] = []
    for first, second in rows:
        said = textwrap.wrap(second, _WIDTH - column, break_on_hyphens=False) or [""]
        if len(first) < column - 1:
            lines.append(f"{first:<{column}}{said[0]}".rstrip())
            said = said[1:]
        else:
            lines.append(first)
        lines += [f"{'':<{column}}{line}" for line in said if line]
    return lines
