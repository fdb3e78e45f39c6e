"""What the settings of a part may be, by the annotations of its constructor, which has the last word on ranges."""

from __future__ import annotations

import collections.abc
import dataclasses
import inspect
import pkgutil
import types
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal, Union, Unpack, get_args, get_origin, get_type_hints

from robopref.cli.value_rules import (
    FINITE,
    FLAG,
    PART,
    SECTION,
    TEXT,
    WHOLE,
    Rule,
    admitting,
    choice,
    either,
    listed,
    named,
    optional,
)

_PLAIN: dict[Any, Rule] = {bool: FLAG, int: WHOLE, float: FINITE, str: TEXT, Path: TEXT}
_LISTS = (
    list, tuple, set, frozenset, collections.abc.Sequence, collections.abc.Collection, collections.abc.Iterable,
    collections.abc.Set,
)  # fmt: skip
_NONE, _OTHERS = inspect.Parameter.empty, "**"
_MAPPINGS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)


def rule_of_parameter(owner: str, name: str) -> Rule | None:
    """The rule of a setting by the annotation of the parameter that it is given to; the owner is imported.

    Args:
        owner: What takes the setting: a dotted name, or ``<module>:<id>`` of a task.
        name: The parameter.

    Returns:
        The rule, which admits the parameter's default, too; None if it may be anything as far as annotations say, or
        there is no such owner, which is said when it is built.
    """
    try:
        parameters = _parameters(owner)
    except Exception:  # importing runs code of others
        return None
    annotation, default = parameters.get(name) or parameters.get(_OTHERS, (Any, _NONE))
    rule = rule_of_annotation(annotation)
    return rule if rule is None or default is _NONE else admitting(default, rule)


def rule_of_annotation(annotation: Any) -> Rule | None:
    """The rule of what an annotation admits.

    Args:
        annotation: An evaluated annotation.

    Returns:
        The rule; None if it may be anything.
    """
    origin, inner = get_origin(annotation), get_args(annotation)
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    if origin is Literal:
        return choice(*inner)
    if origin in (Union, types.UnionType):
        kinds = [rule_of_annotation(one) for one in inner if one is not type(None)]
        rule = either([kind for kind in kinds if kind is not None]) if None not in kinds else None
        return optional(rule) if rule is not None and type(None) in inner else rule
    kind = origin or annotation
    if kind in _LISTS:
        return _rule_of_list(inner, fixed=kind is tuple and Ellipsis not in inner)
    if kind in _MAPPINGS:
        value = rule_of_annotation(inner[1]) if len(inner) == 2 else None
        return SECTION if value is None else named(value)
    made = dataclasses.is_dataclass(kind) or getattr(kind, "_is_protocol", False)
    return PART if made or kind is collections.abc.Callable else None


def _rule_of_list(inner: Sequence[Any], *, fixed: bool) -> Rule:
    kinds = [rule_of_annotation(one) for one in inner if one is not Ellipsis]
    rules = [kind for kind in kinds if kind is not None]
    alike = len(rules) == len(kinds) and len({rule.said for rule in rules}) == 1
    size = f" of {len(kinds)}" if fixed and kinds else ""
    said = f"a list{size}, each {rules[0].said}" if alike else f"a list{size}"
    least, most = (len(kinds), len(kinds)) if size else (0, None)
    return listed(rules[0] if alike else None, said, least, most)


@cache
def _parameters(owner: str) -> Mapping[str, tuple[Any, Any]]:
    """Annotations and defaults by name."""
    made = _made_by(owner)
    function = made.__init__ if inspect.isclass(made) else inspect.unwrap(made)
    found: dict[str, tuple[Any, Any]] = {}
    for parameter in inspect.signature(made).parameters.values():
        hint = Any if parameter.annotation is _NONE else _evaluated(parameter.annotation, function)
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD:
            found[parameter.name] = hint, parameter.default
        elif get_origin(hint) is Unpack:
            found |= {name: (one, _NONE) for name, one in get_type_hints(get_args(hint)[0]).items()}
        else:
            found[_OTHERS] = hint, _NONE
    return found


def _made_by(owner: str) -> Any:
    if ":" not in owner:
        return pkgutil.resolve_name(owner)
    from robopref.robots.registered_tasks import made_by  # gymnasium takes a moment

    made = made_by(owner)
    return pkgutil.resolve_name(made) if isinstance(made, str) else made


def _evaluated(annotation: Any, function: Any) -> Any:
    """An annotation alone, as names of others may be known to type checkers only."""
    holder = types.SimpleNamespace(__annotations__={"it": annotation})
    try:
        return get_type_hints(holder, globalns=getattr(function, "__globals__", {}))["it"]
    except (NameError, TypeError, SyntaxError, AttributeError):
        return Any
