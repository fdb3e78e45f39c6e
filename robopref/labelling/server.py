"""The labelling server: a page, and the few requests that it makes."""

from __future__ import annotations

import logging
import math
import socket
from importlib import resources
from typing import Annotated, Any

from robopref.errors import ConfigError, ConflictError, DataError, DependencyError
from robopref.labelling.access import Access
from robopref.labelling.attempts import Attempts
from robopref.labelling.desk import Desk
from robopref.labelling.guard import App, Guard
from robopref.labelling.media import TYPES
from robopref.labelling.settings import LOOPBACK

try:
    import uvicorn
    from fastapi import Depends, FastAPI, HTTPException, Request, Response
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import FileResponse, JSONResponse
    from pydantic import BaseModel, ConfigDict, Field
except ImportError as error:  # pragma: no cover
    raise DependencyError(
        f"labelling in a browser needs the package {error.name}; install it with: pip install 'robopref[label]'"
    ) from error

_log = logging.getLogger(__name__)
_COOKIE = "robopref_session"
_FILES = {
    "index.html": "text/html; charset=utf-8",
    "style.css": "text/css; charset=utf-8",
    "app.js": "text/javascript; charset=utf-8",
    "server.js": "text/javascript; charset=utf-8",
    "keys.js": "text/javascript; charset=utf-8",
    "questions.js": "text/javascript; charset=utf-8",
    "panels.js": "text/javascript; charset=utf-8",
    "viewer.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_Id = Annotated[str, Field(min_length=1, max_length=500)]
_AnswerId = Annotated[str, Field(pattern="^[A-Za-z0-9-]{8,64}$")]


class _Body(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


class Login(_Body):
    """A token."""

    token: str = Field(max_length=200)


class Nothing(_Body):
    """A request without content."""


class Submission(_Body):
    """An answer about the items as shown."""

    answer_id: _AnswerId
    query_id: _Id
    order: list[Annotated[int, Field(ge=0, le=1000)]] = Field(max_length=100)
    answer: dict[str, Any]
    seconds: float | None = Field(default=None, ge=0, le=86400)
    rationale: str = Field(default="", max_length=2000)


class Undo(_Body):
    """Which answer to take back."""

    answer_id: _AnswerId


def annotator(request: Request) -> str:
    """Who is asking.

    Raises:
        HTTPException: 401 without a valid token or session, 429 after too many wrong tokens.
    """
    access: Access = request.app.state.access
    if access.name is not None:
        return access.name
    header = request.headers.get("authorization", "")
    if header[:7].lower() == "bearer ":
        return _by_token(request, header[7:].strip())
    found = access.by_session(request.cookies.get(_COOKIE, ""))
    if found is None:
        raise HTTPException(401, "a token is needed")
    return found


def _by_token(request: Request, token: str) -> str:
    access, attempts = request.app.state.access, request.app.state.attempts
    address = request.client.host if request.client else ""
    wait = math.ceil(attempts.wait(address))
    if wait > 0:
        raise HTTPException(429, f"too many wrong tokens; wait {wait} s", {"Retry-After": str(wait)})
    name: str | None = access.by_token(token)
    if name is None:
        attempts.failed(address)
        raise HTTPException(401, "nobody has that token")
    return name


Annotator = Annotated[str, Depends(annotator)]


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
    if hosts is None and access.name is not None:
        raise ConfigError("a server that other machines reach needs a token for everyone")
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.state.desk, app.state.access, app.state.attempts = desk, access, Attempts()
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(ConflictError, _conflict)
    app.add_exception_handler(DataError, _broken)
    app.add_api_route("/", _page, methods=["GET"])
    app.add_api_route("/static/{name}", _static, methods=["GET"])
    app.add_api_route("/media/{name:path}", _media, methods=["GET"])
    for path, function in (("login", _login), ("next", _next), ("answer", _answer), ("undo", _undo)):
        app.add_api_route(f"/api/{path}", function, methods=["POST"])
    app.add_api_route("/api/progress", _progress, methods=["GET"])
    return Guard(app, hosts)


def listen(host: str, port: int) -> socket.socket:
    """Take a port.

    Args:
        host: Address.
        port: Port; 0 takes a free one.

    Returns:
        A socket that listens.

    Raises:
        ConfigError: The address does not exist, or the port is taken.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        bound = socket.socket(family, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen()  # a browser that is opened before the server runs waits
    except OSError as error:
        raise ConfigError(f"cannot listen at {host}:{port} ({error.strerror}); choose another labeler.port") from error
    return bound


def serve(app: App, bound: socket.socket) -> None:
    """Serve until interrupted.

    Args:
        app: The application.
        bound: Socket from `listen`.
    """
    config = uvicorn.Config(
        app, access_log=False, log_level="warning", server_header=False, h11_max_incomplete_event_size=16 * 1024,
        timeout_graceful_shutdown=3, ws="none", http="h11",
    )  # fmt: skip
    uvicorn.Server(config).run(sockets=[bound])


def _file(name: str) -> Response:
    if name not in _FILES:
        raise HTTPException(404, "no such file")
    content = resources.files("robopref.labelling").joinpath("page", name).read_bytes()
    return Response(content, headers={"content-type": _FILES[name], "cache-control": "no-cache"})


def _page() -> Response:
    return _file("index.html")


def _static(name: str) -> Response:
    return _file(name)


def _media(request: Request, name: str, _: Annotator) -> Response:
    desk: Desk = request.app.state.desk
    path = None if desk.media is None else desk.media.find(name)
    if path is None:
        raise HTTPException(404, "no such video")
    return FileResponse(path, media_type=TYPES[path.suffix], headers={"cache-control": "private, max-age=3600"})


def _login(request: Request, body: Login) -> Response:
    access: Access = request.app.state.access
    name = access.name or _by_token(request, body.token)
    response = JSONResponse({"annotator": name})
    if access.name is None:
        response.set_cookie(
            _COOKIE, access.session(name), max_age=30 * 86400, httponly=True, samesite="strict",
            secure=request.url.scheme == "https",
        )  # fmt: skip
    return response


def _next(request: Request, _: Nothing, who: Annotator) -> Response:
    return JSONResponse(request.app.state.desk.next(who))


def _answer(request: Request, body: Submission, who: Annotator) -> Response:
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


def _undo(request: Request, body: Undo, who: Annotator) -> Response:
    desk: Desk = request.app.state.desk
    desk.assignments.retract(who, body.answer_id)
    return JSONResponse(desk.next(who))


def _progress(request: Request, _: Annotator) -> Response:
    return JSONResponse(request.app.state.desk.progress())


def _invalid(_: Request, error: Exception) -> Response:
    """What is wrong with a request, without the request's own content."""
    wrong = error.errors()[0] if isinstance(error, RequestValidationError) else {"loc": (), "msg": "invalid"}
    place = ".".join(str(part) for part in wrong["loc"] if isinstance(part, str) and len(part) < 40)
    text = f"{place}: {wrong['msg']}".encode("ascii", "replace").decode()[:300]
    return JSONResponse({"error": text}, status_code=422)


def _refused(_: Request, error: Exception) -> Response:
    known = error if isinstance(error, HTTPException) else HTTPException(400, "invalid")
    text = str(known.detail).encode("ascii", "replace").decode()[:300]
    return JSONResponse({"error": text}, known.status_code, known.headers)


def _conflict(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)[:300]}, status_code=409)


def _broken(_: Request, error: Exception) -> Response:
    _log.error("%s", error)
    return JSONResponse({"error": "the label database cannot be used just now"}, status_code=503)
