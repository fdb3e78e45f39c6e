"""The page of a run: what happens, several times a second, and the operator's buttons."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, MutableMapping
from typing import Annotated, Any

from robopref.runtime.operator import CHOICES, press
from robopref.views.run import RunView
from robopref.web.access import Access
from robopref.web.request_guard import LOOPBACK, App, Receive, RequestGuard, Send
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
    """A key of the operator, and what the page showed when it was pressed.

    Attributes:
        key: The key.
        plan: Number of the plan, as `RunView` counts them.
        shown: Indices of the candidates that were drawn.
    """

    key: str = Field(min_length=1, max_length=1)
    plan: int | None = Field(default=None, ge=0)
    shown: list[Annotated[int, Field(ge=0)]] = Field(default_factory=list[int], max_length=1000)


class Person(Body):
    """For whom the next plans are to be made.

    Attributes:
        name: As the page was told it.
    """

    name: str = Field(min_length=1, max_length=1000)


class Principle(Body):
    """How the next plans are to be made.

    Attributes:
        text: In words; empty for the mean of all that was learnt from.
    """

    text: str = Field(max_length=1000)


class Audience:
    """The pages that watch a run; each is told the newest when it has taken what it was told before.

    Args:
        view: The run.
        seats: How many pages may watch at a time.
        again: What to type to start the command again, told to pages when it ends.
    """

    def __init__(self, view: RunView, seats: int = _WATCHERS, again: str = "") -> None:
        self.view, self.seats, self.closing = view, seats, False
        self._seats, self._again = seats, again

    @property
    def present(self) -> bool:
        """Whether a page watches."""
        return self.seats < self._seats

    def admit(self) -> Response | None:
        """A reply that tells one page what happens until it leaves, or None if all seats are taken.

        The seat is taken by this call, and given up when the reply ends.
        """
        if self.seats < 1:
            return None
        self.seats -= 1
        return _Watching(self)

    def leave(self) -> None:
        """A page has left its seat."""
        self.seats += 1

    async def watch(self) -> AsyncIterator[str]:
        """What one page is told until it leaves or the audience is closed."""
        seen: object = None
        while not self.closing:
            told, seen = self.view.tell(seen)
            yield told
            await asyncio.sleep(_PERIOD)
        yield self.view.tell(seen)[0] + f"event: end\ndata: {json.dumps({'again': self._again})}\n\n"


class _Watching(StreamingResponse):
    """What one page is told; its seat is free again however it ends."""

    def __init__(self, audience: Audience) -> None:
        super().__init__(audience.watch(), media_type="text/event-stream")
        self._audience = audience

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Tell it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._audience.leave()


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
    app.add_api_route("/api/person", _serve, methods=["POST"])
    app.add_api_route("/api/principle", _judge, methods=["POST"])
    return RequestGuard(app, LOOPBACK)


async def _watch(request: Request, _: Visitor) -> Response:
    audience: Audience = request.app.state.audience
    admitted = audience.admit()
    if admitted is None:
        raise HTTPException(503, "enough pages watch already")
    return admitted


def _serve(request: Request, body: Person, who: Visitor) -> Response:
    runtime = request.app.state.audience.view.runtime
    person = runtime.planner.person
    if person is None or not person.ask(body.name):
        raise HTTPException(422, "nobody of that name can be chosen in this run")
    runtime.request("person", f"{body.name}, on the page, by {who}")
    return JSONResponse({"told": True})


def _judge(request: Request, body: Principle, who: Visitor) -> Response:
    runtime = request.app.state.audience.view.runtime
    principle = runtime.planner.principle
    wrong = "plans of this run are made by no principle" if principle is None else principle.ask(body.text)
    if wrong:
        raise HTTPException(422, wrong)
    runtime.request("principle", f"{body.text.strip() or 'all'}, on the page, by {who}")
    return JSONResponse({"told": True})


def _press(request: Request, body: Key, who: Visitor) -> Response:
    view: RunView = request.app.state.audience.view
    if view.recovery.answer(body.key, who):
        return JSONResponse({"told": True})
    sight = view.sight(who, body.plan, body.shown)
    if sight is None:
        raise HTTPException(422, "the plan has no such candidates")
    if body.plan is not None and body.key in CHOICES and (sight.plan is None or sight.plan is not view.plan):
        return JSONResponse({"told": False, "error": "that plan was gone already; look at this one"})
    return JSONResponse({"told": press(view.runtime, body.key, f"on the page, by {who}", sight)})
