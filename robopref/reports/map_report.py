"""The map of an embedding as a page of its own."""

from __future__ import annotations

from pathlib import Path

from robopref.evaluation.item_map import ItemMap
from robopref.files import write_text
from robopref.reports.map_section import map_section
from robopref.reports.template import header, page


def write_map(path: Path, found: ItemMap, name: str) -> None:
    """Write the map of a run as a page.

    Args:
        path: The HTML file; an earlier one is replaced.
        found: The map.
        name: Of the run.

    Raises:
        DataError: It cannot be written.
    """
    write_text(path, page(f"robopref: {name}", [header("robopref", name), map_section(found)]))
