"""The labelling server: a page, and the few requests that it makes."""

from __future__ import annotations

import logging
from typing import Annotated, Any

from robopref.errors import ConflictError, DataError
from robopref.labelers.people.desk import Desk
from robopref.labelers.people.media import TYPES
from robopref.web.access import Access
from robopref.web.request_guard import LOOPBACK, App, RequestGuard
from robopref.web.site import (
    Body,
    Field,
    FileResponse,
    HTTPException,
    JSONResponse,
    Request,
    Response,
    Visitor,
    create_site,
)  # fmt: skip
from robopref.web.sparing import Sparing

_log = logging.getLogger(__name__)
_log.addFilter(Sparing())
_Id = Annotated[str, Field(min_length=1, max_length=500)]
_AnswerId = Annotated[str, Field(pattern="^[A-Za-z0-9-]{8,64}$")]


class Nothing(Body):
    """A request without content."""


class Submission(Body):
    """An answer about the items as shown."""

    answer_id: _AnswerId
    query_id: _Id
    order: list[Annotated[int, Field(ge=0, le=1000)]] = Field(max_length=100)
    answer: dict[str, Any]
    seconds: float | None = Field(default=None, ge=0, le=86400)
    rationale: str = Field(default="", max_length=2000)


class Undo(Body):
    """Which answer to take back."""

    answer_id: _AnswerId


def create_app(desk: Desk, access: Access, hosts: tuple[str, ...] | None = LOOPBACK) -> App:
    """Make the application.

    Args:
        desk: Puts the questions.
        access: Who may label.
        hosts: Names that the server goes by; None for any.

    Returns:
        An ASGI application.

    Raises:
        ConfigError: It would go by any name, and let everyone in without a token.
    """
    app = create_site(
        access,
        ("robopref.web", "robopref.labelers.people"),
        "index.html",
        "robopref_session",
        open_to_all=hosts is None,
    )
    app.state.desk = desk
    app.add_exception_handler(ConflictError, _conflict)
    app.add_exception_handler(DataError, _broken)
    app.add_api_route("/media/{name:path}", _media, methods=["GET"])
    for path, function in (("next", _next), ("answer", _answer), ("undo", _undo)):
        app.add_api_route(f"/api/{path}", function, methods=["POST"])
    app.add_api_route("/api/progress", _progress, methods=["GET"])
    return RequestGuard(app, hosts)


def _media(request: Request, name: str, _: Visitor) -> Response:
    desk: Desk = request.app.state.desk
    path = None if desk.media is None else desk.media.find(name)
    if path is None:
        raise HTTPException(404, "no such video")
    return FileResponse(path, media_type=TYPES[path.suffix], headers={"cache-control": "private, max-age=3600"})


def _next(request: Request, _: Nothing, who: Visitor) -> Response:
    return JSONResponse(request.app.state.desk.next(who))


def _answer(request: Request, body: Submission, who: Visitor) -> Response:
    desk: Desk = request.app.state.desk
    query = desk.assignments.query(body.query_id) if body.query_id.isprintable() else None
    if query is None:
        raise HTTPException(404, "no such question")
    try:
        given = desk.read(query, who, body.answer, seconds=body.seconds, rationale=body.rationale)
    except DataError as error:
        raise HTTPException(422, str(error)) from error
    if list(given.order) != body.order:
        raise HTTPException(409, "the items are shown in another order now; load the page again")
    return JSONResponse(desk.answer(given, body.answer_id))


def _undo(request: Request, body: Undo, who: Visitor) -> Response:
    desk: Desk = request.app.state.desk
    desk.assignments.retract(who, body.answer_id)
    return JSONResponse(desk.next(who))


def _progress(request: Request, _: Visitor) -> Response:
    return JSONResponse(request.app.state.desk.progress())


def _conflict(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)[:300]}, status_code=409)


def _broken(_: Request, error: Exception) -> Response:
    _log.error("%s", error)
    return JSONResponse({"error": "the label database cannot be used just now"}, status_code=503)
