"""Who is connected to a server, and who goes when there are too many."""

from __future__ import annotations

from typing import Protocol

LATE = "robopref.late"  # in the scope of a request whose answer is held back on purpose


class Connection(Protocol):
    """One of a server's connections."""

    @property
    def address(self) -> str:
        """Who is at the other end."""
        ...

    @property
    def begun(self) -> bool:
        """Whether something was asked since the last reply, if only a part of a request."""
        ...

    @property
    def at_work(self) -> bool:
        """Whether a request that came whole is being answered."""
        ...

    def drop(self) -> None:
        """End it at once."""
        ...


class Door:
    """Lets connections in, up to a number from each address and altogether.

    Whoever comes when it is full takes the place of the oldest one that has said a part of a request, or else nothing.
    So those who only hold connections open hold up nobody, also from the same address, such as that of a proxy.

    Args:
        each: Connections of an address.
        altogether: Connections of all.
    """

    def __init__(self, *, each: int, altogether: int) -> None:
        self.each, self.altogether = each, altogether
        self._inside: dict[Connection, None] = {}  # the oldest first

    def enter(self, connection: Connection) -> bool:
        """Let a connection in.

        Args:
            connection: The new one.

        Returns:
            False if it is to go, because everyone inside is being served.
        """
        same = [one for one in self._inside if one.address == connection.address]
        full = same if len(same) >= self.each else list(self._inside) if len(self._inside) >= self.altogether else []
        if full:
            waiting = [one for one in full if not one.at_work]
            if not waiting:
                return False
            goes = next((one for one in waiting if one.begun), waiting[0])
            self.leave(goes)
            goes.drop()
        self._inside[connection] = None
        return True

    def leave(self, connection: Connection) -> None:
        """A connection has ended."""
        self._inside.pop(connection, None)
