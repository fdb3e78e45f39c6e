"""The page of `robopref cameras`, in a real browser."""

from pathlib import Path

import numpy as np
import pytest

from robopref.cameras import Alignment, Calibration
from robopref.views.camera_page import CellView, create_app
from robopref.web.access import Access
from robopref.web.serving import Background, listen
from tests.cli.cell import record
from tests.web.browser import chromium
from tests.web.requests import call

# How many pixels of the scene have the colours of the first and of the second camera, and all pixels as text.
PICTURE = """
const canvas = document.getElementById("scene"), [w, h] = [canvas.width, canvas.height];
const data = canvas.getContext("2d").getImageData(0, 0, w, h).data, counts = [0, 0];
for (let i = 0; i < data.length; i += 4) {
  [[230, 158, 0], [87, 181, 232]].forEach((color, camera) => {
    if (color.every((value, channel) => Math.abs(value - data[i + channel]) < 4)) counts[camera] += 1;
  });
}
return [counts, canvas.toDataURL()];
"""
ROWS = [["camera", "translation, mm"], ["front", "0.00"], ["side", "5.00"]]


def cell(folder: Path) -> CellView:
    """Two cameras, of which the second was calibrated badly and is put right."""
    true = record(folder)
    found = [Alignment(Calibration(true[name]), Calibration.load(folder / f"{name}.json")) for name in true]
    clouds = [np.load(folder / f"{name}.npy") for name in true]
    return CellView(clouds, found, ROWS, 0.006, ((-0.2, -0.2, 0), (0.2, 0.2, 0.2)))


@pytest.mark.slow
def test_both_clouds_are_drawn_and_the_toggle_moves_one_of_them(tmp_path: Path) -> None:
    view, (access, token) = cell(tmp_path), Access.once("ann")
    bound = listen("127.0.0.1", 0)
    port = bound.getsockname()[1]
    server = Background(create_app(view, access, port), bound)
    try:
        with chromium(tmp_path / "profile", 960, 600) as page:
            page.driver.get(f"http://127.0.0.1:{port}/#{token}")

            def picture(kind: str) -> str:
                page.wait(f"body[data-shown={kind}] #scene[data-state=drawn]")
                counts, pixels = page.driver.execute_script(PICTURE)
                assert min(counts) > 500
                return pixels

            refined = picture("refined")
            assert token not in page.driver.current_url
            assert page.text("#rows") == "front0.00side5.00"
            page.click("[data-kind=rough]")
            rough = picture("rough")
            assert page.text("#kind") == "as calibrated"
            assert rough != refined
            page.press(" ")
            assert picture("refined") == refined
            assert page.errors() == []
    finally:
        server.close()


def test_only_who_has_the_token_sees_the_clouds(tmp_path: Path) -> None:
    access, token = Access.once("ann")
    app = create_app(cell(tmp_path), access, 8767)
    assert call(app, "GET", "/").status == 200  # the page, which asks for the token
    assert call(app, "GET", "/api/cameras").status == 401
    host = ("host", "127.0.0.1")
    assert call(app, "GET", "/api/cameras", [host, ("authorization", "Bearer wrong")]).status == 403
    reply = call(app, "GET", "/api/cameras", [host, ("authorization", f"Bearer {token}")])
    assert reply.json["workspace"] == [[-0.2, -0.2, 0], [0.2, 0.2, 0.2]]
    front, side = reply.json["clouds"]
    assert front["rough"] == front["refined"]
    assert side["rough"] != side["refined"]
