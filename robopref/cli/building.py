"""Parts made of what settings say of them."""

from __future__ import annotations

import re
from typing import Any

import hydra.utils
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue

from robopref.errors import ConfigError, RoboprefError


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
    if "${" in str(content):
        # Hydra resolves what it is given before it reads it, which resolves once more.
        node = literally(literally(content))
    try:
        return hydra.utils.instantiate(node, _convert_="all")
    except MissingMandatoryValue as error:
        missing = error.full_key or "a setting"
        raise ConfigError(f"{missing} has to be given: {missing}=<value>") from error
    except HydraException as error:
        cause = error.__cause__
        if isinstance(cause, RoboprefError):
            raise cause from error
        text = _in_a_line(error)
        if text.startswith("Error locating target") and cause is not None:
            text = f"{text.split(',')[0]}: {_in_a_line(cause)}"
        raise ConfigError(text) from error


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
