"""Names that settings give to parts of what is recorded, for features."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

from omegaconf import OmegaConf

from robopref.data.episodes.geometry import optional_geometry
from robopref.data.episodes.store import EpisodeStore
from robopref.errors import ConfigError, RoboprefError
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


@contextmanager
def named_after(setting: str, others: str = "") -> Generator[None]:
    """Say of errors which setting they are about, in place of those of others that have the same parts."""
    try:
        yield
    except RoboprefError as error:
        said = str(error)
        if others:
            said = said.replace(others, f"{setting}." if setting else "")
        elif not said.startswith(setting):
            said = f"{setting}: {said}"
        error.args = (said,)
        raise
