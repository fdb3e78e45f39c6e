"""`robopref deploy deploy.view=browser`: the page of a run on this machine."""

from __future__ import annotations

import getpass
import shlex
import sys
import webbrowser
from collections.abc import Callable

from robopref.cli.context import Context
from robopref.cli.deploy_view import HELP
from robopref.data.episodes.geometry import optional_geometry
from robopref.recording.timing import Timing
from robopref.runtime.control_loop import Runtime
from robopref.runtime.recovery import Recovery

_HOST = "127.0.0.1"


class Page:
    """A page that follows a run once it is shown; a context manager that frees the port at the end.

    Args:
        context: Of the command.

    Raises:
        ConfigError: The port is taken.
        DependencyError: The packages that serve pages are not installed.
    """

    def __init__(self, context: Context) -> None:
        from robopref.web.serving import listen

        self._context = context
        self._bound = listen(_HOST, int(context.config.deploy.page.port), "deploy.page.port")
        self._end = self._bound.close
        self._watched: Callable[[], bool] = lambda: False

    def __enter__(self) -> Page:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    @property
    def present(self) -> bool:
        """Whether somebody looks at it."""
        return self._watched()

    def show(self, runtime: Runtime, timing: Timing, recovery: Recovery) -> None:
        """Serve the page, and say where it is."""
        from robopref.views.run import RunView
        from robopref.views.run_server import Audience, create_app
        from robopref.web.access import Access, usable_name
        from robopref.web.serving import Background

        context, port = self._context, self._bound.getsockname()[1]
        geometry = optional_geometry(context.demonstrations)
        view = RunView(runtime, timing, geometry, recovery)
        runtime.subscribers.append(view)
        access, token = Access.once(usable_name(str(context.config.deploy.operator or getpass.getuser()), "operator"))
        audience = Audience(view, again=_again())
        self._watched = lambda: audience.present
        server = Background(create_app(audience, access, port), self._bound)

        def end() -> None:
            audience.closing = True
            server.close()

        self._end = end
        # What follows # is sent to no server, and is in no log of one.
        address = f"http://{_HOST}:{port}/#{token}"
        context.console.print(f"Watch at {address}", soft_wrap=True, highlight=False, markup=False)
        context.console.print(f"Here: {HELP}", highlight=False, markup=False)
        if context.config.deploy.page.open:
            webbrowser.open(address)


def _again() -> str:
    """The command line that this command was started with."""
    return shlex.join(["robopref", *sys.argv[1:]])
