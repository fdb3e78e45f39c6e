"""Whether a checklist asks for anything that can be told in the task that is simulated."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig

from robopref.checklists.checklist import Checklist, load_checklist
from robopref.checklists.inspector import Inspector
from robopref.checklists.trace import Trace
from robopref.checklists.vocabulary import Vocabulary, shipped_vocabulary
from robopref.cli.building import build
from robopref.cli.named_errors import named_after
from robopref.errors import ConfigError
from robopref.protocols import lacking
from robopref.robots.env_abilities import facts_of
from robopref.robots.sim import SimTask


def checklist_of(config: DictConfig) -> tuple[Vocabulary, Checklist, Inspector]:
    """What ``checklist`` and ``inspector`` say.

    Raises:
        ConfigError: There is no checklist of this name, it asks for what there is not, or the inspector is none.
        DataError: It cannot be read.
    """
    vocabulary = shipped_vocabulary()
    checklist = load_checklist(str(config.checklist), vocabulary)
    with named_after("inspector", "labeler."):
        inspector: Any = build(config.inspector)
    if missing := lacking(inspector, Inspector):
        raise ConfigError(f"inspector: {type(inspector).__name__} has no {', '.join(missing)}")
    return vocabulary, checklist, inspector


def require_known_points(config: DictConfig) -> None:
    """Require that simulation, or else the inspector, can tell some point of the checklist, which has to be given.

    Raises:
        ConfigError: There is no checklist of this name, it asks for what there is not, or nobody could say whether it
            is done.
        DataError: It cannot be read.
    """
    vocabulary, checklist, inspector = checklist_of(config)
    if inspector.looks:
        return
    task = SimTask(build(config.env))
    try:
        task.reset(0)
        known = facts_of(task.env)
    finally:
        task.close()
    if not known:
        raise ConfigError(
            f"checklist={config.checklist}: {task.spec.id} says nothing of its states (facts, see "
            "docs/instructions.md); inspector=model asks a vision-language model"
        )
    moment = Trace.of([known, known])
    if all(vocabulary[one.key].satisfied(moment, one.values) is None for one in checklist.requirements):
        raise ConfigError(
            f"checklist={config.checklist}: {task.spec.id} knows nothing of what it asks for, "
            f"only {', '.join(sorted(known))}; inspector=model asks a vision-language model"
        )
