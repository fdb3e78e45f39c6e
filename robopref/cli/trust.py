"""Which code remembered settings may name: run folders come from other people, too.

What is typed is trusted. What a run folder remembers chooses among the parts of robopref; whatever else it names has to
be typed again, or be in ``ROBOPREF_TRUST``.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import yaml

from robopref.addresses import without_secrets
from robopref.cli.servers import host_of, leads_away
from robopref.cli.words import ONCE, group_of, groups, key_of, parsed, shown, strings_in, typed_names
from robopref.errors import ConfigError

# Packages and modules whose public classes and functions are parts that settings choose among. None of them runs
# commands, removes files or imports what it is told by name, but for TaskSpec and what is in envs, see _LOADS.
_LABELERS = (
    "coverage", "judge", "local", "measured", "metric", "metric_settings", "oracle", "patience",
    "people.label_settings", "recorded_replies", "request_budget", "served", "showing", "vlm", "vlm_settings",
)  # fmt: skip
_PARTS = (
    "envs", "robopref.cameras", "robopref.data.episodes.reward_recipes", "robopref.data.episodes.step_weights",
    "robopref.checklists.inspector", "robopref.data.filters", "robopref.data.labels.target_operators",
    "robopref.explanation.model_proposer", "robopref.explanation.proposals",
    "robopref.learning.idql", "robopref.learning.imitate", "robopref.learning.iql", "robopref.nets",
    "robopref.objectives", "robopref.policies", "robopref.querying", "robopref.ranking", "robopref.rewards",
    "robopref.robots", "robopref.runtime.planner", "robopref.safety",
    *(f"robopref.labelers.{name}" for name in _LABELERS),
)  # fmt: skip
_PROGRAMS = (
    "robopref.robots.lerobot_server", "robopref.robots.simulators", "robopref.robots.process", "robopref.robots.sdk",
    "robopref.robots.registered_tasks", "envs.foreign_expert",
)  # fmt: skip
# What imports the module before the colon of an id: everything of other packages, and these.
_LOADS = ("envs.", "robopref.robots.sim.")
_PRIMARY = ("config", "offline", "online", "demo")


@dataclass(frozen=True)
class Outside:
    """Something that settings name and that is not robopref's.

    Attributes:
        name: The target, the id of an environment, or the address.
        where: The setting.
        kind: ``code``, or ``server`` for an address of another machine that may be sent a key, a password or labels.
    """

    name: str
    where: str
    kind: Literal["code", "server"]

    @property
    def owner(self) -> str:
        """The module or host to be trusted."""
        if self.kind == "server":
            return host_of(self.name)
        return self.name.split(":")[0] if ":" in self.name else self.name.rpartition(".")[0] or self.name

    def is_owned(self, names: Iterable[str]) -> bool:
        """Whether any of these is the module, or one that it lies in, or the host, which lies in none."""
        if self.kind == "server":
            return self.owner in names
        return any(f"{self.owner}.".startswith(f"{name}.") for name in names)


def check_words(words: Sequence[str], folder: object) -> None:
    """Require that remembered words are settings and choices of robopref, without what computes or is given anew.

    Args:
        words: As Hydra reads them.
        folder: The run folder, for messages.

    Raises:
        ConfigError: One is something else.
    """
    for word in words:
        reason = _refused(word)
        if reason is not None:
            raise ConfigError(
                f"{folder} remembers {shown(word)!r}, {reason}; forget it with: "
                f"robopref settings run={folder} forget={key_of(word)}"
            )


def check_settings(
    settings: Mapping[str, Any], given: Sequence[str], remembered: Sequence[str], folder: object
) -> None:
    """Require that settings name nothing outside of robopref that is neither typed nor trusted.

    Args:
        settings: Resolved, plain values.
        given: Words of the command line, as Hydra reads them.
        remembered: Words that the run folder brings.
        folder: The run folder, for messages.

    Raises:
        ConfigError: They do; the message says which words to repeat.
    """
    typed = typed_names(given)
    trusted = {name.strip() for name in os.environ.get("ROBOPREF_TRUST", "").split(",")} - {""}
    refused = [found for found in outside(settings) if found.name not in typed and not found.is_owned(trusted)]
    if refused:
        names = {found.name for found in refused}
        words = [word for word in remembered if names & set(strings_in(parsed(word).value()))]
        again = [_shell(shown(word)) for word in words] or [
            _shell(f"{x.where}={without_secrets(x.name)}") for x in refused
        ]
        what = (
            "code outside of robopref"
            if refused[0].kind == "code"
            else "a server on another machine, which may be sent your keys or labels"
        )
        raise ConfigError(
            f"{folder} remembers {what}: {refused[0].where}={without_secrets(refused[0].name)}; if you trust it, "
            f"repeat {' '.join(again)} or set ROBOPREF_TRUST={','.join(sorted({found.owner for found in refused}))}"
        )
    for name in ONCE[1:]:
        value: Any = settings
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if value not in (None, False) and not any(f"{name}.".startswith(f"{key_of(word)}.") for word in given):
            raise ConfigError(f"{folder} remembers {name}, which has to be given every time: {name}={value}")


def outside(settings: Any) -> list[Outside]:
    """What settings name that is not robopref's.

    Args:
        settings: Plain values.

    Returns:
        In the order of the settings.
    """
    return list(_outside(settings, "", loads=False))


def _outside(node: Any, where: str, *, loads: bool) -> Iterator[Outside]:
    if isinstance(node, Mapping):
        target = node.get("_target_")
        if target is not None:
            if not (isinstance(target, str) and (target == "???" or target in shipped_targets() or is_part(target))):
                yield Outside(str(target), f"{where}._target_", "code")
            loads = not str(target).startswith("robopref.") or str(target).startswith(_LOADS)
        for key, value in node.items():
            if key != "_target_":
                yield from _outside(value, f"{where}.{key}".lstrip("."), loads=loads)
    elif isinstance(node, list | tuple):
        for index, value in enumerate(node):
            yield from _outside(value, f"{where}.{index}", loads=loads)
    elif loads and isinstance(node, str) and ":" in node and node.split(":")[0] != "envs":
        yield Outside(node, where, "code")
    elif isinstance(node, str) and where != "task" and leads_away(node):
        yield Outside(node, where, "server")


@cache
def shipped_targets() -> frozenset[str]:
    """Targets that the shipped settings name."""
    found: set[str] = set()
    for content in _shipped_files(resources.files("robopref.configs")):
        for line in content.splitlines():
            found.update(re.findall(r"_target_:\s*([A-Za-z_][\w.]*)", line.split("#")[0]))
    return frozenset(found)


def _shipped_files(folder: Any) -> Iterator[str]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _shipped_files(entry)
        elif entry.name.endswith(".yaml"):
            yield entry.read_text(encoding="utf-8")


@cache
def is_part(target: str) -> bool:
    """Whether a dotted name is a public class or function that a module of robopref's parts itself defines.

    What such a module merely imports, such as ``os``, is none. Nothing is imported to find out.
    """
    parts = target.split(".")
    if not all(re.fullmatch(r"[A-Za-z]\w*", part) for part in parts):
        return False
    for cut in range(len(parts) - 1, 0, -1):
        module = ".".join(parts[:cut])
        within = any(f"{module}.".startswith(f"{name}.") for name in _PARTS)
        if within and not any(f"{module}.".startswith(f"{name}.") for name in _PROGRAMS):
            path = _source(parts[:cut])
            if path is not None:
                return _defines(path, parts[cut:])
    return False


def _source(parts: Sequence[str]) -> Path | None:
    spec = importlib.util.find_spec(parts[0])
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(next(iter(spec.submodule_search_locations))).joinpath(*parts[1:]).with_suffix(".py")
    return path if path.is_file() else None


def _defines(path: Path, names: Sequence[str]) -> bool:
    body: Iterable[ast.stmt] = ast.parse(path.read_text(encoding="utf-8")).body
    for depth, name in enumerate(names):
        kinds = (ast.FunctionDef, ast.ClassDef)
        found = next((node for node in body if isinstance(node, kinds) and node.name == name), None)
        if found is None or depth > 1:
            return False
        makers = {ast.unparse(decorator) for decorator in found.decorator_list}
        if depth == 1 and not makers & {"classmethod", "staticmethod"}:
            return False
        body = found.body
    return True


def _refused(word: str) -> str | None:
    """Why a remembered word is none; None if it is."""
    key = key_of(word)
    if re.fullmatch(r"[+~]{0,2}[A-Za-z_]\w*(\.[\w-]+)*(@[\w.]+)?", word.partition("=")[0]) is None:
        return "which is no setting"
    if key in ONCE:
        return "which has to be given every time"
    if re.split(r"[.@]", key)[0] not in _roots() | set(groups()):
        return "which is no setting of robopref"
    try:
        value = parsed(word).value()
    except ConfigError:
        return "which cannot be read"
    group = group_of(word)
    if group is None or isinstance(value, dict):
        return _refers(value)
    names: list[Any] = value if isinstance(value, list) else [] if value is None else [value]
    chosen = all(isinstance(name, str) and name in groups()[group] for name in names)
    return None if chosen else f"which is no choice of {group}"


def _refers(value: Any) -> str | None:
    """Why a value refers to what a remembered one must not; copies of copies take any amount of memory."""
    references = [found for text in strings_in(value) for found in re.finditer(r"(\\*)(\$\{[^}]*\}?)", text)]
    live = [found[2] for found in references if len(found[1]) % 2 == 0]
    wrong = len(live) > 1 or any(name[2:-1] not in _scalars() for name in live)
    return "which refers to more than one simple setting" if wrong else None


@cache
def _primary() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in _PRIMARY:
        content = yaml.safe_load((resources.files("robopref.configs") / f"{name}.yaml").read_text(encoding="utf-8"))
        found |= {key: value for key, value in content.items() if key != "defaults"}
    return found


@cache
def _roots() -> frozenset[str]:
    return frozenset({*_primary(), "rewards"})


@cache
def _scalars() -> frozenset[str]:
    return frozenset(name for name, value in _primary().items() if not isinstance(value, dict | list))


def _shell(word: str) -> str:
    return word if re.fullmatch(r"[\w@%+=:,./-]+", word, re.ASCII) else "'" + word.replace("'", "'\\''") + "'"
