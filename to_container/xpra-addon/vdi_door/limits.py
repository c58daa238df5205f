# SPDX-License-Identifier: GPL-2.0-or-later
"""How many wrong passwords are taken, by user and address."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

MOST_KEYS = 20_000


class FailureLimit:
    """A bucket of failures for each key, refilled with time. Only failures cost, so nobody can use it up by working."""

    def __init__(self, burst: int, seconds_each: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst = float(burst)
        self._seconds_each = seconds_each
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def _left(self, key: str) -> float:
        left, since = self._buckets.get(key, (self._burst, self._clock()))
        return min(self._burst, left + (self._clock() - since) / self._seconds_each)

    def retry_after(self, key: str) -> float:
        """Seconds until this key may try again; 0 when it may now."""
        with self._lock:
            left = self._left(key)
        return 0.0 if left >= 1 else (1 - left) * self._seconds_each

    def failed(self, key: str) -> None:
        with self._lock:
            self._buckets[key] = (max(0.0, self._left(key) - 1), self._clock())
            self._buckets.move_to_end(key)
            while len(self._buckets) > MOST_KEYS:
                self._buckets.popitem(last=False)

    def succeeded(self, key: str) -> None:
        with self._lock:
            self._buckets.pop(key, None)
