"""What is known of a task before anybody is asked, feature by feature."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from robopref.errors import ConfigError, DataError, unknown_name
from robopref.plain_yaml import shortened, yaml_file
from robopref.rewards.answer_likelihood import TypedQuestion
from robopref.rewards.named_features import NamedFeatures
from robopref.rewards.weight_belief import GivenAnswer, WeightPrior

Direction = Literal["more", "less"]
_SURE = 0.01  # share of the scale of weights that is left open of one that is known not to matter
_WORDS = ("matters", "direction", "effect", "limit")
_LOOKS = "a brief looks like: {task: <sentence>, features: {<name>: {matters: true, direction: less, limit: 0.35}}}"


@dataclass(frozen=True)
class KnownFeature:
    """What is known of one feature; None is left open.

    Attributes:
        matters: Whether it does.
        direction: Whether more or less of it is better.
        effect: What its whole range is worth, as log-odds of a preference; negative where less is better.
        limit: Where the bad begins, in the feature's own unit.

    Raises:
        ConfigError: Two of these contradict each other, or a number is none.
    """

    matters: bool | None = None
    direction: Direction | None = None
    effect: float | None = None
    limit: float | None = None

    def __post_init__(self) -> None:
        for name in ("effect", "limit"):
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise ConfigError(f"{name} must be a finite number, got {value}")
        if self.direction not in (None, "more", "less"):
            raise unknown_name("direction", str(self.direction)[:60], ("more", "less"))
        told = self.direction is not None or bool(self.effect) or self.limit is not None
        if self.matters is False and told:
            raise ConfigError(
                "it does not matter, and yet a direction, effect or limit is given; leave one of them out"
            )
        if self.direction and self.effect and (self.effect > 0) != (self.direction == "more"):
            raise ConfigError(
                f"direction {self.direction} contradicts effect {self.effect:g}, whose sign says the other"
            )

    @property
    def says_direction(self) -> bool:
        """Whether nothing is left for a question whether it matters."""
        return self.matters is False or self.direction is not None or self.effect is not None

    @property
    def says_weight(self) -> bool:
        """Whether the weight is known."""
        return self.matters is False or self.effect is not None


@dataclass(frozen=True)
class Brief:
    """What is known of a task.

    Attributes:
        task: In a sentence.
        features: What is known of features, by name; of those that are not listed nothing is.
    """

    task: str = ""
    features: Mapping[str, KnownFeature] = field(default_factory=dict[str, KnownFeature])

    def of(self, name: str) -> KnownFeature:
        """What is known of a feature."""
        return self.features.get(name, KnownFeature())

    def fixes(self, features: NamedFeatures, question: TypedQuestion) -> bool:
        """Whether the brief says already what a question asks for."""
        if question.feature is None:
            return False
        known = self.of(features.names[question.feature])
        if question.kind == "feature":
            return known.says_direction
        return known.matters is False or known.limit is not None

    def left_open(self, features: NamedFeatures) -> tuple[NDArrayBool, NDArrayBool]:
        """Which weights and which limits are not known, (F,) each; only features with a side have limits."""
        weights = np.array([not self.of(name).says_weight for name in features.names])
        limits = [
            side is not None and self.of(name).limit is None and self.of(name).matters is not False
            for name, side in zip(features.names, features.sides, strict=True)
        ]
        return weights, np.array(limits)

    def prior(self, features: NamedFeatures, *, scale: float = 3.0, doubt: float = 0.3) -> WeightPrior:
        """What is believed of the reward to begin with.

        Args:
            features: Of the reward.
            scale: Standard deviation of a weight that is not known.
            doubt: Standard deviation that an effect is given with.

        Raises:
            ConfigError: The brief is about another feature, or a limit that is none, or lies off the scale.
        """
        self.require_fitting(features)
        known = [self.of(name) for name in features.names]
        mean = np.array([one.effect or 0.0 for one in known])
        std = [_SURE * scale if one.matters is False else scale if one.effect is None else doubt for one in known]
        limits = np.array([np.nan if one.limit is None else one.limit for one in known])
        return WeightPrior(features, mean, np.array(std), features.scaled(limits))

    def answers(self, features: NamedFeatures) -> list[GivenAnswer]:
        """The rest of what is known, as answers to questions whether a feature matters."""
        given: list[GivenAnswer] = []
        for place, name in enumerate(features.names):
            one = self.of(name)
            if one.says_weight or (one.matters is None and one.direction is None):
                continue
            less, more = one.direction != "more", one.direction != "less"
            question = TypedQuestion("feature", np.zeros((0, len(features))), place)
            given.append(GivenAnswer(question, np.array([less, 0, more], dtype=np.float64)))
        return given

    def require_fitting(self, features: NamedFeatures) -> None:
        """Require that the brief is about these features.

        Raises:
            ConfigError: It is about another one, or a limit that is none, or lies off the scale.
        """
        for name, known in self.features.items():
            if name not in features.names:
                raise unknown_name("feature in the brief", name[:80], features.names)
            place = features.place(name)
            if known.limit is None:
                continue
            if features.sides[place] is None:
                raise ConfigError(f"the brief gives a limit of {name}, which has no side on which the bad begins")
            low, high = features.low[place], features.high[place]
            if not low <= known.limit <= high:
                raise ConfigError(
                    f"the brief gives {name} a limit of {known.limit:g}, off its scale from {low:g} to {high:g}"
                )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as a file holds them."""
        told = {name: {w: getattr(one, w) for w in _WORDS} for name, one in self.features.items()}
        plain = {name: {w: value for w, value in one.items() if value is not None} for name, one in told.items()}
        return {**({"task": self.task} if self.task else {}), "features": plain}


NDArrayBool = np.ndarray[Any, np.dtype[np.bool_]]


def read_brief(path: str | Path) -> Brief:
    """Read a brief that somebody wrote: YAML or JSON, see docs/fewer_labels.md.

    Args:
        path: The file.

    Raises:
        DataError: It cannot be read, or is no brief; the message says what was expected where.
    """
    content = yaml_file(path, "brief", _LOOKS)
    try:
        return brief_of(content)
    except ConfigError as error:
        raise DataError(f"the brief {path}: {error}") from error


def brief_of(content: Any) -> Brief:
    """A brief of plain values.

    Args:
        content: As `Brief.to_dict` gives them.

    Raises:
        ConfigError: They are none.
    """
    if content is None:
        raise ConfigError(f"it is empty; {_LOOKS}")
    if not isinstance(content, dict) or not content:
        raise ConfigError(f"expected a mapping, got {shortened(content)}; {_LOOKS}")
    for key in content:
        if key not in ("task", "features"):
            raise unknown_name("part of a brief", str(key)[:60], ("task", "features"))
    task, features = content.get("task", ""), content.get("features", {})
    if not isinstance(task, str):
        raise ConfigError(f"task must be a sentence, got {shortened(task)}")
    if not isinstance(features, dict):
        raise ConfigError(f"features must be a mapping from names, got {shortened(features)}; {_LOOKS}")
    return Brief(task, {_name(name): _known(_name(name), told) for name, told in features.items()})


def _name(name: Any) -> str:
    if not isinstance(name, str):
        raise ConfigError(f"names of features are text, got {shortened(name)}")
    return name


def _known(name: str, told: Any) -> KnownFeature:
    told = {} if told is None else told
    if not isinstance(told, dict):
        raise ConfigError(f"features.{name} must be a mapping with some of {', '.join(_WORDS)}, got {shortened(told)}")
    for word, value in told.items():
        if word not in _WORDS:
            raise unknown_name(f"word of features.{name}", str(word)[:60], _WORDS)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        fits, wanted = {
            "matters": (isinstance(value, bool), "true or false"),
            "direction": (value in ("more", "less"), "more or less"),
        }.get(word, (number, "a number"))
        if not fits:
            raise ConfigError(f"features.{name}.{word} must be {wanted}, got {shortened(value)}")
    try:
        values: dict[str, Any] = dict(told)
        values |= {word: float(values[word]) for word in ("effect", "limit") if word in values}
        return KnownFeature(**values)
    except ConfigError as error:
        raise ConfigError(f"features.{name}: {error}") from error
    except OverflowError as error:
        raise ConfigError(f"features.{name}: a number is too large") from error
