"""The page of calibrated cameras: what each sees, in a colour of its own, as calibrated and refined."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from robopref.cameras import Alignment, Calibration
from robopref.pointclouds import Points, voxel_points
from robopref.web.access import Access
from robopref.web.request_guard import LOOPBACK, App, RequestGuard
from robopref.web.site import JSONResponse, Request, Response, Visitor, create_site


@dataclass(frozen=True)
class CellView:
    """What the page shows.

    Attributes:
        clouds: (P_c, 3) of each camera, in its frame.
        found: What became of the calibration of each.
        rows: The table, its header first.
        voxel: Edge of the voxels of which one point each is drawn, m.
        workspace: Lowest and highest corner of a box to draw, m, base frame.
    """

    clouds: Sequence[Points]
    found: Sequence[Alignment]
    rows: Sequence[Sequence[str]]
    voxel: float = 0.003
    workspace: tuple[Sequence[float], Sequence[float]] | None = None

    def content(self) -> dict[str, Any]:
        """What there is to draw, in values that JSON has."""
        thin = [voxel_points(points, self.voxel) for points in self.clouds]
        middle = np.concatenate([one.calibration.apply(points) for points, one in zip(thin, self.found, strict=True)])
        low, high = np.quantile(middle, [0.02, 0.98], axis=0)  # a few stray points do not make everything small
        return {
            "rows": [list(row) for row in self.rows],
            "clouds": [
                {"rough": _moved(points, one.rough), "refined": _moved(points, one.calibration)}
                for points, one in zip(thin, self.found, strict=True)
            ],
            "center": ((low + high) / 2).tolist(), "radius": max(0.05, 0.6 * float(np.linalg.norm(high - low))),
            "workspace": None if self.workspace is None else [list(map(float, corner)) for corner in self.workspace],
        }  # fmt: skip


def create_app(view: CellView, access: Access, port: int) -> App:
    """Make the application, for this machine only.

    Args:
        view: What it shows.
        access: Who may look.
        port: Where it is served; its cookie is named after it.

    Returns:
        An ASGI application.
    """
    packages = ("robopref.web", "robopref.views")
    app = create_site(access, packages, "cameras.html", f"robopref_cameras_{port}", open_to_all=False)
    app.state.content = view.content()
    app.add_api_route("/api/cameras", _content, methods=["GET"])
    return RequestGuard(app, LOOPBACK)


def _content(request: Request, _: Visitor) -> Response:
    return JSONResponse(request.app.state.content)


def _moved(points: Points, place: Calibration) -> str:
    return base64.b64encode(place.apply(points).astype("<f4").tobytes()).decode()
