"""Wrong tokens, and how long the reply to another one takes."""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections import deque
from collections.abc import Callable


class Attempts:
    """Counts the wrong tokens of the last minute, by address.

    A right token is never counted, and is let in whatever others at its address have tried.

    Args:
        each: Wrong tokens of an address within the time that are answered at once.
        altogether: The most that are remembered, of all addresses together.
        within: The time, s.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        *,
        each: int = 10,
        altogether: int = 1000,
        within: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.each, self.within, self.clock = each, within, clock
        self._failed: deque[tuple[float, str]] = deque(maxlen=altogether)
        self._turn = threading.Lock()

    def failed(self, address: str) -> int:
        """Count a wrong token.

        Args:
            address: Who tried it.

        Returns:
            Seconds after which the address is answered at once again; 0 if it is now.
        """
        now, network = self.clock(), _network(address)
        with self._turn:
            while self._failed and self._failed[0][0] <= now - self.within:
                self._failed.popleft()
            times = [time for time, other in self._failed if other == network]
            self._failed.append((now, network))
        return math.ceil(times[-self.each] + self.within - now) if len(times) >= self.each else 0


def _network(address: str) -> str:
    """What one person commands: an address of IPv4, 64 bits of one of IPv6."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped or ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
