"""Calls in scripts that no test runs: which of them what they call would refuse, found without running anything.

A script is imported, and its calls are read from its source. What a name stands for is known of what is imported or
defined at the top, of annotated parameters, and of what is assigned once from a call whose result is annotated; other
names are passed over.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import typing
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

OURS = ("robopref", "envs", "benchmarks", "tests")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_UNKNOWN = object()


def wrong_calls(module: ModuleType) -> list[str]:
    """Calls of a script that would fail for their arguments, and names that what is imported lacks.

    Args:
        module: The script, imported.

    Returns:
        A line for each, with its place.
    """
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    return list(_Reader(module, tree).wrong(tree, {}))


class _Instance:
    """What is known of a value: its class."""

    def __init__(self, of: type) -> None:
        self.of = of


class _Reader:
    def __init__(self, module: ModuleType, tree: ast.Module) -> None:
        self._module = module
        self._once = _assigned(tree)

    def wrong(self, node: ast.AST, known: dict[str, Any]) -> Iterator[str]:
        """Walk a scope, with what its names stand for."""
        if isinstance(node, _FUNCTIONS):
            known = known | self._locals(node, known)
        if isinstance(node, ast.Call):
            yield from self._check(node, known)
        elif isinstance(node, ast.Attribute):
            held = self._of(node.value, known)
            if isinstance(held, ModuleType) and _is_ours(held) and self._of(node, known) is _UNKNOWN:
                yield self._said(node, f"{held.__name__} has no {node.attr}")
        if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            known = known | dict.fromkeys(_bound(node), _UNKNOWN)
        for inner in ast.iter_child_nodes(node):
            yield from self.wrong(inner, known)

    def _said(self, node: ast.AST, what: str) -> str:
        return f"{self._module.__name__}:{getattr(node, 'lineno', 0)}: {what}"

    def _locals(self, node: Any, known: dict[str, Any]) -> dict[str, Any]:
        """What names of a function stand for, as far as that is said."""
        found: dict[str, Any] = dict.fromkeys(_bound(node), _UNKNOWN)
        given = node.args
        for one in [*given.posonlyargs, *given.args, *given.kwonlyargs]:
            found[one.arg] = self._annotated(one.annotation, known)
        for one in (given.vararg, given.kwarg):
            if one is not None:
                found[one.arg] = _UNKNOWN
        body = node.body if isinstance(node.body, list) else []
        for inner in (one for line in body for one in _own(line)):
            if isinstance(inner, ast.ImportFrom | ast.Import):
                found |= _imported(inner)
            elif isinstance(inner, ast.FunctionDef):
                found[inner.name] = _UNKNOWN
        for name, value in _assigned(node).items():  # in their order, as one may be made of another
            if name in found:
                found[name] = self._made(value, known | found)
        return found

    def _annotated(self, annotation: ast.expr | None, known: dict[str, Any]) -> Any:
        of = _UNKNOWN if annotation is None else self._of(annotation, known)
        return _Instance(of) if inspect.isclass(of) and _is_ours(of) else _UNKNOWN

    def _made(self, value: ast.expr, known: dict[str, Any]) -> Any:
        """What a call or a name gives."""
        if not isinstance(value, ast.Call):
            method = isinstance(value, ast.Attribute) and isinstance(self._of(value.value, known), _Instance)
            return _UNKNOWN if method else self._of(value, known)
        called = self._of(value.func, known)
        if inspect.isclass(called):
            return _Instance(called) if _is_ours(called) else _UNKNOWN
        try:
            result = typing.get_type_hints(called).get("return")
        except (NameError, TypeError, AttributeError):  # imported for type checkers alone, or no function
            return _UNKNOWN
        return _Instance(result) if inspect.isclass(result) and _is_ours(result) else _UNKNOWN

    def _of(self, node: ast.expr, known: dict[str, Any]) -> Any:
        """What an expression stands for: an object, or an `_Instance`."""
        if isinstance(node, ast.Name):
            if node.id in known:
                return known[node.id]
            found = vars(self._module).get(node.id, _UNKNOWN)
            return _Instance(type(found)) if _is_ours(type(found)) else found
        if isinstance(node, ast.Call):
            return self._made(node, known)
        if not isinstance(node, ast.Attribute):
            return _UNKNOWN
        held = self._of(node.value, known)
        if isinstance(held, _Instance):
            return _attribute(held.of, node.attr)
        return getattr(held, node.attr, _UNKNOWN) if isinstance(held, ModuleType) or inspect.isclass(held) else _UNKNOWN

    def _check(self, node: ast.Call, known: dict[str, Any]) -> Iterator[str]:
        called, given = self._of(node.func, known), _Given.of(node)
        held = self._of(node.func.value, known) if isinstance(node.func, ast.Attribute) else _UNKNOWN
        bound = isinstance(held, _Instance) and not isinstance(
            inspect.getattr_static(held.of, node.func.attr, None), staticmethod | classmethod
        )
        if called in (functools.partial, dataclasses.replace) and node.args:
            first = self._of(node.args[0], known)
            given = dataclasses.replace(given, positional=given.positional - 1, whole=False)
            if called is functools.partial:
                called = first
            elif isinstance(first, _Instance) and dataclasses.is_dataclass(first.of):
                lacking = given.keywords - {one.name for one in dataclasses.fields(first.of)}
                yield from (self._said(node, f"{first.of.__name__} has no {name} to replace") for name in lacking)
                return
        if callable(called) and _is_ours(called):
            why = _refused(called, given, bound=bound)
            if why:
                yield self._said(node, f"{getattr(called, '__qualname__', called)}: {why}")
            for name in given.keywords - _parameters(called):
                for other in _handed_on(called):
                    if name not in _parameters(other) and not _takes_any(other):
                        yield self._said(node, f"{called.__qualname__} hands {name} on to {other.__qualname__}")


@dataclasses.dataclass(frozen=True)
class _Given:
    """Arguments of a call: how many by position, and which by name; whether these are all."""

    positional: int
    keywords: frozenset[str]
    whole: bool

    @classmethod
    def of(cls, node: ast.Call) -> _Given:
        names, whole = set[str](), not any(isinstance(one, ast.Starred) for one in node.args)
        for one in node.keywords:
            inner: list[Any] = one.value.keys if one.arg is None and isinstance(one.value, ast.Dict) else []
            names |= {one.arg} if one.arg else {key.value for key in inner if isinstance(key, ast.Constant)}
            whole = whole and (one.arg is not None or (bool(inner) and all(isinstance(k, ast.Constant) for k in inner)))
        return cls(sum(not isinstance(one, ast.Starred) for one in node.args), frozenset(names), whole)


def _refused(called: Any, given: _Given, *, bound: bool) -> str:
    try:
        signature = inspect.signature(called)
    except (TypeError, ValueError):
        return ""
    arguments = [None] * (given.positional + bound)
    try:
        (signature.bind if given.whole else signature.bind_partial)(*arguments, **dict.fromkeys(given.keywords))
    except TypeError as error:
        return str(error)
    return ""


def _parameters(called: Any) -> set[str]:
    try:
        return set(inspect.signature(called).parameters)
    except (TypeError, ValueError):
        return set()


def _takes_any(called: Any) -> bool:
    try:
        parameters = inspect.signature(called).parameters.values()
    except (TypeError, ValueError):
        return True
    return any(one.kind is one.VAR_KEYWORD for one in parameters)


@functools.cache
def _handed_on(called: Any) -> tuple[Any, ...]:
    """What a function of a script hands keywords on to that are not its own."""
    if not inspect.isfunction(called) or not called.__module__.startswith("benchmarks") or not _takes_any(called):
        return ()
    module = import_module(called.__module__)
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    reader, found = _Reader(module, tree), list[Any]()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == called.__name__ and node.args.kwarg is not None:
            known = reader._locals(node, {})
            for call in (one for one in ast.walk(node) if isinstance(one, ast.Call)):
                on = [one for one in call.keywords if one.arg is None and isinstance(one.value, ast.Name)]
                if any(one.value.id == node.args.kwarg.arg for one in on):
                    found.append(reader._of(call.func, known))
    return tuple(one for one in found if callable(one) and _is_ours(one) and one is not called)


def _attribute(of: type, name: str) -> Any:
    """An attribute of a class as an instance has it; of a property, what it is annotated to give."""
    found = getattr(of, name, _UNKNOWN)
    return found if inspect.isroutine(found) else _UNKNOWN


def _is_ours(thing: Any) -> bool:
    name = thing.__name__ if isinstance(thing, ModuleType) else getattr(thing, "__module__", None)
    return isinstance(name, str) and name.split(".")[0] in OURS


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """A statement and what is in it, without the bodies of functions within."""
    yield node
    if not isinstance(node, _FUNCTIONS):
        for inner in ast.iter_child_nodes(node):
            yield from _own(inner)


def _bound(node: ast.AST) -> set[str]:
    """Names that are bound in a scope."""
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}


def _assigned(node: Any) -> dict[str, ast.expr]:
    """Names that are assigned once in a scope, each by itself, and what to."""
    found, stored = dict[str, ast.expr](), list[str]()
    body = node.body if isinstance(node.body, list) else []
    for inner in (one for line in body for one in _own(line)):
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
            stored.append(inner.id)
        if isinstance(inner, ast.Assign) and len(inner.targets) == 1:
            target, value = inner.targets[0], inner.value
            pairs = [(target, value)]
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
                pairs = list(zip(target.elts, value.elts, strict=True))
            found |= {one.id: made for one, made in pairs if isinstance(one, ast.Name)}
    return {name: value for name, value in found.items() if stored.count(name) == 1}


def _imported(node: ast.Import | ast.ImportFrom) -> dict[str, Any]:
    if isinstance(node, ast.Import):
        return {one.asname or one.name.split(".")[0]: _UNKNOWN for one in node.names}
    if (node.module or "").split(".")[0] not in OURS:
        return {one.asname or one.name: _UNKNOWN for one in node.names}
    module = import_module(str(node.module))
    return {one.asname or one.name: getattr(module, one.name, _UNKNOWN) for one in node.names}
