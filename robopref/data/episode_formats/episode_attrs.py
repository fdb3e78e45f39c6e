"""What is told of single episodes beside their arrays, such as the model in which one was recorded.

It is the attribute ``episodes`` of a dataset: long texts, which many episodes share, once each, and by episode its
values by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from robopref.errors import DataError

NAME = "episodes"
_LONG = 100  # characters of a text that is kept apart


def told(attrs: Mapping[str, Any], count: int) -> list[dict[str, Any]]:
    """What attributes tell of each episode.

    Args:
        attrs: Of a dataset.
        count: Its episodes.

    Returns:
        By episode its values by name, empty where nothing is told.

    Raises:
        DataError: The attribute is damaged, or of another number of episodes.
    """
    held = attrs.get(NAME)
    if held is None:
        return [{} for _ in range(count)]
    try:
        texts = held["texts"]
        found = [{str(name): _value(value, texts) for name, value in one.items()} for one in held["told"]]
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise DataError(f"the attribute {NAME!r} does not tell of episodes: {error}") from error
    if len(found) != count:
        raise DataError(f"the attribute {NAME!r} tells of {len(found)} episodes, not of {count}")
    return found


def telling(attrs: Mapping[str, Any], episodes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Attributes that tell of each episode.

    Args:
        attrs: Of a dataset; what they tell of episodes is replaced.
        episodes: By episode its values by name.

    Returns:
        The attributes.
    """
    others = {name: value for name, value in attrs.items() if name != NAME}
    if not any(episodes):
        return others
    places: dict[str, int] = {}

    def kept(value: Any) -> Any:
        if isinstance(value, str) and len(value) > _LONG:
            return {"text": places.setdefault(value, len(places))}
        return value

    by_episode = [{name: kept(value) for name, value in one.items()} for one in episodes]
    return {**others, NAME: {"texts": list(places), "told": by_episode}}


def _value(value: Any, texts: Sequence[Any]) -> Any:
    if isinstance(value, Mapping):
        return str(texts[value["text"]])  # type: ignore[index]
    if not isinstance(value, str | int | float | list):
        raise TypeError(f"{value!r:.40} is no text, number or list")
    return value  # type: ignore[reportUnknownVariableType]
