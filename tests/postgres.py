"""A PostgreSQL server on a temporary folder."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.ports import reserved_port
from tests.waiting import until


@contextmanager
def postgres_server() -> Iterator[str]:
    """Start a server on a free port of the loopback address, and stop it and remove its files at the end.

    Yields:
        SQLAlchemy URL of its only database.
    """
    # Debian keeps versions side by side, outside of PATH.
    kept = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    programs = kept[-1] if kept else Path(shutil.which("initdb") or "initdb").resolve().parent
    # The server refuses to run as root; packages make a user for it.
    user = "postgres" if os.getuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="robopref-postgres-"))
    if user:
        os.chown(folder, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
    initialise = [programs / "initdb", "--pgdata", folder / "data", "--auth=trust", "--username=labels"]
    try:
        subprocess.run(
            [*initialise, "--encoding=UTF8", "--no-locale"], check=True, capture_output=True, user=user, cwd=folder
        )
        with reserved_port() as port:
            server = subprocess.Popen(
                [programs / "postgres", "-D", folder / "data", "-p", str(port), "-k", folder, "-h", "127.0.0.1"],
                user=user, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            ready = [programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]

            def answers() -> bool:
                assert server.poll() is None, "the server has ended"
                return subprocess.run(ready, check=False).returncode == 0

            try:
                until(answers)
                yield f"postgresql+psycopg://labels@127.0.0.1:{port}/postgres"
            finally:
                server.send_signal(2)  # SIGINT: a fast shutdown
                server.wait()
    finally:
        shutil.rmtree(folder)
