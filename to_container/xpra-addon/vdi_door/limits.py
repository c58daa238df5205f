# SPDX-License-Identifier: GPL-2.0-or-later
"""How many wrong passwords are taken, by user and address, and how soon one is refused."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

MOST_KEYS = 20_000
# PAM's own delay is left out.
FAILURE_SECONDS = 1.0


def wait_to_refuse(code: str, began: float) -> None:
    """Holds up the refusal of a password, on the connection's own thread. `began` by time.monotonic().

    PAM computes no hash for a name that it does not know: the time that it takes would tell names apart.
    """
    if code in ("credentials", "account"):
        time.sleep(max(0.0, FAILURE_SECONDS - (time.monotonic() - began)))


class FailureLimit:
    """A bucket of attempts for each key, refilled with time. An attempt is taken before PAM is asked, or any number of them could go on
    at once; what was no wrong password is given back, so that nobody can use it up by working."""

    def __init__(self, burst: int, seconds_each: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst = float(burst)
        self._seconds_each = seconds_each
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def _left(self, key: str) -> float:
        left, since = self._buckets.get(key, (self._burst, self._clock()))
        return min(self._burst, left + (self._clock() - since) / self._seconds_each)

    def _keep(self, key: str, left: float) -> None:
        if left >= self._burst:
            self._buckets.pop(key, None)
            return
        self._buckets[key] = (left, self._clock())
        self._buckets.move_to_end(key)
        while len(self._buckets) > MOST_KEYS:
            self._buckets.popitem(last=False)

    def take(self, key: str) -> float:
        """Takes an attempt and gives 0, or gives the seconds until there is one."""
        with self._lock:
            left = self._left(key)
            if left < 1:
                return (1 - left) * self._seconds_each
            self._keep(key, left - 1)
            return 0.0

    def give_back(self, key: str) -> None:
        with self._lock:
            self._keep(key, self._left(key) + 1)

    def succeeded(self, key: str) -> None:
        with self._lock:
            self._buckets.pop(key, None)
