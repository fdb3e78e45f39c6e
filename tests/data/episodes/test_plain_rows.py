"""Rows behind those of plain arrays that other writers described in their own way."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robopref.data.episodes.replay_layout import ReplayLayout


@pytest.mark.parametrize(
    "say",
    [
        lambda told: told.update(fill_value=None),
        lambda told: told.pop("filters"),
        lambda told: told.pop("compressor"),
        lambda told: told.pop("dimension_separator", None),
        lambda told: told.update(order="F"),
    ],
    ids=["no fill value", "no filters", "no compressor", "no separator", "columns first"],
)
@pytest.mark.parametrize("dtype", ["<i4", ">i4", "u1", "?", "<f2"])
def test_what_zarr_can_append_to_can_be_appended_to(
    tmp_path: Path, say: Callable[[dict[str, Any]], Any], dtype: str
) -> None:
    ReplayLayout.create(tmp_path / "store", {})
    rows = {"x": np.ones((5, 1), dtype), "none": np.zeros((5, 0), dtype)}
    ReplayLayout(tmp_path / "store", writable=True).extend(rows)
    about = tmp_path / "store" / "data" / "x" / ".zarray"
    told = json.loads(about.read_text())
    say(told)
    about.write_text(json.dumps(told))
    ReplayLayout(tmp_path / "store", writable=True).extend({name: 0 * one for name, one in rows.items()})
    found = ReplayLayout(tmp_path / "store", writable=False).arrays
    np.testing.assert_array_equal(found["x"][:], np.repeat([1, 0], 5)[:, None].astype(dtype))
    assert found["none"].shape == (10, 0)
