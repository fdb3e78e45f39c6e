"""What every application of pages has: its files, a login, and replies that say what is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Annotated

from robopref.errors import ConfigError, DependencyError
from robopref.web.access import Access
from robopref.web.attempts import Attempts
from robopref.web.connections import LATE

try:
    from fastapi import Depends, FastAPI, HTTPException, Request, Response
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import FileResponse, JSONResponse, StreamingResponse
    from pydantic import BaseModel, ConfigDict, Field
except ImportError as error:  # pragma: no cover
    raise DependencyError(
        f"pages in a browser need the package {error.name}; install it with: pip install 'robopref[label]'"
    ) from error

# The only file that imports the web framework hands on what applications need of it.
__all__ = [
    "Body", "FastAPI", "Field", "FileResponse", "HTTPException", "JSONResponse", "Request", "Response",
    "StreamingResponse", "Visitor", "create_site",
]  # fmt: skip
_SECONDS_LATE = 1.0  # s until a wrong token is answered, after several
_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


class Body(BaseModel):
    """The JSON of a request: nothing more, nothing less, and of the right types."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


class Login(Body):
    """A token."""

    token: str = Field(max_length=200)


async def visitor(request: Request) -> str:
    """Who is asking.

    Raises:
        HTTPException: 401 without a token or session, 403 with a wrong token, 429 after too many of those.
    """
    access: Access = request.app.state.access
    if access.name is not None:
        return access.name
    header = request.headers.get("authorization", "")
    if header[:7].lower() == "bearer ":
        return await _by_token(request, header[7:])
    found = access.by_session(request.cookies.get(request.app.state.cookie, ""))
    if found is None:
        raise HTTPException(401, "a token is needed")
    return found


Visitor = Annotated[str, Depends(visitor)]


def create_site(access: Access, packages: Sequence[str], index: str, cookie: str, *, open_to_all: bool) -> FastAPI:
    """Make an application with a page, its files below ``/static/`` and ``/api/login``.

    Args:
        access: Who may use it.
        packages: Packages whose folder ``page`` holds the files.
        index: Name of the page.
        cookie: Name of the cookie that keeps the session; browsers share cookies between ports.
        open_to_all: Whether other machines reach it.

    Returns:
        An application, to be put behind a `robopref.web.request_guard.RequestGuard`.

    Raises:
        ConfigError: Other machines reach it, and it would let everyone in without a token.
    """
    if open_to_all and access.name is not None:
        raise ConfigError("a server that other machines reach needs a token for everyone")
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.state.access, app.state.attempts, app.state.cookie = access, Attempts(), cookie
    app.state.index = index
    app.state.files = {file.name: file for package in packages for file in _page(package).iterdir()}
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _refused)
    app.add_api_route("/", _index, methods=["GET"])
    app.add_api_route("/static/{name}", _static, methods=["GET"])
    app.add_api_route("/api/login", _login, methods=["POST"])
    return app


def _page(package: str) -> Traversable:
    return resources.files(package).joinpath("page")


def _static(request: Request, name: str) -> Response:
    """Only files that were listed are read, whatever a path says."""
    file, kind = request.app.state.files.get(name), _TYPES.get(name.rpartition(".")[2])
    if file is None or kind is None:
        raise HTTPException(404, "no such file")
    return Response(file.read_bytes(), headers={"content-type": f"{kind}; charset=utf-8", "cache-control": "no-cache"})


def _index(request: Request) -> Response:
    return _static(request, request.app.state.index)


async def _by_token(request: Request, token: str) -> str:
    """Whose token it is; wrong ones are answered late, so that a right one is never kept out by them."""
    access: Access = request.app.state.access
    name = access.by_token(token.strip())  # spaces come along when a token is copied
    if name is not None:
        return name
    attempts: Attempts = request.app.state.attempts
    wait = attempts.failed(request.client.host if request.client else "")
    if not wait:
        raise HTTPException(403, "nobody has that token")
    request.scope[LATE] = True
    await asyncio.sleep(_SECONDS_LATE)
    raise HTTPException(
        429, "nobody has that token, nor those before; a right one is let in at once", {"Retry-After": str(wait)}
    )


async def _login(request: Request, body: Login) -> Response:
    access: Access = request.app.state.access
    name = access.name or await _by_token(request, body.token)
    response = JSONResponse({"annotator": name})
    if access.name is None:
        response.set_cookie(
            request.app.state.cookie, access.session(name), max_age=30 * 86400, httponly=True, samesite="strict",
            secure=request.url.scheme == "https",
        )  # fmt: skip
    return response


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
