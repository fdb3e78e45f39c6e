"""The page of a run: what happens, several times a second, and the operator's buttons."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from robopref.runtime.operator import press
from robopref.views.run import RunView
from robopref.web.access import Access
from robopref.web.guard import LOOPBACK, App, Guard
from robopref.web.site import (
    Body,
    Field,
    HTTPException,
    JSONResponse,
    Request,
    Response,
    StreamingResponse,
    Visitor,
    create_site,
)  # fmt: skip

_PERIOD = 0.1  # s between what a page is told
_WATCHERS = 4  # pages at a time; browsers keep six connections, and the buttons need one


class Key(Body):
    """A key of the operator."""

    key: str = Field(min_length=1, max_length=1)


class Audience:
    """The pages that watch a run; each is told the newest when it has taken what it was told before.

    Args:
        view: The run.
    """

    def __init__(self, view: RunView) -> None:
        self.view, self.count, self.closing = view, 0, False

    async def watch(self) -> AsyncIterator[str]:
        """What one page is told until it leaves or the audience is closed."""
        self.count += 1
        seen: object = None
        try:
            while not self.closing:
                told, seen = self.view.tell(seen)
                yield told
                await asyncio.sleep(_PERIOD)
            yield self.view.tell(seen)[0] + "event: end\ndata: {}\n\n"
        finally:
            self.count -= 1


def create_app(audience: Audience, access: Access, port: int) -> App:
    """Make the application, for this machine only.

    Args:
        audience: Of the run.
        access: Who may watch and press buttons.
        port: Where it is served; its cookie is named after it.

    Returns:
        An ASGI application.
    """
    app = create_site(access, ("robopref.web", "robopref.views"), "run.html", f"robopref_run_{port}", open_to_all=False)
    app.state.audience = audience
    app.add_api_route("/api/run", _watch, methods=["GET"])
    app.add_api_route("/api/press", _press, methods=["POST"])
    return Guard(app, LOOPBACK)


async def _watch(request: Request, _: Visitor) -> Response:
    audience: Audience = request.app.state.audience
    if audience.count >= _WATCHERS:
        raise HTTPException(503, f"{_WATCHERS} pages watch already")
    return StreamingResponse(audience.watch(), media_type="text/event-stream")


def _press(request: Request, body: Key, who: Visitor) -> Response:
    runtime = request.app.state.audience.view.runtime
    return JSONResponse({"told": press(runtime, body.key, f"on the page, by {who}")})
