"""Parts made of what settings say of them."""

from __future__ import annotations

import inspect
import logging
import re
from typing import Any

import hydra.utils
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue

from robopref.errors import ConfigError, RoboprefError

# What cannot be found is said once, by the error.
logging.getLogger("hydra.utils").setLevel(logging.CRITICAL)


def build(node: Any) -> Any:
    """Construct what a config node names.

    Args:
        node: Node with a ``_target_``.

    Returns:
        The object, or a factory for a partial node.

    Raises:
        ConfigError: The target does not exist or does not take these settings, or one of them is missing.
    """
    content: Any = OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node
    where = str(node._get_full_key(None)) if OmegaConf.is_config(node) else ""  # pyright: ignore[reportPrivateUsage]
    if (pruned := _pruned(content)) != content:
        node = content = pruned
    if "${" in str(content):
        # Hydra resolves what it is given before it reads it, which resolves once more.
        node = literally(literally(content))
    try:
        made = hydra.utils.instantiate(node, _convert_="all")
    except MissingMandatoryValue as error:
        missing = error.full_key or "a setting"
        raise ConfigError(f"{missing} has to be given: {missing}=<value>") from error
    except HydraException as error:
        cause = error.__cause__
        if isinstance(cause, RoboprefError):
            raise cause from error
        _require_taken(content, where)
        text = _in_a_line(error)
        if text.startswith("Error locating target") and cause is not None:
            text = f"{text.split(',')[0]}: {_in_a_line(cause)}"
        raise ConfigError(text) from error
    _require_taken(content, where)  # of what is called later
    return made


def _pruned(content: Any) -> Any:
    """The same without settings that are null and not taken: null stands for none, and no word leaves it out."""
    if isinstance(content, list):
        return [_pruned(inner) for inner in content]
    if not isinstance(content, dict):
        return content
    empty = [name for name, inner in content.items() if inner is None and not str(name).startswith("_")]
    takes = _parameters(str(content["_target_"])) if empty and content.get("_target_") else []
    left_out = {name for name in empty if takes and name not in takes}
    return {name: _pruned(inner) for name, inner in content.items() if name not in left_out}


def _require_taken(content: Any, where: str) -> None:
    """Refuse settings that a part does not take, such as those of another one that it is chosen in place of."""
    if isinstance(content, list):
        for index, inner in enumerate(content):
            _require_taken(inner, f"{where}.{index}")
    if not isinstance(content, dict):
        return
    if content.get("_target_"):
        target = str(content["_target_"])
        takes = _parameters(target)
        wrong = [str(name) for name in content if not str(name).startswith("_") and takes and str(name) not in takes]
        if wrong:
            raise ConfigError(
                f"{where}: {target} takes no {', '.join(wrong)}, only {', '.join(takes)}; leave out what it does not "
                f"take: {' '.join(f'~{where}.{name}' for name in wrong)}"
            )
    for name, inner in content.items():
        _require_taken(inner, f"{where}.{name}".lstrip("."))


def _parameters(target: str) -> list[str]:
    """Names that a class or function takes; none if it takes any, or that is not known."""
    try:
        found = inspect.signature(hydra.utils.get_object(target)).parameters
    except Exception:  # it may be anything, and importing it runs code of others
        return []
    return [] if any(one.kind is one.VAR_KEYWORD for one in found.values()) else list(found)


def target_of(node: Any) -> Any:
    """The class or function that a config node names; None if there is none, which `build` says.

    Args:
        node: Node with a ``_target_``.
    """
    try:
        return hydra.utils.get_object(str(node["_target_"]))
    except Exception:  # it may be anything, and importing it runs code of others
        return None


def _in_a_line(error: BaseException) -> str:
    return " ".join(line.strip() for line in str(error).splitlines() if line.strip())


def literally(value: Any) -> Any:
    """Plain values in which OmegaConf takes no text for a reference.

    Args:
        value: Plain values.

    Returns:
        The same, to be put into a config.
    """
    if isinstance(value, str):
        return re.sub(r"(\\*)\$\{", lambda found: f"{found[1] * 2}\\${{", value)
    if isinstance(value, dict):
        return {key: literally(inner) for key, inner in value.items()}
    return [literally(inner) for inner in value] if isinstance(value, list) else value


def settings(node: DictConfig) -> dict[str, Any]:
    """A config node as plain values."""
    return {str(key): value for key, value in OmegaConf.to_container(node, resolve=True).items()}  # type: ignore[union-attr]
