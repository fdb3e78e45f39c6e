"""Wrong tokens, and when the next one may be tried."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import deque
from collections.abc import Callable


class Attempts:
    """Counts wrong tokens of the last minute, by address and altogether.

    Only wrong tokens that were compared are remembered, so there are never more than are allowed altogether.

    Args:
        each: Wrong tokens allowed to an address within the time.
        altogether: The same for all addresses together.
        within: The time, s.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        *,
        each: int = 10,
        altogether: int = 100,
        within: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.each, self.altogether, self.within, self.clock = each, altogether, within, clock
        self._failed: deque[tuple[float, str]] = deque(maxlen=altogether)
        self._turn = threading.Lock()

    def wait(self, address: str) -> float:
        """Seconds until an address may try a token; 0 if it may now."""
        now, network = self.clock(), _network(address)
        with self._turn:
            while self._failed and self._failed[0][0] <= now - self.within:
                self._failed.popleft()
            times = [time for time, other in self._failed if other == network]
            waits = [times[-self.each] + self.within - now] if len(times) >= self.each else []
            if len(self._failed) >= self.altogether:
                waits.append(self._failed[0][0] + self.within - now)
        return max(waits, default=0.0)

    def failed(self, address: str) -> None:
        """An address has tried a wrong token."""
        with self._turn:
            self._failed.append((self.clock(), _network(address)))


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
