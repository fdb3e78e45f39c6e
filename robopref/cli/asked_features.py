"""What ``label.features`` says of features that are asked about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omegaconf import OmegaConf

from robopref.errors import ConfigError, unknown_name

SAID = ("feature", "said", "unit", "scale", "low", "high", "side")


def asked_features(given: Any) -> dict[str, dict[str, Any]] | None:
    """What the setting says of each feature, by name.

    Args:
        given: Its value.

    Returns:
        Values of `SAID` that are given, and the feature always; None if what is asked about is left open.

    Raises:
        ConfigError: It is neither features nor settings of them.
    """
    if given is None:
        return None
    plain: Any = OmegaConf.to_container(given) if OmegaConf.is_config(given) else given
    plain = [plain] if isinstance(plain, str) else plain
    told: dict[str, Any] = dict.fromkeys(map(str, plain)) if isinstance(plain, list) else plain
    if not told:
        raise ConfigError("label.features names no feature; leave it out to be offered some")
    found: dict[str, dict[str, Any]] = {}
    for name, one in told.items():
        settings = {"feature": name} if one is None else {"feature": one} if isinstance(one, str) else one
        if not isinstance(settings, dict) or not isinstance(settings.get("feature", name), str):
            raise ConfigError(f"label.features.{name} must be a feature, or settings {', '.join(SAID)}; got {one!r}")
        for key in settings:
            if key not in SAID:
                raise unknown_name(f"setting of label.features.{name}", str(key), SAID)
        found[str(name)] = {"feature": name, **_checked(str(name), settings)}
    return found


def _checked(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    for key, value in settings.items():
        number = key in ("scale", "low", "high")
        if isinstance(value, bool) or not isinstance(value, (int, float) if number else str):
            raise ConfigError(f"label.features.{name}.{key} must be {'a number' if number else 'text'}, got {value!r}")
    return {key: float(value) if key in ("scale", "low", "high") else value for key, value in settings.items()}
