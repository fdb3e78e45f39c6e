import base64
import io
import re

import imageio.v3 as imageio
import numpy as np

from robopref.data.episodes.alike import ShownStretch, Stretch
from robopref.reports.alike_report import write_alike


def sheet(tmp_path, arrays, keys=("state",)):
    found = [ShownStretch(Stretch(k, 10 * k, 10 * k + 5), None if k == 0 else 0.1 * k, arrays(k)) for k in range(3)]
    write_alike(tmp_path / "alike.html", "d.zarr", keys, found)
    return (tmp_path / "alike.html").read_text()


def test_pictures_are_films_of_each_stretch(tmp_path):
    page = sheet(tmp_path, lambda k: {"image": np.full((5, 30, 40, 3), 50 * k, np.uint8), "state": np.zeros((5, 2))})
    films = [imageio.imread(io.BytesIO(base64.b64decode(one))) for one in re.findall(r"base64,([\w+/=]+)", page)]
    assert [int(film[0, 0, 0]) for film in films] == [0, 50, 100]
    assert films[0].shape == (30, 4 * 40 + 3 * 8, 3)
    assert "episode 0, steps 0 to 4: asked for" in page
    assert "episode 2, steps 20 to 24: distance 0.200" in page


def test_clouds_without_pictures_and_numbers_without_either_are_drawn(tmp_path):
    rng = np.random.default_rng(0)
    clouds = sheet(tmp_path, lambda _: {"points": rng.normal(size=(5, 20, 3)), "state": np.zeros((5, 2))})
    assert clouds.count("<svg") == 3
    assert "later ones are darker" in clouds
    missing = np.array([[np.nan, 1.0]] * 5)
    lines = sheet(tmp_path, lambda k: {"state": missing * k, "<b>": np.zeros((5, 1))}, keys=("state", "<b>"))
    assert lines.count("<svg") == 3
    assert "<b>" not in re.sub(r"<b>\d", "", lines)
