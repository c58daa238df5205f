# SPDX-License-Identifier: GPL-2.0-or-later
"""What an administrator asks a log for: who signed in, attached and left, one object of JSON a line.

Xpra's own lines are prose and may change with its version; these begin with `{"time":` and are read by programs. Never a password or
a ticket, and no name that is not an account's: somebody may have typed a password into the field for the name.
"""

import json
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

LONGEST_TEXT = 300
MOST_KEYS = 10_000


def _short(value: Any) -> Any:
    return value[:LONGEST_TEXT] if isinstance(value, str) else value


def line(event: str, now: datetime, fields: dict[str, Any]) -> bytes:
    """One line; fields that are None are left out."""
    stamp = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    kept = {name: _short(value) for name, value in fields.items() if value is not None}
    return json.dumps({"time": stamp, "event": event, **kept}, separators=(",", ":")).encode("ascii") + b"\n"


def record(event: str, **fields: Any) -> None:
    """Writes a line to standard output, in one piece, so that no other thread's text gets into it."""
    try:
        os.write(1, line(event, datetime.now(UTC), fields))
    except OSError:
        # A log that nobody takes any more must not stop anybody's work.
        pass


def sign_in(
    outcome: str, *, door: str, address: str, user: str | None, known: bool, reason: str | None = None, times: int | None = None
) -> None:
    """A sign-in that ended. `known`: whether an account of that name exists, and the name may be written."""
    record(
        "sign-in",
        user=user if known else "",
        unknown=None if known else True,
        outcome=outcome,
        reason=reason,
        address=address,
        door=door,
        times=times,
    )


class Sparsely:
    """How often something is worth a line: the first time, then once in a while with the number of times."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def times(self, key: str) -> int:
        """The times that the line stands for, or 0 when it is not due."""
        now = self._clock()
        with self._lock:
            since, count = self._seen.get(key, (now - self._seconds, 0))
            due = now - since >= self._seconds
            self._seen[key] = (now, 0) if due else (since, count + 1)
            self._seen.move_to_end(key)
            while len(self._seen) > MOST_KEYS:
                self._seen.popitem(last=False)
        return count + 1 if due else 0
