"""Names that settings give to parts of what is recorded, for features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omegaconf import OmegaConf

from robopref.cli.named_errors import named_after
from robopref.data.episodes.geometry import optional_geometry
from robopref.data.episodes.store import EpisodeStore
from robopref.errors import ConfigError
from robopref.explanation.grammar import Series, parse_named


def named_quantities(given: Any, dataset: EpisodeStore, example: Mapping[str, Any]) -> dict[str, Series]:
    """Names that settings give, after those that the dataset gives the anchors of its actions.

    Args:
        given: Series by name; None for none.
        dataset: Of the items.
        example: Arrays of an item by name.

    Raises:
        ConfigError: A name is none or taken, or what it stands for is no series.
    """
    plain: Any = {} if given is None else OmegaConf.to_container(given)
    geometry = optional_geometry(dataset)
    anchors: dict[str, str] = {}
    if geometry is not None and "path" in example:
        for place, label in enumerate(geometry.labels):
            if label.isidentifier() and label.isascii():
                anchors[label] = f"path[{3 * place}:{3 * place + 3}]"
    told = {str(name): str(series) for name, series in plain.items()}
    try:
        return parse_named(anchors | told, list(example))
    except ConfigError:
        with named_after("explain.quantities"):
            return parse_named(told, list(example))  # an anchor may be called as an array is
