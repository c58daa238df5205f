# SPDX-License-Identifier: GPL-2.0-or-later
"""What waits between a client and its session, and how much of it there may be.

Stock, these queues have no end. Whoever sends and does not take (a client on a stalled line, a session that its user has stopped)
fills the memory of the proxy, which is everybody's. Here the thread that reads the faster side waits instead, and so, by TCP, does
whoever sends.
"""

import queue
import threading
from typing import Any

MOST_BYTES = 2 * 1024 * 1024
MOST_PACKETS = 1000
# What Python takes for anything at all, so that a packet of a million empty lists has its weight as well.
_EACH = 64


def weight(packet: Any) -> int:
    """The bytes that a packet keeps, those in lists and dictionaries included: whoever sends it chooses where they are."""
    total, left = 0, [packet]
    while left:
        item = left.pop()
        total += _EACH
        if isinstance(item, (tuple, list)):
            left.extend(item)
        elif isinstance(item, dict):
            left.extend(item)
            left.extend(item.values())
        elif isinstance(item, (bytes, bytearray, memoryview, str)) or hasattr(item, "datatype"):
            total += len(item)
    return total


class Pressed(queue.Queue):  # type: ignore[type-arg]
    """A queue whose `put` waits for room, except on the main thread, which serves everybody, and where it is told not to."""

    def __init__(self, maxsize: int = 0) -> None:
        # Never the queue's own limit: it would hold up the main thread as well.
        super().__init__(0)
        self._bytes = 0
        self._open = True

    def _put(self, item: Any) -> None:
        # Weighed once: it is not looked at again, and may have been changed by then.
        weighed = weight(item)
        self._bytes += weighed
        super()._put((weighed, item))

    def _get(self) -> Any:
        weighed, item = super()._get()
        self._bytes -= weighed
        return item

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        if block and threading.current_thread() is not threading.main_thread():
            with self.not_full:
                self.not_full.wait_for(self._has_room, timeout)
        super().put(item)

    def _has_room(self) -> bool:
        return not self._open or (self._bytes < MOST_BYTES and self._qsize() < MOST_PACKETS)

    def release(self) -> None:
        """Nobody takes anything any more, and nobody is to wait for it."""
        with self.not_full:
            self._open = False
            self.not_full.notify_all()
